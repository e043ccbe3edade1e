// The scalar conversions, exhaustively over the 16-bit side and against an independent rounding on the other.
#include "formats/float16.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <random>

#include "formats/microscaling.h"

namespace hearth {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The value of a binary16 pattern by its definition.
double f16_value(int bits) {
  const int exponent = (bits >> 10) & 31, mantissa = bits & 1023;
  const double sign = bits & 0x8000 ? -1.0 : 1.0;
  if (exponent == 31) return mantissa != 0 ? std::nan("") : sign * kInfinity;
  return sign * (exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25));
}

// The nearest multiple of the last place, ties to even, for a type of `mantissa_bits` explicit bits.
double rounded(double value, int mantissa_bits, int exponent_min, double largest) {
  if (value == 0 || !std::isfinite(value)) return value;
  const int last_place = std::max(std::ilogb(value), exponent_min) - mantissa_bits;
  const double result = std::ldexp(std::nearbyint(std::ldexp(value, -last_place)), last_place);
  return std::fabs(result) > largest ? std::copysign(kInfinity, value) : result;
}

double f16_rounded(double value) {
  return rounded(value, 10, -14, 65504.0);
}
double bf16_rounded(double value) {
  return rounded(value, 7, -126, 0x1.fep127);
}

float random_float(std::mt19937& random) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(random()));
}

TEST(Float16, EveryF16PatternDecodesToItsValueAndBack) {
  for (int bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = f16_to_f32(half);
    const double expected = f16_value(bits);
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(value)) << bits;
      ASSERT_EQ(f32_to_f16(value), half | 0x200) << bits;  // quiet, sign and payload kept
      ASSERT_EQ(std::bit_cast<std::uint32_t>(value) & 0x400000u, 0x400000u) << bits;
    } else {
      ASSERT_EQ(double{value}, expected) << bits;
      ASSERT_EQ(std::signbit(value), (bits & 0x8000) != 0) << bits;
      ASSERT_EQ(f32_to_f16(value), half);
    }
  }
}

TEST(Float16, F16RoundsToNearestEvenBetweenAnyTwoNeighbours) {
  for (int bits = 0; bits < 0x7c00; ++bits) {
    const float low = f16_to_f32(static_cast<std::uint16_t>(bits));
    // Above the largest finite value, 2^16 takes the place of the next one.
    const float high = bits == 0x7bff ? 65536.0f : f16_to_f32(static_cast<std::uint16_t>(bits + 1));
    const float middle = (low + high) / 2;  // exact
    const int even = bits % 2 == 0 ? bits : bits + 1;
    ASSERT_EQ(f32_to_f16(middle), even);
    ASSERT_EQ(f32_to_f16(std::nextafter(middle, 0.0f)), bits);
    ASSERT_EQ(f32_to_f16(std::nextafter(middle, 1e9f)), bits + 1);
    ASSERT_EQ(f32_to_f16(-middle), even | 0x8000);
  }
}

TEST(Float16, F16OfRandomFloats) {
  std::mt19937 random(1);
  for (int i = 0; i < 1000000; ++i) {
    const float value = random_float(random);
    if (std::isnan(value)) {
      ASSERT_EQ(f32_to_f16(value) & 0x7e00, 0x7e00);
    } else {
      ASSERT_EQ(f16_value(f32_to_f16(value)), f16_rounded(value)) << value;
    }
  }
  EXPECT_EQ(f32_to_f16(-0.0f), 0x8000);
  EXPECT_EQ(f32_to_f16(std::bit_cast<float>(0x7f800001u)), 0x7e00);  // a signalling NaN whose payload is cut off
  EXPECT_EQ(f32_to_f16(1e-30f), 0);
}

TEST(Float16, EveryBf16PatternDecodesToItsValueAndBack) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = bf16_to_f32(half);
    ASSERT_EQ(std::bit_cast<std::uint32_t>(value), bits << 16);
    ASSERT_EQ(f32_to_bf16(value), std::isnan(value) ? half | 0x40 : half);
  }
}

TEST(Float16, Bf16RoundsToNearestEven) {
  std::mt19937 random(2);
  for (int i = 0; i < 1000000; ++i) {
    // Half of the inputs are ties or next to one.
    float value = random_float(random);
    if (i % 2 == 0) {
      const auto nudge = static_cast<std::uint32_t>(random() % 3);
      const std::uint32_t near_tie = (std::bit_cast<std::uint32_t>(value) & 0xffff0000u) + 0x7fffu + nudge;
      value = std::bit_cast<float>(near_tie);
    }
    if (std::isnan(value)) {
      ASSERT_TRUE(std::isnan(bf16_to_f32(f32_to_bf16(value))));
    } else {
      ASSERT_EQ(double{bf16_to_f32(f32_to_bf16(value))}, bf16_rounded(value)) << value;
    }
  }
  EXPECT_EQ(f32_to_bf16(std::numeric_limits<float>::max()), 0x7f80);
  EXPECT_EQ(f32_to_bf16(std::bit_cast<float>(0xff800001u)), 0xffc0);
}

