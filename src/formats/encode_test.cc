// Encoding: exact bytes where a rounding is prescribed, error bounds, and inputs that are not numbers.
//
// Two measures of error. `total_error` is ggml's (its test of quantization functions): the root of the sum of squared
// differences, divided by n; 0.002 is what ggml asks of 4 bits and up on 0.1 + 2 cos(i), i < 4096. `rmse` is the
// root of the mean square, which is 64 times that; its bounds here are each format's own, a little above what its step
// allows, so that a lost bit shows.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <random>
#include <vector>

#include "formats/encode/searched_encoders.h"
#include "formats/float16.h"
#include "formats/format.h"

namespace hearth {
namespace {

std::vector<std::byte> encode(Format format, const std::vector<float>& values) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(format_bytes(format, std::ssize(values))));
  traits(format).encode(values.data(), bytes.data(), std::ssize(values));
  return bytes;
}

std::vector<float> decode(Format format, const std::vector<std::byte>& bytes) {
  const std::int64_t count = std::ssize(bytes) / traits(format).block_bytes * traits(format).block_elements;
  std::vector<float> values(static_cast<std::size_t>(count));
  traits(format).decode_f32(bytes.data(), values.data(), count);
  return values;
}

std::vector<float> round_trip(Format format, const std::vector<float>& values) {
  return decode(format, encode(format, values));
}

double squared_error(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
  return sum;
}

double rmse(const std::vector<float>& a, const std::vector<float>& b) {
  return std::sqrt(squared_error(a, b) / static_cast<double>(a.size()));
}

double total_error(const std::vector<float>& a, const std::vector<float>& b) {
  return std::sqrt(squared_error(a, b)) / static_cast<double>(a.size());
}

std::vector<float> normal_values(std::size_t count, float deviation, unsigned seed = 5) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0f, deviation);
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

constexpr Format kSearched[] = {Format::kQ4_1, Format::kQ5_0, Format::kQ5_1, Format::kQ2K,   Format::kQ3K,
                                Format::kQ4K,  Format::kQ5K,  Format::kQ6K,  Format::kIq4Nl, Format::kIq4Xs};

int byte_at(const std::vector<std::byte>& bytes, std::size_t i) {
  return std::to_integer<int>(bytes.at(i));
}

TEST(Encode, ErrorOnTheCosine) {
  std::vector<float> values(4096);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = 0.1f + 2.0f * std::cos(static_cast<float>(i));
  const struct {
    Format format;
    double rmse_max;
  } cases[] = {{Format::kF32, 0.0},        {Format::kF16, 3e-4},      {Format::kBf16, 2.5e-3}, {Format::kQ4_0, 0.09},
               {Format::kQ4_1, 0.085},     {Format::kQ5_0, 0.045},    {Format::kQ5_1, 0.042},  {Format::kQ8_0, 6e-3},
               {Format::kQ2K, 0.40},       {Format::kQ3K, 0.18},      {Format::kQ4K, 0.075},   {Format::kQ5K, 0.04},
               {Format::kQ6K, 0.021},      {Format::kIq4Nl, 0.1},     {Format::kIq4Xs, 0.1},   {Format::kMxfp4, 0.13},
               {Format::kMxfp6E2m3, 0.04}, {Format::kMxfp6E3m2, 0.07}};
  for (const auto& [format, rmse_max] : cases) {
    const std::vector<float> decoded = round_trip(format, values);
    // What ggml asks of two and three bits.
    const double error_max = format == Format::kQ2K ? 0.0075 : format == Format::kQ3K ? 0.004 : 0.002;
    EXPECT_LE(total_error(values, decoded), error_max) << traits(format).name;
    EXPECT_LE(rmse(values, decoded), rmse_max) << traits(format).name;
    EXPECT_GE(rmse(values, decoded), rmse_max / 2) << traits(format).name << ": the bound is too loose to catch much";
  }
}

