// The GPUs of the tests under ThreadSanitizer: none.
#include "base/error.h"
#include "kernels/testing/gpu_setups.h"

namespace hearth::kernel_testing {

std::vector<std::string> test_gpu_names() {
  return {};
}

std::vector<int> whole_model_gpus() {
  return {};
}

GpuDevice& test_gpu(int) {
  throw DeviceError("under ThreadSanitizer no GPU is imitated");
}

bool test_gpus_are_slow() {
  return true;
}

bool tests_run_on_cpu() {
  return true;
}

}  // namespace hearth::kernel_testing
