// Decoding: for every format a block written by hand with the values that its definition gives, and on random blocks
// the agreement of the bf16 and int8 decodings with the float32 one.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "formats/float16.h"
#include "formats/format.h"

namespace hearth {
namespace {

// f16 patterns of the scales below.
constexpr std::uint8_t kHalf[2] = {0x00, 0x38};     // 0.5
constexpr std::uint8_t kQuarter[2] = {0x00, 0x34};  // 0.25

// A block of zero bytes with some of them set, decoded.
class HandBlock {
 public:
  explicit HandBlock(Format format) : format_(format), bytes_(static_cast<std::size_t>(traits(format).block_bytes)) {}

  HandBlock& set(std::size_t at, int value) {
    bytes_.at(at) = static_cast<std::byte>(value);
    return *this;
  }
  HandBlock& set(std::size_t at, const std::uint8_t (&half)[2]) { return set(at, half[0]).set(at + 1, half[1]); }
  HandBlock& fill(std::size_t from, std::size_t count, int value) {
    for (std::size_t i = 0; i < count; ++i) set(from + i, value);
    return *this;
  }

  std::vector<float> decode() const {
    std::vector<float> out(static_cast<std::size_t>(traits(format_).block_elements));
    traits(format_).decode_f32(bytes_.data(), out.data(), traits(format_).block_elements);
    return out;
  }

