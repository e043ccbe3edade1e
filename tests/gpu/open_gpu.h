// The GPU that the programs of this folder run on.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "device/gpu/gpu_device.h"
#include "kernels/gpu/gpu_code.h"

namespace hearth::kernel_testing {

// Opens the device `wanted` ("cuda:0", "hip:1"; empty: the first that either driver opens), or says on standard error
// why there is none.
inline std::unique_ptr<GpuDevice> open_gpu(std::string_view program, std::string_view wanted) {
  std::string reasons;
  for (const auto& [prefix, driver] : {std::pair("cuda:", cuda_driver()), std::pair("hip:", hip_driver())}) {
    if (!wanted.empty() && !wanted.starts_with(prefix)) continue;
    const int index = wanted.empty() ? 0 : std::atoi(std::string(wanted.substr(wanted.find(':') + 1)).c_str());
    if (driver.api == nullptr) {
      reasons += "  " + driver.reason + "\n";
      continue;
    }
    try {
      return std::make_unique<GpuDevice>(*driver.api, index, embedded_gpu_code());
    } catch (const Error& error) {
      reasons += std::string("  ") + error.what() + "\n";
    }
  }
  if (reasons.empty()) reasons = "  --device=" + std::string(wanted) + " is neither cuda:N nor hip:N\n";
  std::fprintf(stderr, "%.*s: no GPU:\n%s", static_cast<int>(program.size()), program.data(), reasons.c_str());
  return nullptr;
}

}  // namespace hearth::kernel_testing
