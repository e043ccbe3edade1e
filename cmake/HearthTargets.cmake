# The two kinds of targets that the tree consists of: a library per folder, and a test program beside it.
find_package(Threads REQUIRED)
# Debian's Python has the numpy that tools/setup installs; another one in PATH may not have it.
find_program(HEARTH_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH)
find_program(HEARTH_PYTHON python3 REQUIRED)

# Debian's shared libraries stand beside the static archives; name the archives, so that the binary needs neither.
function(hearth_archive target archive)
  find_library(${target}_ARCHIVE NAMES ${archive} REQUIRED)
  add_library(${target} INTERFACE)
  target_link_libraries(${target} INTERFACE ${${target}_ARCHIVE})
endfunction()

hearth_archive(archive_context libboost_context.a)
hearth_archive(archive_json libboost_json.a)
if(HEARTH_TESTS)
  hearth_archive(test_oniguruma libonig.so)  # what regular expressions are compared with
endif()
hearth_archive(archive_pcre2 libpcre2-8.a)
hearth_archive(archive_utf8proc libutf8proc.a)
hearth_archive(archive_crypto libcrypto.a)
hearth_archive(archive_ssl libssl.a)
target_link_libraries(archive_crypto INTERFACE ${CMAKE_DL_LIBS})
target_link_libraries(archive_ssl INTERFACE archive_crypto)
hearth_archive(archive_sqlite libsqlite3.a)
target_link_libraries(archive_sqlite INTERFACE m ${CMAKE_DL_LIBS})
hearth_archive(archive_edit libedit.a)
hearth_archive(archive_tinfo libtinfo.a)  # this and the next two: what libedit needs
hearth_archive(archive_bsd libbsd.a)
hearth_archive(archive_md libmd.a)
target_link_libraries(archive_edit INTERFACE archive_tinfo archive_bsd archive_md)
target_compile_definitions(archive_pcre2 INTERFACE PCRE2_CODE_UNIT_WIDTH=8 PCRE2_STATIC)
target_compile_definitions(archive_utf8proc INTERFACE UTF8PROC_STATIC)

# hearth_alone(sources…): compiled alone where a build joins sources (CMAKE_UNITY_BUILD, as the presets with sanitizers
# do): each has a name in its anonymous namespace, or a using declaration, that another file of its folder has as well.
function(hearth_alone)
  set_source_files_properties(${ARGN} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()

# hearth_library(name SOURCES … [DEPENDS …]): the library of one folder of src/.
function(hearth_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(hearth_${name} STATIC ${ARG_SOURCES})
  target_include_directories(hearth_${name} PUBLIC "${PROJECT_SOURCE_DIR}/src")
  list(TRANSFORM ARG_DEPENDS REPLACE "^([a-z]+)$" "hearth_\\1")
  target_link_libraries(hearth_${name} PUBLIC ${ARG_DEPENDS} Threads::Threads)
  hearth_precompile(hearth_${name} common)
endfunction()

# hearth_test(name [GPU] [COMPUTES] [OWN_FLAGS] [SHARDS count] SOURCES … DEPENDS …): one GoogleTest program, whose cases
# tests/run_cases.py runs in one process, or in `count` of them: starting a process for each would take longer than the
# cases do. The sources of those with GPU are part of hearth_gpu_tests as well (tests/gpu). COMPUTES: the sources of the
# test themselves compute for long, and are optimized under the sanitizers too. With OWN_FLAGS, the caller sets options
# of the compiler with which no precompiled headers fit.
# Files under ../shared and the repository's own data are found through these two definitions.
function(hearth_test name)
  cmake_parse_arguments(ARG "GPU;COMPUTES;OWN_FLAGS" "SHARDS" "SOURCES;DEPENDS" ${ARGN})
  if(ARG_GPU)
    list(TRANSFORM ARG_SOURCES PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/" OUTPUT_VARIABLE paths)
    set_property(GLOBAL APPEND PROPERTY HEARTH_GPU_TEST_SOURCES ${paths})
  endif()
  if(NOT HEARTH_TESTS)
    return()
  endif()
  find_package(GTest REQUIRED)
  add_executable(${name} ${ARG_SOURCES})
  list(TRANSFORM ARG_DEPENDS REPLACE "^([a-z]+)$" "hearth_\\1")
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} GTest::gtest GTest::gtest_main)
  if(ARG_GPU OR ARG_COMPUTES)
    hearth_precompile(${name} test)
  elseif(NOT ARG_OWN_FLAGS)
    hearth_precompile(${name} plain_test)
  endif()
  target_compile_definitions(${name} PRIVATE HEARTH_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
                                             HEARTH_SHARED_DIR="${PROJECT_SOURCE_DIR}/../shared")
  if(NOT ARG_SHARDS)
    set(ARG_SHARDS 1)
  endif()
  math(EXPR last "${ARG_SHARDS} - 1")
  foreach(shard RANGE ${last})
    set(test ${name})
    if(ARG_SHARDS GREATER 1)
      set(test ${name}.${shard})
    endif()
    add_test(NAME ${test} COMMAND "${HEARTH_PYTHON}" -B "${PROJECT_SOURCE_DIR}/tests/run_cases.py"
                                  $<TARGET_FILE:${name}> "${CMAKE_BINARY_DIR}/cases/${test}.txt" ${shard} ${ARG_SHARDS})
    # Those in shards take longest and begin first.
    set_tests_properties(${test} PROPERTIES TIMEOUT 3600 COST ${ARG_SHARDS})
  endforeach()
endfunction()

# hearth_benchmark(name SOURCES … DEPENDS …): a Google Benchmark program, built by the `bench` preset only.
function(hearth_benchmark name)
  if(NOT HEARTH_BENCHMARKS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  find_package(benchmark REQUIRED)
  add_executable(${name} ${ARG_SOURCES})
  list(TRANSFORM ARG_DEPENDS REPLACE "^([a-z]+)$" "hearth_\\1")
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} benchmark::benchmark benchmark::benchmark_main)
endfunction()

# hearth_operator_benchmark(name source [GPU_ONLY]): an operator's benchmark, which is part of hearth_gpu_bench
# (tests/gpu), and unless GPU_ONLY a program for the CPU, built by the `bench` preset only.
function(hearth_operator_benchmark name source)
  set_property(GLOBAL APPEND PROPERTY HEARTH_GPU_BENCHMARK_SOURCES "${CMAKE_CURRENT_SOURCE_DIR}/${source}")
  if(HEARTH_BENCHMARKS AND NOT "GPU_ONLY" IN_LIST ARGN)
    add_executable(${name} testing/cpu_bench_main.cc ${source})
    target_link_libraries(${name} PRIVATE hearth_kernels)
  endif()
endfunction()
