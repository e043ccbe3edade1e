# GPU kernels, compiled ahead of time: every `.cu` file of src/kernels to one code object for each target of each vendor
# whose compiler is here, all embedded in the program; and, for the tests, to functions that the executor of tests/simt
# runs on the host.
set(HEARTH_CUDA_TARGETS "sm_90a" CACHE STRING "NVIDIA targets; a release has sm_80;sm_89;sm_90a;sm_100a;sm_120")
set(HEARTH_AMD_TARGETS "gfx90a;gfx942;gfx1100;gfx1151;gfx1201" CACHE STRING "AMD targets")
option(HEARTH_GPU "Compile the GPU kernels" ON)

find_program(HEARTH_NVCC nvcc PATHS /usr/local/cuda/bin)
find_program(HEARTH_AMD_CLANG clang++-19)
find_program(HEARTH_AMD_LLD ld.lld-19)

set(missing)
set(HEARTH_GPU_TARGETS)
if(NOT HEARTH_GPU)
  set(missing "this build was configured without GPU kernels (HEARTH_GPU=OFF)")
else()
  if(HEARTH_NVCC)
    list(APPEND HEARTH_GPU_TARGETS ${HEARTH_CUDA_TARGETS})
  else()
    list(APPEND missing "this build has no kernels for NVIDIA's GPUs: nvcc was not found")
  endif()
  if(HEARTH_AMD_CLANG AND HEARTH_AMD_LLD)
    list(APPEND HEARTH_GPU_TARGETS ${HEARTH_AMD_TARGETS})
  else()
    list(APPEND missing "this build has no kernels for AMD's GPUs: clang++-19 and ld.lld-19 were not found")
  endif()
endif()
string(JOIN "; " HEARTH_GPU_MISSING ${missing})
string(JOIN " " targets ${HEARTH_GPU_TARGETS})
message(STATUS "GPU targets: ${targets}; ${HEARTH_GPU_MISSING}")

# The object of one kernel file for one target, and in `object_var` its path.
function(hearth_gpu_object source target object_var)
  get_filename_component(module "${source}" NAME_WE)
  if(target MATCHES "^sm_(.*)$")
    set(object "${CMAKE_BINARY_DIR}/${module}.${target}.cubin")
    set(command "${HEARTH_NVCC}" -cubin -std=c++20 -O3 -gencode "arch=compute_${CMAKE_MATCH_1},code=${target}"
                --fmad=false -Xptxas -v --expt-relaxed-constexpr)
  else()
    set(object "${CMAKE_BINARY_DIR}/${module}.${target}.hsaco")
    set(command "${HEARTH_AMD_CLANG}" -x hip -std=c++20 -O3 -nogpuinc -nogpulib --offload-arch=${target}
                --cuda-device-only --no-gpu-bundle-output -mcode-object-version=5 -ffp-contract=off
                -Rpass-analysis=kernel-resource-usage)
  endif()
  # The compiler's report of registers and spills stays beside the object: tests read it.
  add_custom_command(
    OUTPUT "${object}"
    COMMAND "${CMAKE_COMMAND}" -DREPORT=${object}.txt -P "${PROJECT_SOURCE_DIR}/cmake/RunWithReport.cmake" --
            ${command} -MD -MF "${object}.d" "-I${PROJECT_SOURCE_DIR}/src" -o "${object}" "${source}"
    DEPENDS "${source}" "${PROJECT_SOURCE_DIR}/cmake/RunWithReport.cmake"
    DEPFILE "${object}.d"
    COMMENT "${module} for ${target}"
    VERBATIM)
  set(${object_var} "${object}" PARENT_SCOPE)
endfunction()

# hearth_gpu_code(name sources…): a library with the function embedded_gpu_code(). Files whose names end in _hopper_gpu
# are for sm_90a alone.
function(hearth_gpu_code name)
  set(assembly "${CMAKE_CURRENT_BINARY_DIR}/${name}.S")
  set(table "${CMAKE_CURRENT_BINARY_DIR}/${name}.cc")
  set(objects)
  set(assembly_text "    .section .note.GNU-stack,\"\",@progbits\n    .section .rodata\n")
  set(declarations)
  set(entries)
  foreach(target ${HEARTH_GPU_TARGETS})
    foreach(source ${ARGN})
      get_filename_component(source "${source}" ABSOLUTE)
      get_filename_component(module "${source}" NAME_WE)
      if(module MATCHES "_hopper_gpu$" AND NOT target STREQUAL "sm_90a")
        continue()
      endif()
      hearth_gpu_object("${source}" ${target} object)
      list(APPEND objects "${object}")
      set(symbol "hearth_gpu_${module}_${target}")
      string(APPEND assembly_text
             "    .balign 64\n    .globl ${symbol}_begin, ${symbol}_end\n${symbol}_begin:\n    .incbin \"${object}\"\n${symbol}_end:\n    .byte 0\n")
      string(APPEND declarations "extern const std::byte ${symbol}_begin[], ${symbol}_end[];\n")
      string(APPEND entries "      {\"${module}\", \"${target}\", {${symbol}_begin, ${symbol}_end}},\n")
    endforeach()
  endforeach()
  file(CONFIGURE OUTPUT "${assembly}" CONTENT "${assembly_text}")
  file(CONFIGURE OUTPUT "${table}" CONTENT "// Generated: the embedded code objects.
#include <vector>

#include \"kernels/gpu/gpu_code.h\"

extern \"C\" {
${declarations}}

namespace hearth {

GpuCode embedded_gpu_code() {
  static const std::vector<CodeObject> objects{
${entries}  };
  return {objects, gpu_kernel_names(), \"${HEARTH_GPU_MISSING}\"};
}

}  // namespace hearth
")
  set_source_files_properties("${assembly}" PROPERTIES OBJECT_DEPENDS "${objects}")
  set(amd_objects "${objects}")
  list(FILTER amd_objects INCLUDE REGEX "\\.hsaco$")
  add_custom_target(hearth_amd_objects DEPENDS ${amd_objects})
  add_library(${name} STATIC "${assembly}" "${table}" gpu/gpu_kernel_names.cc)
  target_include_directories(${name} PUBLIC "${PROJECT_SOURCE_DIR}/src")
endfunction()

# hearth_simt_objects(name sources…): the kernels compiled for each GPU that tests/simt imitates, as objects that
# whoever links `name` gets: nothing refers to them by name, they announce themselves to the executor.
function(hearth_simt_objects name)
  add_library(${name} INTERFACE)
  set_source_files_properties(${ARGN} PROPERTIES LANGUAGE CXX)
  foreach(imitated nvidia gfx9)
    string(TOUPPER ${imitated} macro)
    add_library(${name}_${imitated} OBJECT ${ARGN})
    # Functions of unlike structs that are merged make GCC warn of arrays beyond their ends. What only some GPUs'
    # kernels call is in all of them.
    target_compile_options(${name}_${imitated} PRIVATE -x c++ -O2
      $<IF:$<CXX_COMPILER_ID:GNU>,-fno-ipa-icf,-Wno-unused-function>)
    target_compile_definitions(${name}_${imitated} PRIVATE HEARTH_SIMT_${macro})
    target_include_directories(${name}_${imitated} PRIVATE "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}/tests")
    # Each kernel file is a program of its own, and so are its names.
    set_target_properties(${name}_${imitated} PROPERTIES UNITY_BUILD OFF)
    target_sources(${name} INTERFACE $<TARGET_OBJECTS:${name}_${imitated}>)
  endforeach()
endfunction()
