// The GPUs of the ordinary tests: those that the executor imitates. ThreadSanitizer does not know its fibers: under it
// there are none.
#include <memory>

#include "base/check.h"
#include "kernels/testing/gpu_setups.h"
#include "simt/executor.h"
#include "simt/simt_driver.h"

namespace hearth::kernel_testing {

std::vector<std::string> test_gpu_names() {
  std::vector<std::string> names;
#if !defined(__SANITIZE_THREAD__)
  for (const simt::ImitatedGpu& gpu : simt::imitated_gpus()) names.push_back(std::string("simt_") + gpu.name);
#endif
  return names;
}

GpuDevice& test_gpu(int index) {
  static std::unique_ptr<GpuDevice> devices[kSimtDeviceCount];
  CHECK(index >= 0 && index < kSimtDeviceCount);
  std::unique_ptr<GpuDevice>& device = devices[index];
  if (device == nullptr) device = std::make_unique<GpuDevice>(simt_driver(), index, simt_code());
  return *device;
}

bool test_gpus_are_slow() {
  return true;
}

bool tests_run_on_cpu() {
  return true;
}

}  // namespace hearth::kernel_testing
