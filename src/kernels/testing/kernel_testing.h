// What the operators' tests share: a Runner for every device (runner.h), random data with fixed seeds, and comparisons
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
#include "kernels/testing/runner.h"
#include "tensor/tensor.h"

namespace hearth::kernel_testing {

// Normally distributed.
inline std::vector<float> random_floats(std::int64_t count, std::uint32_t seed, float deviation = 1.0f) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> distribution(0.0f, deviation);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = distribution(generator);
  return values;
}

// Evenly distributed in [low, high].
inline std::vector<std::int32_t> random_integers(std::int64_t count, std::uint32_t seed, std::int32_t low,
                                                 std::int32_t high) {
  std::mt19937 generator(seed);
  std::uniform_int_distribution<std::int32_t> distribution(low, high);
  std::vector<std::int32_t> values(static_cast<std::size_t>(count));
  for (std::int32_t& value : values) value = distribution(generator);
  return values;
}

// One block of random bytes that decodes to finite values of ordinary size: what stands for a format that Hearth reads
// and does not write.
inline void random_block(const FormatTraits& format, std::mt19937& generator, float deviation, std::byte* block) {
  std::uniform_int_distribution<int> byte(0, 255);
  std::vector<float> values(static_cast<std::size_t>(format.block_elements));
  for (;;) {
    for (int i = 0; i < format.block_bytes; ++i) block[i] = static_cast<std::byte>(byte(generator));
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

// A matrix of random weights in any format, as its bytes. `columns` is a multiple of the block.
inline std::vector<std::byte> random_weights(Format format, std::int64_t rows, std::int64_t columns, std::uint32_t seed,
                                             float deviation = 1.0f) {
  const FormatTraits& t = traits(format);
  std::vector<std::byte> bytes(static_cast<std::size_t>(rows * format_bytes(format, columns)));
  if (t.encode != nullptr) {
    const std::vector<float> values = random_floats(rows * columns, seed, deviation);
    t.encode(values.data(), bytes.data(), rows * columns);
    return bytes;
  }
  std::mt19937 generator(seed);
  for (std::size_t at = 0; at < bytes.size(); at += static_cast<std::size_t>(t.block_bytes)) {
    random_block(t, generator, deviation, bytes.data() + at);
  }
  return bytes;
}

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
