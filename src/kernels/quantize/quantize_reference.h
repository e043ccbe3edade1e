// The scalar reference of the activations' quantization, in double precision. Where a product falls on a tie or next to
// one, float32 may round it the other way: comparisons allow q to differ by one there.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

namespace hearth::reference {

struct Int8Block {
  double scale = 0;
  std::vector<double> q;  // not yet rounded to integers
};

// One block of finite values: the largest magnitude becomes 127.
inline Int8Block quantize_int8(std::span<const float> x) {
  double largest = 0;
  for (const double value : x) largest = std::max(largest, std::abs(value));
  Int8Block block;
  block.scale = largest / 127;
  for (const double value : x) block.q.push_back(largest > 0 ? value * 127 / largest : 0);
  return block;
}

// The nearest multiple of the last place that bf16's 8 bits of precision leave, ties to even; for normal numbers.
inline double round_bf16(double x) {
  int exponent = 0;
  const double fraction = std::frexp(x, &exponent);
  return std::ldexp(std::nearbyint(std::ldexp(fraction, 8)), exponent - 8);
}

}  // namespace hearth::reference