 private:
  Format format_;
  std::vector<std::byte> bytes_;
};

// Expected values: one per listed element, the group's default elsewhere.
struct Expected {
  int first, count;  // the range that `value` fills
  float value;
  std::map<int, float> exceptions = {};
};

void expect_decoded(const HandBlock& block, const std::vector<Expected>& ranges) {
  const std::vector<float> decoded = block.decode();
  std::size_t covered = 0;
  for (const Expected& range : ranges) {
    for (int i = range.first; i < range.first + range.count; ++i) {
      const auto exception = range.exceptions.find(i);
      EXPECT_EQ(decoded.at(static_cast<std::size_t>(i)),
                exception == range.exceptions.end() ? range.value : exception->second)
          << "element " << i;
      ++covered;
    }
  }
  EXPECT_EQ(covered, decoded.size());
}

TEST(Decode, F32) {
  const HandBlock block = HandBlock(Format::kF32).set(2, 0xc0).set(3, 0xbf);
  expect_decoded(block, {{0, 1, -1.5f}});
}

TEST(Decode, F16) {
  expect_decoded(HandBlock(Format::kF16).set(0, 0x01).set(1, 0xbc), {{0, 1, -1.0009765625f}});
}

TEST(Decode, Bf16) {
  expect_decoded(HandBlock(Format::kBf16).set(0, 0x49).set(1, 0x40), {{0, 1, 3.140625f}});
}

TEST(Decode, Q4_0) {
  const HandBlock block = HandBlock(Format::kQ4_0).set(0, kHalf).fill(2, 16, 0x88).set(2, 0x80).set(3, 0xf1);
  expect_decoded(block, {{0, 32, 0.0f, {{0, -4.0f}, {16, 0.0f}, {1, -3.5f}, {17, 3.5f}}}});
}

TEST(Decode, Q4_1) {
  const HandBlock block =
      HandBlock(Format::kQ4_1).set(0, kQuarter).set(3, 0xbc /* m = -1 */).set(4, 0x0f).set(19, 0x52);
  expect_decoded(block, {{0, 32, -1.0f, {{0, 2.75f}, {15, -0.5f}, {31, 0.25f}}}});
}

TEST(Decode, Q5_0) {
  // The fifth bits of elements 0, 16 and 31.
  const HandBlock block = HandBlock(Format::kQ5_0)
                              .set(1, 0x3c /* d = 1 */)
                              .set(2, 0x01)
                              .set(4, 0x01)
                              .set(5, 0x80)
                              .set(6, 0x23)
                              .set(21, 0xf0);
  expect_decoded(block, {{0, 32, -16.0f, {{0, 3.0f}, {16, 2.0f}, {31, 15.0f}}}});
}

TEST(Decode, Q5_1) {
  const HandBlock block = HandBlock(Format::kQ5_1)
                              .set(0, kHalf)
                              .set(3, 0x3c /* m = 1 */)
                              .set(4, 0x01)
                              .set(6, 0x01)
                              .set(7, 0x80)
                              .set(8, 0x23)
                              .set(23, 0xf0);
  expect_decoded(block, {{0, 32, 1.0f, {{0, 10.5f}, {16, 10.0f}, {31, 16.5f}}}});
}

TEST(Decode, Q8_0) {
  const HandBlock block = HandBlock(Format::kQ8_0).set(0, kHalf).set(2, 0x80).set(3, 0x7f).set(4, 1).set(33, 0xff);
  expect_decoded(block, {{0, 32, 0.0f, {{0, -64.0f}, {1, 63.5f}, {2, 0.5f}, {31, -0.5f}}}});
}

TEST(Decode, Q2K) {
  const HandBlock block = HandBlock(Format::kQ2K)
                              .set(81, 0x3c /* d = 1 */)
                              .set(82, kHalf)
                              .set(0, 0x21)   // group 0: scale 1, minimum 2 * 0.5
                              .set(1, 0x13)   // scale 3, minimum 0.5
                              .set(2, 0x05)   // scale 5, no minimum
                              .set(4, 0x01)   // scale 1
                              .set(6, 0x32)   // scale 2, minimum 1.5
                              .set(15, 0xf2)  // scale 2, minimum 7.5
                              .set(16, 0xe4)  // elements 0, 32, 64, 96: 0, 1, 2, 3
                              .set(16 + 17, 0x02)
                              .set(16 + 63, 0xc0);
  expect_decoded(block, {{0, 16, -1.0f},
                         {16, 16, -0.5f, {{17, 5.5f}}},
                         {32, 32, 0.0f, {{32, 5.0f}}},
                         {64, 32, 0.0f, {{64, 2.0f}}},
                         {96, 16, -1.5f, {{96, 4.5f}}},
                         {112, 128, 0.0f},
                         {240, 16, -7.5f, {{255, -1.5f}}}});
}

TEST(Decode, Q3K) {
  // Scale 33 for group 0, 20 for group 9, 63 for group 15, and 0, which means -32, elsewhere.
  const HandBlock block = HandBlock(Format::kQ3K)
                              .set(108, kHalf)
                              .set(96 + 0, 0x01)
                              .set(96 + 8, 0x02)
                              .set(96 + 1, 0x40)
                              .set(96 + 9, 0x10)
                              .set(96 + 7, 0xf0)
                              .set(96 + 11, 0xc0)
                              .set(0, 0x01)
                              .set(32, 0x03)  // element 0: 3
                              .set(22, 0x10)
                              .set(32 + 54, 0x01)  // element 150: 1
                              .set(31, 0x80)
                              .set(32 + 63, 0x80);  // element 255: 2
  expect_decoded(block, {{0, 16, -2.0f, {{0, 1.5f}}},
                         {16, 128, 64.0f},
                         {144, 16, 24.0f, {{150, -6.0f}}},
                         {160, 80, 64.0f},
                         {240, 16, -62.0f, {{255, 31.0f}}}});
}

// Group 1 has scale 33 and minimum 7, group 6 scale 45 and minimum 26, the others 0.
HandBlock with_k_scales(Format format) {
  return HandBlock(format)
      .set(0, kHalf)
      .set(2, kQuarter)
      .set(4 + 1, 33)
      .set(4 + 5, 7)
      .set(4 + 10, 0xad)
      .set(4 + 2, 0x80)
      .set(4 + 6, 0x40);
}

TEST(Decode, Q4K) {
  const HandBlock block = with_k_scales(Format::kQ4K).set(16, 0x9c).set(16 + 100, 0x0f);
  expect_decoded(block, {{0, 32, 0.0f},
                         {32, 32, -1.75f, {{32, 146.75f}}},
                         {64, 128, 0.0f},
                         {192, 32, -6.5f, {{196, 331.0f}}},
                         {224, 32, 0.0f}});
}

TEST(Decode, Q5K) {
  const HandBlock block = with_k_scales(Format::kQ5K).set(16, 0x02).set(20, 0x40).set(48, 0x9c).set(48 + 100, 0x0f);
  expect_decoded(block, {{0, 32, 0.0f},
                         {32, 32, -1.75f, {{32, 410.75f}}},
                         {64, 128, 0.0f},
                         {192, 32, -6.5f, {{196, 691.0f}}},
                         {224, 32, 0.0f}});
}

TEST(Decode, Q6K) {
  const HandBlock block = HandBlock(Format::kQ6K)
                              .set(208, kQuarter)
                              .set(192 + 0, 1)
                              .set(192 + 1, 0xfe /* -2 */)
                              .set(192 + 5, 127)
                              .set(192 + 11, 0x80 /* -128 */)
                              .set(0, 0x35)
                              .set(128, 0x02)  // element 0: 37 - 32
                              .set(16, 0x7f)
                              .set(128 + 16, 0x13)  // element 16: 63 - 32; element 80: 23 - 32
                              .set(127, 0x04)
                              .set(128 + 63, 0x04);  // element 191: 20 - 32
  expect_decoded(block, {{0, 16, -8.0f, {{0, 1.25f}}},
                         {16, 16, 16.0f, {{16, -15.5f}}},
                         {32, 48, 0.0f},
                         {80, 16, -1016.0f, {{80, -285.75f}}},
                         {96, 80, 0.0f},
                         {176, 16, 1024.0f, {{191, 384.0f}}},
                         {192, 64, 0.0f}});
}

TEST(Decode, Iq4Nl) {
  const float values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
  HandBlock block = HandBlock(Format::kIq4Nl).set(0, kHalf);
  Expected expected{0, 32, 0.0f};
  for (int j = 0; j < 16; ++j) {
    block.set(static_cast<std::size_t>(2 + j), j | (15 - j) << 4);
    expected.exceptions[j] = 0.5f * values[j];
    expected.exceptions[j + 16] = 0.5f * values[15 - j];
  }
  expect_decoded(block, {expected});
}

TEST(Decode, Iq4Xs) {
  // Scale 33 for group 0, 10 for group 5, 63 for group 7, and 0, which means -32, elsewhere.
  const HandBlock block = HandBlock(Format::kIq4Xs)
                              .set(0, kHalf)
                              .set(2, 0x02)
                              .set(3, 0xc0)
                              .set(4, 0x01)
                              .set(6, 0xa0)
                              .set(7, 0xf0)
                              .set(8, 0x0f)
                              .set(8 + 80, 0x18)
                              .set(8 + 127, 0xf9);
  expect_decoded(block, {{0, 32, -63.5f, {{0, 56.5f}}},
                         {32, 128, 2032.0f},
                         {160, 32, 1397.0f, {{160, -11.0f}, {176, 1144.0f}}},
                         {192, 32, 2032.0f},
                         {224, 32, -1968.5f, {{239, 201.5f}, {255, 1751.5f}}}});
}

TEST(Decode, Mxfp4) {
  HandBlock block = HandBlock(Format::kMxfp4).set(0, 128).set(1, 0x79).set(2, 0xf2);
  expect_decoded(block, {{0, 32, 0.0f, {{0, -1.0f}, {16, 12.0f}, {1, 2.0f}, {17, -12.0f}}}});
  block = HandBlock(Format::kMxfp4).set(1, 0x21);  // the smallest scale, 2^-127
  expect_decoded(block, {{0, 32, 0.0f, {{0, 0x1p-128f}, {16, 0x1p-127f}}}});
  block = HandBlock(Format::kMxfp4).set(0, 1).set(1, 0x21);
  expect_decoded(block, {{0, 32, 0.0f, {{0, 0x1p-127f}, {16, 0x1p-126f}}}});
  block = HandBlock(Format::kMxfp4).set(0, 254).set(1, 0x23);
  expect_decoded(block, {{0, 32, 0.0f, {{0, 0x1.8p127f}, {16, 0x1p127f}}}});
  block = HandBlock(Format::kMxfp4).set(0, 255);
  for (const float value : block.decode()) EXPECT_TRUE(std::isnan(value));
}

TEST(Decode, Mxfp6) {
  // Codes 0x01, 0x02, 0x3f, 0x25, then zeros, and 0x1f at the end.
  const auto with_codes = [](Format format) {
    return HandBlock(format).set(0, 127).set(1, 0x81).set(2, 0xf0).set(3, 0x97).set(24, 0x7c);
  };
  expect_decoded(with_codes(Format::kMxfp6E2m3),
                 {{0, 32, 0.0f, {{0, 0.125f}, {1, 0.25f}, {2, -7.5f}, {3, -0.625f}, {31, 7.5f}}}});
  expect_decoded(with_codes(Format::kMxfp6E3m2),
                 {{0, 32, 0.0f, {{0, 0.0625f}, {1, 0.125f}, {2, -28.0f}, {3, -0.3125f}, {31, 28.0f}}}});
  for (const Format format : {Format::kMxfp6E2m3, Format::kMxfp6E3m2}) {
    for (const float value : with_codes(format).set(0, 255).decode()) EXPECT_TRUE(std::isnan(value));
  }
}

TEST(Decode, Int4) {
  // Scale 1.5, zero point 9; byte 0 has elements 0 and 16, byte 15 elements 15 and 31.
  const HandBlock block =
      HandBlock(Format::kInt4).set(2, 0xc0).set(3, 0x3f).fill(4, 16, 0x99).set(4, 0x0f).set(19, 0xa8);
  expect_decoded(HandBlock(block).set(20, 9), {{0, 32, 0.0f, {{0, 9.0f}, {16, -13.5f}, {15, -1.5f}, {31, 1.5f}}}});
}

TEST(Decode, Int8) {
  const HandBlock block = HandBlock(Format::kInt8).set(2, 0xc0).set(3, 0x3f).set(4, 0x80).set(5, 0x7f).set(35, 0xff);
  expect_decoded(block, {{0, 32, 0.0f, {{0, -192.0f}, {1, 190.5f}, {31, -1.5f}}}});
}

TEST(Decode, Fp8) {
  // 2^-9, the smallest; 7 * 2^-9; 2^-6; 1; -448; NaN.
  const HandBlock block = HandBlock(Format::kFp8E4m3)
                              .set(3, 0x40 /* scale 2 */)
                              .set(4, 0x01)
                              .set(5, 0x07)
                              .set(6, 0x08)
                              .set(7, 0x38)
                              .set(8, 0xfe);
  expect_decoded(block, {{0, 32, 0.0f, {{0, 0x1p-8f}, {1, 0x7p-8f}, {2, 0x1p-5f}, {3, 2.0f}, {4, -896.0f}}}});
  EXPECT_TRUE(std::isnan(HandBlock(block).set(4, 0x7f).decode()[0]));
}

// The byte offsets of a block's f16 fields.
std::vector<std::size_t> f16_fields(Format format) {
  switch (format) {
    case Format::kQ4_0:
    case Format::kQ5_0:
    case Format::kQ8_0:
    case Format::kIq4Nl:
    case Format::kIq4Xs:
    case Format::kIq2Xxs:
    case Format::kIq2Xs:
    case Format::kIq2S:
    case Format::kIq3Xxs:
    case Format::kIq3S:
    case Format::kIq1S:
    case Format::kQ1_0:
    case Format::kQ2_0:
      return {0};
    case Format::kQ4_1:
    case Format::kQ5_1:
    case Format::kQ4K:
    case Format::kQ5K:
      return {0, 2};
    case Format::kQ2K:
      return {80, 82};
    case Format::kQ3K:
      return {108};
    case Format::kQ6K:
      return {208};
    case Format::kTq1_0:
      return {52};
    case Format::kTq2_0:
      return {64};
    default:
      return {};
  }
}

// Random bytes with finite scales. They start at an odd address: blocks have no alignment.
std::vector<std::byte> random_blocks(const FormatTraits& format, std::size_t block_count, std::mt19937& random) {
  const auto block_bytes = static_cast<std::size_t>(format.block_bytes);
  std::vector<std::byte> bytes(1 + block_count * block_bytes);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  for (std::size_t b = 0; b < block_count; ++b) {
    for (const std::size_t field : f16_fields(format.format)) {
      std::byte& high = bytes[1 + b * block_bytes + field + 1];
      if ((high & std::byte{0x7c}) == std::byte{0x7c}) high &= std::byte{0xfb};
    }
    // A float32 scale, of 2^-32 to 2^-17.
    if (format.format == Format::kInt4 || format.format == Format::kInt8 || format.format == Format::kFp8E4m3) {
      std::byte& high = bytes[1 + b * block_bytes + 3];
      high = (high & std::byte{0x87}) | std::byte{0x30};
    }
    // The upper bits of iq1_m's, which is scattered: of the exponent's five bits the first is taken away.
    if (format.format == Format::kIq1M) bytes[1 + b * block_bytes + 55] &= std::byte{0xbf};
  }
  return bytes;
}

// bf16(value), by its definition and in a type that holds every sum below exactly.
float rounded_to_bf16(long double value) {
  if (value == 0 || !std::isfinite(value)) return static_cast<float>(value);
  const int last_place = std::max(std::ilogb(value), -126) - 7;
  const long double rounded = std::ldexp(std::nearbyint(std::ldexp(value, -last_place)), last_place);
  return std::fabs(rounded) >= 0x1p128L
             ? static_cast<float>(std::copysign(std::numeric_limits<float>::infinity(), value))
             : static_cast<float>(rounded);
}

class EveryFormat : public testing::TestWithParam<int> {
 protected:
  const FormatTraits& format_ = all_formats()[static_cast<std::size_t>(GetParam())];
  std::mt19937 random_{17};
  static constexpr std::size_t kBlocks = 400;
  std::vector<std::byte> bytes_ = random_blocks(format_, kBlocks, random_);
  std::int64_t element_count_ = static_cast<std::int64_t>(kBlocks) * format_.block_elements;
  std::vector<float> f32_ = std::vector<float>(static_cast<std::size_t>(element_count_));