TEST(Encode, EveryEncoderIsTestedAndTheOthersAreNull) {
  std::vector<Format> encoders;
  for (const FormatTraits& format : all_formats()) {
    if (format.encode != nullptr) encoders.push_back(format.format);
  }
  const std::vector<Format> expected = {
      Format::kF32,  Format::kF16,   Format::kBf16,  Format::kQ4_0,  Format::kQ4_1,      Format::kQ5_0,
      Format::kQ5_1, Format::kQ8_0,  Format::kQ2K,   Format::kQ3K,   Format::kQ4K,       Format::kQ5K,
      Format::kQ6K,  Format::kIq4Nl, Format::kIq4Xs, Format::kMxfp4, Format::kMxfp6E2m3, Format::kMxfp6E3m2};
  EXPECT_EQ(encoders, expected);
}

TEST(Encode, Q4_0RoundsAsPrescribed) {
  std::vector<float> values(32);
  for (int i = 0; i < 32; ++i) values[static_cast<std::size_t>(i)] = static_cast<float>(i - 16);
  const std::vector<std::byte> bytes = encode(Format::kQ4_0, values);
  EXPECT_EQ(byte_at(bytes, 0), 0x00);  // d = -16 / -8 = 2
  EXPECT_EQ(byte_at(bytes, 1), 0x40);
  for (int j = 0; j < 16; ++j) {
    const int low = (j + 1) / 2, high = std::min(15, (j + 17) / 2);  // halves go up, and 16 to 15
    EXPECT_EQ(byte_at(bytes, static_cast<std::size_t>(2 + j)), low | high << 4) << j;
  }
  // The first of two equal magnitudes decides the sign of d.
  std::vector<float> pair(32, 0.0f);
  pair[3] = 4.0f;
  pair[9] = -4.0f;
  EXPECT_EQ(byte_at(encode(Format::kQ4_0, pair), 1), 0xb8);  // d = -0.5
}

TEST(Encode, IntegersComeFromTheScaleBeforeItIsRounded) {
  // 1000.3 / 127 is not an f16. With d rounded first, the second value would be 63.
  std::vector<float> values(32, 0.0f);
  values[0] = 1000.3f;
  values[1] = 500.13f;
  const float d = 1000.3f / 127.0f;
  const std::vector<std::byte> bytes = encode(Format::kQ8_0, values);
  const int half = f32_to_f16(d);
  EXPECT_EQ(byte_at(bytes, 0) | byte_at(bytes, 1) << 8, half);
  EXPECT_EQ(byte_at(bytes, 2), 127);
  EXPECT_EQ(byte_at(bytes, 3), static_cast<int>(std::round(500.13f * (1.0f / d))));
  EXPECT_NE(byte_at(bytes, 3), static_cast<int>(std::round(500.13f / f16_to_f32(static_cast<std::uint16_t>(half)))));
}

TEST(Encode, Q8_0RoundsHalvesAwayFromZero) {
  std::vector<float> values(32, 0.0f);
  values[0] = -254.0f;
  values[1] = 1.0f;
  values[2] = -1.0f;
  values[3] = 3.0f;
  values[31] = 2.9f;
  const std::vector<std::byte> bytes = encode(Format::kQ8_0, values);
  EXPECT_EQ(byte_at(bytes, 1), 0x40);  // d = 2
  EXPECT_EQ(byte_at(bytes, 2), 0x81);
  EXPECT_EQ(byte_at(bytes, 3), 1);
  EXPECT_EQ(byte_at(bytes, 4), 0xff);
  EXPECT_EQ(byte_at(bytes, 5), 2);
  EXPECT_EQ(byte_at(bytes, 6), 0);
  EXPECT_EQ(byte_at(bytes, 33), 1);
}

