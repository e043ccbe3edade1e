// For tests: the devices that whole models are run on.
#pragma once

#include <algorithm>
#include <vector>

#include "kernels/testing/runner.h"

namespace hearth::engine_testing {

// The best instruction set of the CPU with several threads, and the GPUs.
inline std::vector<kernel_testing::Setup> setups() {
  std::vector<kernel_testing::Setup> all = kernel_testing::device_setups();
  const auto last_cpu = std::find_if(all.begin(), all.end(), [](const auto& setup) { return setup.is_gpu(); });
  if (last_cpu != all.begin()) all.erase(all.begin(), last_cpu - 1);
  return all;
}

}  // namespace hearth::engine_testing