  void SetUp() override { format_.decode_f32(bytes_.data() + 1, f32_.data(), element_count_); }
};

TEST_P(EveryFormat, Int8FormIsTheFloat32Decoding) {
  if (format_.decode_int8 == nullptr) {
    EXPECT_TRUE(!format_.is_quantized() || format_.format == Format::kMxfp6E3m2 || format_.format == Format::kFp8E4m3);
    return;
  }
  std::vector<std::int8_t> q(f32_.size());
  std::vector<float> scale(f32_.size() / kInt8GroupElements, NAN), min(f32_.size() / kInt8GroupElements, NAN);
  format_.decode_int8(bytes_.data() + 1, q.data(), scale.data(), min.data(), element_count_);
  for (std::size_t i = 0; i < q.size(); ++i) {
    const float value = scale[i / kInt8GroupElements] * q[i] - min[i / kInt8GroupElements];
    if (std::isnan(f32_[i])) {
      ASSERT_TRUE(std::isnan(value)) << i;
    } else {
      ASSERT_EQ(std::bit_cast<std::uint32_t>(value), std::bit_cast<std::uint32_t>(f32_[i])) << i;
    }
  }
}

TEST_P(EveryFormat, Bf16DecodingRoundsScaleMinimumAndResultOnceEach) {
  std::vector<std::uint16_t> bf16(f32_.size());
  format_.decode_bf16(bytes_.data() + 1, bf16.data(), element_count_);
  std::vector<std::int8_t> q(f32_.size());
  std::vector<float> scale(f32_.size() / kInt8GroupElements + 1), min(f32_.size() / kInt8GroupElements + 1);
  if (format_.decode_int8 != nullptr) {
    format_.decode_int8(bytes_.data() + 1, q.data(), scale.data(), min.data(), element_count_);
  }
  for (std::size_t i = 0; i < bf16.size(); ++i) {
    long double exact = f32_[i];
    if (format_.decode_int8 != nullptr) {
      const std::size_t group = i / kInt8GroupElements;
      exact = static_cast<long double>(q[i]) * rounded_to_bf16(scale[group]) - rounded_to_bf16(min[group]);
    }
    if (std::isnan(exact)) {
      ASSERT_TRUE(std::isnan(bf16_to_f32(bf16[i]))) << i;
    } else {
      ASSERT_EQ(bf16_to_f32(bf16[i]), rounded_to_bf16(exact)) << i;
    }
  }
}

std::string format_name(const testing::TestParamInfo<int>& parameter) {
  return std::string(all_formats()[static_cast<std::size_t>(parameter.param)].name);
}

INSTANTIATE_TEST_SUITE_P(Formats, EveryFormat, testing::Range(0, kFormatCount), format_name);

}  // namespace
}  // namespace hearth
