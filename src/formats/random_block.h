// Random weights in formats that Hearth reads and does not write: for tests and benchmarks.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <random>
#include <vector>

#include "formats/format.h"

namespace hearth {

// One block of random bytes, drawn until it decodes to finite values whose largest is between a tenth of `deviation`
// and eight times as much.
inline void random_block(const FormatTraits& format, std::mt19937& generator, float deviation, std::byte* block) {
  std::vector<float> values(static_cast<std::size_t>(format.block_elements));
  for (;;) {
    for (int i = 0; i < format.block_bytes; ++i) block[i] = static_cast<std::byte>(generator() >> 24);
    format.decode_f32(block, values.data(), format.block_elements);
    float largest = 0;
    bool finite = true;
    for (const float value : values) {
      finite = finite && std::isfinite(value);
      largest = std::max(largest, std::abs(value));
    }
    if (finite && largest > 0.1f * deviation && largest < 8 * deviation) return;
  }
}

}  // namespace hearth