TEST(Encode, Mxfp4RoundsTiesTowardsZeroAndSaturates) {
  std::vector<float> values(32, 0.0f);
  const float inputs[] = {7.9f, 5.0f, 2.5f, 3.5f, 0.25f, -0.25f, 0.75f, -5.1f, 0.26f, -0.26f, -1.0f};
  const int codes[] = {7, 6, 4, 5, 0, 0, 1, 15, 1, 9, 10};
  std::copy(std::begin(inputs), std::end(inputs), values.begin());
  std::vector<std::byte> bytes = encode(Format::kMxfp4, values);
  EXPECT_EQ(byte_at(bytes, 0), 127);
  for (std::size_t i = 0; i < std::size(codes); ++i) EXPECT_EQ(byte_at(bytes, 1 + i) & 15, codes[i]) << inputs[i];
  // The largest magnitude's power of two, less 2, is the scale; the smallest scale is 2^-127.
  values.assign(32, 0x1p-126f);
  EXPECT_EQ(byte_at(encode(Format::kMxfp4, values), 0), 0);
  EXPECT_EQ(round_trip(Format::kMxfp4, values), values);
  values.assign(32, 0.375f);
  EXPECT_EQ(byte_at(encode(Format::kMxfp4, values), 0), 127 - 4);
  EXPECT_EQ(round_trip(Format::kMxfp4, values), values);
  values.assign(32, 0.0f);
  EXPECT_EQ(byte_at(encode(Format::kMxfp4, values), 0), 0);
}

TEST(Encode, Mxfp6RoundsTiesToEvenAndSaturates) {
  // 7.9 is beyond 7.5; the step is 0.5 from 4 on, an eighth below 2.
  const std::vector<float> values = [] {
    std::vector<float> all(32, 0.0f);
    const float inputs[] = {7.9f, 4.25f, 4.75f, -4.25f, 0.0625f, 0.1875f, -0.06f};
    std::copy(std::begin(inputs), std::end(inputs), all.begin());
    return all;
  }();
  const std::vector<float> e2m3 = round_trip(Format::kMxfp6E2m3, values);
  const float expected[] = {7.5f, 4.0f, 5.0f, -4.0f, 0.0f, 0.25f, 0.0f};
  for (std::size_t i = 0; i < std::size(expected); ++i) EXPECT_EQ(e2m3[i], expected[i]) << values[i];
  // Scaled by 2^-2: 28 / 4 = 7 is E3M2's largest, and its step 1 from 4 on.
  const std::vector<float> e3m2 = round_trip(Format::kMxfp6E3m2, values);
  const float coarser[] = {7.0f, 4.0f, 5.0f, -4.0f, 0.0625f, 0.1875f, -0.0625f};
  for (std::size_t i = 0; i < std::size(coarser); ++i) EXPECT_EQ(e3m2[i], coarser[i]) << values[i];
}

TEST(Encode, WhatWasDecodedEncodesToItself) {
  const std::vector<float> values = normal_values(4096, 0.02f);
  for (const Format format : {Format::kF32, Format::kF16, Format::kBf16, Format::kQ4_0, Format::kQ8_0, Format::kMxfp4,
                              Format::kMxfp6E2m3, Format::kMxfp6E3m2}) {
    const std::vector<std::byte> bytes = encode(format, values);
    EXPECT_EQ(encode(format, decode(format, bytes)), bytes) << traits(format).name;
  }
  // The searches may find another block; it must stand for nearly the same values.
  for (const Format format : kSearched) {
    const std::vector<float> once = round_trip(format, values);
    EXPECT_LE(rmse(once, round_trip(format, once)), 0.35 * rmse(values, once)) << traits(format).name;
  }
}

// The error of 32 weights each with its own unrounded scale and minimum, spread over the range.
double min_max_squared_error(const std::vector<float>& values, std::size_t group_elements, int q_max) {
  double sum = 0;
  for (std::size_t start = 0; start < values.size(); start += group_elements) {
    const auto [low, high] = std::minmax_element(values.begin() + static_cast<std::ptrdiff_t>(start),
                                                 values.begin() + static_cast<std::ptrdiff_t>(start + group_elements));
    const double step = (double{*high} - *low) / q_max;
    for (std::size_t i = start; i < start + group_elements; ++i) {
      const double difference = *low + step * std::round((values[i] - *low) / step) - values[i];
      sum += difference * difference;
    }
  }
  return sum;
}

