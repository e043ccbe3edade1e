#include "kernels/matmul/gpu/group_numbers.h"

#include <limits>

#include "base/check.h"
#include "formats/group_fp8.h"
#include "formats/integer_block.h"
#include "formats/iq1_m.h"
#include "formats/iq1_s.h"
#include "formats/iq2_s.h"
#include "formats/iq2_xs.h"
#include "formats/iq2_xxs.h"
#include "formats/mxfp6.h"
#include "formats/q2_k.h"
#include "formats/q3_k.h"

namespace hearth {
namespace {

constexpr int kGroups = kNumbersBlock / kInt8GroupElements;

// number_of(block, g) is the number of group g.
template <class Block, class NumberOf>
GroupNumbers numbers_of(const std::byte* bytes, const NumberOf& number_of) {
  static_assert(Block::kElements == kNumbersBlock);
  const auto block = load_block<Block>(bytes, 0);
  GroupNumbers numbers{};
  if constexpr (requires { block.d(); }) {
    numbers.factor[0] = block.d();
  } else {
    numbers.factor[0] = block.d;
  }
  if constexpr (Block::kHasMin) numbers.factor[1] = block.dmin;
  for (std::uint16_t& factor : numbers.factor) {
    if ((factor & 0x7fff) > 0x7c00) factor = 0x7e00;
  }
  for (int g = 0; g < kGroups; ++g) numbers.number[g] = static_cast<std::uint8_t>(number_of(block, g));
  return numbers;
}

FloatGroup fp8_group(const std::byte* bytes) {
  const auto block = load_block<Fp8Block>(bytes, 0);
  FloatGroup group{.scale = block.d, .codes = {}};
  for (int i = 0; i < Fp8Block::kElements; ++i) {
    const bool is_nan = (block.codes[i] & 0x7f) == 0x7f;
    if (is_nan) group.scale = std::numeric_limits<float>::quiet_NaN();
    group.codes[i] = is_nan ? std::uint8_t{0} : block.codes[i];
  }
  return group;
}

// A normal number of E3M2 has the same mantissa in E4M3, one bit up, and an exponent four larger; below are multiples
// of 2^-4: 1 is 2^-4, 2 and 3 are 2^-3 and 1.5 times that.
std::uint8_t e4m3_of_e3m2(int code) {
  constexpr std::uint8_t kSubnormals[4] = {0, 3 << 3, 4 << 3, 4 << 3 | 4};
  const int magnitude = code & 31, sign = code >> 5 << 7;
  if (magnitude < 4) return static_cast<std::uint8_t>(magnitude == 0 ? 0 : sign | kSubnormals[magnitude]);
  return static_cast<std::uint8_t>(sign | ((magnitude << 1) + (4 << 3)));
}

FloatGroup mxfp6_group(const std::byte* bytes) {
  const auto block = load_block<Mxfp6E3m2Block>(bytes, 0);
  FloatGroup group{.scale = e8m0_to_f32(block.scale_exponent), .codes = {}};
  for (int i = 0; i < Mxfp6E3m2Block::kElements; ++i) group.codes[i] = e4m3_of_e3m2(block.code(i));
  return group;
}

}  // namespace

FloatGroup float_group(Format format, const std::byte* block) {
  if (format == Format::kFp8E4m3) return fp8_group(block);
  CHECK(format == Format::kMxfp6E3m2);
  return mxfp6_group(block);
}

GroupNumbers group_numbers(Format format, const std::byte* block) {
  switch (format) {
    case Format::kQ2K:
      return numbers_of<Q2KBlock>(block, [](const Q2KBlock& b, int g) { return b.scales[g]; });
    case Format::kQ3K:
      return numbers_of<Q3KBlock>(block, [](const Q3KBlock& b, int g) { return b.group_scale(g) + 32; });
    case Format::kIq1S:
      return numbers_of<Iq1SBlock>(block, [](const Iq1SBlock& b, int g) { return b.groups[g / 2] >> 12 & 7; });
    case Format::kIq1M:
      return numbers_of<Iq1MBlock>(block, [](const Iq1MBlock& b, int g) { return b.group_scale(g); });
    case Format::kIq2Xxs:
      return numbers_of<Iq2XxsBlock>(block, [](const Iq2XxsBlock& b, int g) { return b.groups[g / 2][7] >> 4; });
    case Format::kIq2Xs:
      return numbers_of<Iq2XsBlock>(block,
                                    [](const Iq2XsBlock& b, int g) { return b.scales[g / 2] >> (4 * (g % 2)) & 15; });
    case Format::kIq2S:
      return numbers_of<Iq2SBlock>(block,
                                   [](const Iq2SBlock& b, int g) { return b.scales[g / 2] >> (4 * (g % 2)) & 15; });
    default:
      CHECK(false);
  }
}

}  // namespace hearth
