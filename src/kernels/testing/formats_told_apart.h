// Which formats an operator's test must try on a device.
#pragma once

#include <algorithm>
#include <vector>

#include "kernels/matmul/gpu/pack_gpu.h"
#include "kernels/testing/runner.h"

namespace hearth::kernel_testing {

// All of them; on an imitated GPU, where each takes long, the first of each layout. The others of a layout run the same
// kernels on other bytes, and how those are packed is what the test of embedding_gather tries, to the bit, for all.
inline std::vector<Format> formats_told_apart(const Runner& run) {
  std::vector<Format> formats;
  std::vector<GpuLayoutKind> seen;
  for (const FormatTraits& format : all_formats()) {
    const GpuLayoutKind layout = gpu_layout_of(format.format);
    if (run.is_slow() && std::find(seen.begin(), seen.end(), layout) != seen.end()) continue;
    seen.push_back(layout);
    formats.push_back(format.format);
  }
  return formats;
}

}  // namespace hearth::kernel_testing