TEST(Encode, TheSearchesBeatTheFullRange) {
  for (const float deviation : {1e-3f, 0.02f, 3.0f}) {
    const std::vector<float> values = normal_values(16384, deviation);
    EXPECT_LT(squared_error(values, round_trip(Format::kQ4K, values)), 0.93 * min_max_squared_error(values, 32, 15));
    EXPECT_LT(squared_error(values, round_trip(Format::kQ6K, values)), 1.35 * min_max_squared_error(values, 16, 63));
  }
}

TEST(Encode, KQuantsOfOneSidedAndConstantGroups) {
  for (const float constant : {0.0f, 1.0f, -1.0f, 0.3f, -250.0f}) {
    const std::vector<float> values(256, constant);
    for (const Format format : kSearched) {
      for (const float value : round_trip(format, values)) {
        EXPECT_NEAR(value, constant, 2e-3f * std::fabs(constant)) << traits(format).name;
      }
    }
  }
  std::vector<float> positive = normal_values(256, 1.0f);
  for (float& value : positive) value = 2.0f + std::fabs(value);
  std::vector<float> negative = positive;
  for (float& value : negative) value = -value;
  EXPECT_LT(rmse(positive, round_trip(Format::kQ4K, positive)), 0.12);
  EXPECT_LT(rmse(negative, round_trip(Format::kQ4K, negative)), 0.06);
  EXPECT_LT(rmse(positive, round_trip(Format::kQ6K, positive)), 0.05);
}

TEST(Encode, KQuantGroupsKeepTheirOwnScale) {
  // Groups of very different size in one block (more so than q2_k's scales of four bits can say): a scale in the wrong
  // place costs far more than this.
  std::vector<float> values = normal_values(1024, 1.0f);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] *= static_cast<float>(1 + i / 32 % 8 * 5);
  for (const auto& [format, group, error_max] :
       {std::tuple{Format::kQ3K, 16u, 0.35}, std::tuple{Format::kQ4K, 32u, 0.13}, std::tuple{Format::kQ5K, 32u, 0.06},
        std::tuple{Format::kQ6K, 16u, 0.03}, std::tuple{Format::kIq4Xs, 32u, 0.14},
        std::tuple{Format::kIq4Nl, 32u, 0.12}}) {
    const std::vector<float> decoded = round_trip(format, values);
    for (std::size_t start = 0; start < values.size(); start += group) {
      double error = 0, size = 0;
      for (std::size_t i = start; i < start + group; ++i) {
        error += std::pow(double{values[i]} - decoded[i], 2);
        size += std::pow(double{values[i]}, 2);
      }
      EXPECT_LT(std::sqrt(error / size), error_max) << traits(format).name << " at " << start;
    }
  }
}

// The sum of squared differences, each times its importance.
double weighted_squared_error(const std::vector<float>& a, const std::vector<float>& b,
                              const std::vector<float>& importance) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += importance[i] * std::pow(double{a[i]} - b[i], 2);
  return sum;
}

