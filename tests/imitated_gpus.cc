// The GPUs of the ordinary tests: those that the executor of tests/simt imitates, with the kernels compiled for the
// host, and those that run AMD's code objects (tests/amd).
#include <map>
#include <memory>

#include "amd/amd_driver.h"
#include "base/check.h"
#include "kernels/testing/gpu_setups.h"
#include "simt/executor.h"
#include "simt/simt_driver.h"

namespace hearth::kernel_testing {

std::vector<std::string> test_gpu_names() {
  std::vector<std::string> names;
  for (const simt::ImitatedGpu& gpu : simt::imitated_gpus()) names.push_back(std::string("simt_") + gpu.name);
  for (const std::string_view target : amd::kTargets) names.push_back("code_" + std::string(target));
  return names;
}

std::vector<int> whole_model_gpus() {
  const std::vector<std::string> names = test_gpu_names();
  std::vector<int> indices;
  for (std::size_t i = 0; i < names.size(); ++i) {
    // CDNA2 and CDNA3, RDNA3 and RDNA3.5.
    if (names[i] != "code_gfx90a" && names[i] != "code_gfx1151") indices.push_back(static_cast<int>(i));
  }
  return indices;
}

GpuDevice& test_gpu(int index) {
  static std::map<int, GpuDevice> devices;
  const bool is_simt = index < kSimtDeviceCount;
  if (const auto found = devices.find(index); found != devices.end()) return found->second;
  return is_simt ? devices.try_emplace(index, simt_driver(), index, simt_code()).first->second
                 : devices.try_emplace(index, amd::driver(), index - kSimtDeviceCount, amd::code()).first->second;
}

bool test_gpus_are_slow() {
  return true;
}

bool tests_run_on_cpu() {
  return true;
}

}  // namespace hearth::kernel_testing
