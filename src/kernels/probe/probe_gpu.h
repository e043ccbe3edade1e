// What a GPU can do at best, for percentages: bytes read plainly, and matrix products of numbers that are already
// there.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hearth {

inline constexpr int kProbeThreads = 256;
inline constexpr int kProbeHopperThreads = 256;  // two warpgroups

struct ReadProbeParams {
  const std::byte* data;
  std::int64_t bytes;  // a multiple of 16
  std::uint32_t* out;  // one word, hardly ever written
};

struct MatrixProbeParams {
  int steps;   // of each wave: kMatrixProbeProducts products, one after another
  float* out;  // one value, hardly ever written
};
inline constexpr int kMatrixProbeProducts = 8;

}  // namespace hearth
