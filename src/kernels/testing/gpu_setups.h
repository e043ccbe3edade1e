// The GPUs that a test program runs its operators on. A program links one definition of these functions: tests/simt has
// the GPUs that the executor imitates, tests/gpu the real one of hearth_gpu_tests.
#pragma once

#include <string>
#include <vector>

#include "device/gpu/gpu_device.h"

namespace hearth::kernel_testing {

// "simt_gfx9", "gpu". A name is here whether or not the GPU can be opened: a missing GPU fails tests, it skips none.
std::vector<std::string> test_gpu_names();

// The indices of those that whole models are tested on, which takes long: of GPUs that are nearly alike, one.
std::vector<int> whole_model_gpus();

// Opened at the first call, and kept until the program ends. Throws DeviceError.
GpuDevice& test_gpu(int index);

// Whether shapes should be small: the GPU is imitated thread by thread, or runs under a tool that slows it down.
bool test_gpus_are_slow();

// Whether the operators are tested on the CPU too.
bool tests_run_on_cpu();

}  // namespace hearth::kernel_testing
