#include "kernels/matmul/gpu/group_numbers.h"

#include "base/check.h"
#include "formats/integer_block.h"
#include "formats/iq1_m.h"
#include "formats/iq1_s.h"
#include "formats/iq2_s.h"
#include "formats/iq2_xs.h"
#include "formats/iq2_xxs.h"
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

}  // namespace

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
