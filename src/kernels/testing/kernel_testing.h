// What the operators' tests share: a Runner for every device (runner.h), random data (random_data.h), and comparisons
// that say where two arrays differ.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "formats/format.h"
#include "kernels/testing/random_data.h"
#include "kernels/testing/runner.h"
#include "tensor/tensor.h"

namespace hearth::kernel_testing {

// What a matmul or a gather must see in those bytes: the float32 decoding, or the bf16 one widened to float32.
inline std::vector<float> decoded_weights(Format format, std::span<const std::byte> bytes, std::int64_t count,
                                          bool round_to_bf16) {
  std::vector<float> values(static_cast<std::size_t>(count));
  if (!round_to_bf16) {
    traits(format).decode_f32(bytes.data(), values.data(), count);
    return values;
  }
  std::vector<std::uint16_t> halves(static_cast<std::size_t>(count));
  traits(format).decode_bf16(bytes.data(), halves.data(), count);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = std::bit_cast<float>(static_cast<std::uint32_t>(halves[i]) << 16);
  }
  return values;
}

// |actual - expected| <= relative * |expected| + absolute, element by element; infinities must be equal, NaN matches
// NaN. Reports the worst element only.
template <class Expected>
void expect_close(std::span<const float> actual, std::span<const Expected> expected, double relative, double absolute) {
  ASSERT_EQ(actual.size(), expected.size());
  std::size_t worst = 0, wrong_count = 0;
  double worst_excess = 0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double a = actual[i], e = static_cast<double>(expected[i]);
    if (std::isnan(a) && std::isnan(e)) continue;
    if (std::isinf(e) && std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(e)) continue;
    double excess = std::abs(a - e) / (relative * std::abs(e) + absolute);
    if (!std::isfinite(a) || !std::isfinite(e)) excess = INFINITY;
    if (excess <= 1) continue;  // false for NaN as well, which is 0 / 0: equal values and no tolerance
    if (std::isnan(excess)) continue;
    ++wrong_count;
    if (excess > worst_excess) worst = i, worst_excess = excess;
  }
  EXPECT_EQ(wrong_count, 0u) << "of " << actual.size() << " elements; the worst is [" << worst << "]: " << actual[worst]
                             << ", expected " << expected[worst] << ", " << worst_excess << " times the tolerance";
}

template <class Expected>
void expect_close(const std::vector<float>& actual, const std::vector<Expected>& expected, double relative,
                  double absolute) {
  expect_close(std::span<const float>(actual), std::span<const Expected>(expected), relative, absolute);
}

// The same bytes: law 2.
template <class T>
void expect_same_bits(const std::vector<T>& actual, const std::vector<T>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    if (std::memcmp(&actual[i], &expected[i], sizeof(T)) == 0) continue;
    FAIL() << "element " << i << " of " << actual.size() << ": " << +actual[i] << " and " << +expected[i];
  }
}

}  // namespace hearth::kernel_testing