TEST(Float16, DifferenceToBf16RoundsOnce) {
  // Just above or below a tie by less than a float32 difference can hold, which would fall on the tie, and to even.
  EXPECT_EQ(difference_to_bf16(1.0f + 0x1p-8f, -0x1p-40f), 0x3f81);
  EXPECT_EQ(difference_to_bf16(1.0f + 0x1p-8f, 0.0f), 0x3f80);
  EXPECT_EQ(difference_to_bf16(1.0f + 3 * 0x1p-8f, 0x1p-40f), 0x3f81);
  EXPECT_EQ(difference_to_bf16(-1.0f - 0x1p-8f, 0x1p-40f), 0xbf81);
  EXPECT_EQ(difference_to_bf16(-1.0f - 3 * 0x1p-8f, -0x1p-40f), 0xbf81);
  EXPECT_EQ(difference_to_bf16(1.0f, 1.0f), 0);
  constexpr float kInf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(difference_to_bf16(kInf, 1.0f), 0x7f80);
  EXPECT_EQ(difference_to_bf16(1.0f, kInf), 0xff80);
  EXPECT_TRUE(std::isnan(bf16_to_f32(difference_to_bf16(kInf, kInf))));
  std::mt19937 random(3);
  int different_from_two_roundings = 0;
  for (int i = 0; i < 1000000; ++i) {
    // Products of 16 bits, often on a tie of bf16, and minimums of 8 bits from far below to above; a double holds the
    // difference of any two.
    const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
    const int low_bits = i % 2 == 0 ? 0x80 : below(256);
    const float product =
        std::ldexp(static_cast<float>(0x8000 | below(128) << 8 | low_bits), -15) * (below(2) ? 1 : -1);
    const float min = std::ldexp(static_cast<float>(below(511) - 255), below(40) - 36);
    const std::uint16_t actual = difference_to_bf16(product, min);
    ASSERT_EQ(double{bf16_to_f32(actual)}, bf16_rounded(double{product} - min)) << product << " - " << min;
    different_from_two_roundings += actual != f32_to_bf16(product - min);
  }
  EXPECT_GT(different_from_two_roundings, 1000);  // the cases that the function is for did occur
}

TEST(Microscaling, E8m0) {
  for (int exponent = 0; exponent < 255; ++exponent) {
    for (const int shift : {0, -1, -3, -4}) {
      ASSERT_EQ(double{e8m0_to_f32(static_cast<std::uint8_t>(exponent), shift)},
                std::ldexp(1.0, exponent - 127 + shift));
    }
  }
  EXPECT_TRUE(std::isnan(e8m0_to_f32(0xff)));
  EXPECT_TRUE(std::isnan(e8m0_to_f32(0xff, -4)));
}

TEST(Microscaling, ElementTypes) {
  const double e2m1[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
  for (int code = 0; code < 8; ++code) {
    EXPECT_EQ(std::ldexp(E2m1::units(code), E2m1::kUnitExponent), e2m1[code]);
    EXPECT_EQ(std::ldexp(E2m1::units(code + 8), E2m1::kUnitExponent), -e2m1[code]);
  }
  for (int code = 0; code < 32; ++code) {
    const int e2 = code >> 3, m3 = code & 7, e3 = code >> 2, m2 = code & 3;
    const double e2m3 = e2 == 0 ? m3 / 8.0 : std::ldexp(1 + m3 / 8.0, e2 - 1);
    const double e3m2 = e3 == 0 ? std::ldexp(m2 / 4.0, -2) : std::ldexp(1 + m2 / 4.0, e3 - 3);
    EXPECT_EQ(std::ldexp(E2m3::units(code), E2m3::kUnitExponent), e2m3);
    EXPECT_EQ(std::ldexp(E2m3::units(code | 32), E2m3::kUnitExponent), -e2m3);
    EXPECT_EQ(std::ldexp(E3m2::units(code), E3m2::kUnitExponent), e3m2);
    EXPECT_EQ(std::ldexp(E3m2::units(code | 32), E3m2::kUnitExponent), -e3m2);
  }
  EXPECT_EQ(E2m3::units(31), 60);
  EXPECT_EQ(E3m2::units(31), 448);
}

}  // namespace
}  // namespace hearth
