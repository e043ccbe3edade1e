# Writes version.h from its template; called at build time.
execute_process(COMMAND git -C ${SOURCE_DIR} describe --always --dirty --abbrev=12
                OUTPUT_VARIABLE HEARTH_COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  set(HEARTH_COMMIT "unknown")
endif()
set(HEARTH_TARGETS "cpu: portable")
if(PROCESSOR MATCHES "x86_64|AMD64")
  string(APPEND HEARTH_TARGETS ", avx2")
endif()
configure_file(${TEMPLATE} ${OUTPUT} @ONLY)