TEST(Encode, ImportanceMovesTheErrorToWhatMattersLess) {
  const std::vector<float> values = normal_values(8192, 0.02f);
  std::vector<float> importance(values.size());
  for (std::size_t i = 0; i < importance.size(); ++i) importance[i] = i % 8 == 3 ? 100.0f : 1.0f;
  for (const FormatTraits& format : all_formats()) {
    if (format.encode_weighted == nullptr) continue;
    std::vector<std::byte> bytes(static_cast<std::size_t>(format_bytes(format.format, std::ssize(values))));
    format.encode_weighted(values.data(), importance.data(), bytes.data(), std::ssize(values));
    EXPECT_LT(weighted_squared_error(values, decode(format.format, bytes), importance),
              0.9 * weighted_squared_error(values, round_trip(format.format, values), importance))
        << format.name;
    // Where everything matters as much, little changes; where nothing does, nothing breaks.
    const std::vector<float> ones(values.size(), 1.0f), zeros(values.size());
    format.encode_weighted(values.data(), ones.data(), bytes.data(), std::ssize(values));
    EXPECT_LT(rmse(values, decode(format.format, bytes)), 1.05 * rmse(values, round_trip(format.format, values)))
        << format.name;
    format.encode_weighted(values.data(), zeros.data(), bytes.data(), std::ssize(values));
    for (const float value : decode(format.format, bytes)) ASSERT_TRUE(std::isfinite(value)) << format.name;
  }
}

#if defined(__x86_64__)
TEST(Encode, EveryInstructionSetWritesTheSameBytes) {
  if (!__builtin_cpu_supports("avx2")) FAIL() << "this processor has no AVX2 to compare with";
  std::vector<float> values = normal_values(4096, 0.02f);
  values[7] = -std::numeric_limits<float>::infinity();
  values[600] = 1e-41f;
  std::vector<float> importance = normal_values(4096, 1.0f, 6);
  for (float& value : importance) value *= value;
#define HEARTH_COMPARE_ENCODERS(name)                                                            \
  for (const float* weights : std::initializer_list<const float*>{nullptr, importance.data()}) { \
    std::vector<std::byte> plain(1 << 14), fast(1 << 14);                                        \
    portable::encode_##name(values.data(), weights, plain.data(), std::ssize(values));           \
    avx2::encode_##name(values.data(), weights, fast.data(), std::ssize(values));                \
    EXPECT_EQ(plain, fast) << #name;                                                             \
  }
  HEARTH_EACH_SEARCHED(HEARTH_COMPARE_ENCODERS)
#undef HEARTH_COMPARE_ENCODERS
}
#endif

TEST(Encode, NanIsZeroAndInfinityTheLargestInBlockFormats) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity(), kMax = std::numeric_limits<float>::max();
  std::vector<float> wild = normal_values(1024, 1.0f), tame;
  wild[0] = std::numeric_limits<float>::quiet_NaN();  // block 0: a NaN only
  wild[256] = kInfinity;
  wild[257] = -kInfinity;
  wild[300] = kMax;
  std::fill(wild.begin() + 512, wild.begin() + 768, std::numeric_limits<float>::signaling_NaN());
  for (std::size_t i = 768; i < 1024; ++i) wild[i] *= 1e-42f;  // subnormal
  for (const float value : wild) tame.push_back(std::isnan(value) ? 0.0f : std::clamp(value, -kMax, kMax));
  std::vector<Format> formats(std::begin(kSearched), std::end(kSearched));
  for (const Format format : {Format::kQ4_0, Format::kQ8_0, Format::kMxfp4, Format::kMxfp6E2m3, Format::kMxfp6E3m2}) {
    formats.push_back(format);
  }
  for (const Format format : formats) {
    EXPECT_EQ(encode(format, wild), encode(format, tame)) << traits(format).name;
    const std::vector<float> decoded = round_trip(format, wild);
    for (const float value : decoded) ASSERT_TRUE(std::isfinite(value)) << traits(format).name;
    EXPECT_EQ(decoded[600], 0.0f);
    EXPECT_GT(decoded[256], 60000.0f) << traits(format).name;
    EXPECT_LT(decoded[257], -60000.0f) << traits(format).name;
  }
  const std::vector<float> f16 = round_trip(Format::kF16, wild), bf16 = round_trip(Format::kBf16, wild);
  EXPECT_TRUE(std::isnan(f16[0]) && std::isnan(bf16[0]));
  EXPECT_TRUE(f16[257] == -kInfinity && bf16[257] == -kInfinity);
}

}  // namespace
}  // namespace hearth
