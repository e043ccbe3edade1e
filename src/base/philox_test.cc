// The generator against the vectors that its authors publish, and the draws made from it.
#include "base/philox.h"

#include <gtest/gtest.h>

#include <set>

namespace hearth {
namespace {

TEST(Philox, KnownAnswers) {
  // Random123's kat_vectors for philox4x32, 10 rounds.
  EXPECT_EQ(philox_4x32_10({0, 0, 0, 0}, {0, 0}), (PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr std::uint32_t kOnes = 0xffffffff;
  EXPECT_EQ(philox_4x32_10({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}),
            (PhiloxCounter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox_4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (PhiloxCounter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, DrawsDifferInEveryArgument) {
  const std::set<double> draws = {uniform_draw(0, 0, 0, Draw::kToken),
                                  uniform_draw(1, 0, 0, Draw::kToken),
                                  uniform_draw(0, 1, 0, Draw::kToken),
                                  uniform_draw(0, 0, 1, Draw::kToken),
                                  uniform_draw(0, 0, 0, Draw::kXtc),
                                  uniform_draw(std::uint64_t{1} << 32, 0, 0, Draw::kToken),
                                  uniform_draw(0, 0, std::uint64_t{1} << 32, Draw::kToken)};
  EXPECT_EQ(draws.size(), 7u);
  // 0x6627e8d5e169c58d without its low 11 bits.
  EXPECT_EQ(uniform_draw(0, 0, 0, Draw::kToken), static_cast<double>(0x6627e8d5e169c58d >> 11) / 0x1p53);
}

TEST(Philox, DrawsAreUniform) {
  double sum = 0, squares = 0, lagged = 0, previous = 0.5;
  constexpr int kDraws = 100000;
  for (int i = 0; i < kDraws; ++i) {
    const double u = uniform_draw(42, 0, static_cast<std::uint64_t>(i), Draw::kToken);
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    sum += u;
    squares += u * u;
    lagged += (u - 0.5) * (previous - 0.5);
    previous = u;
  }
  // Four standard deviations of each estimate.
  EXPECT_NEAR(sum / kDraws, 0.5, 4 * 0.2887 / 316.2);
  EXPECT_NEAR(squares / kDraws, 1.0 / 3, 4 * 0.2981 / 316.2);
  EXPECT_NEAR(lagged / kDraws, 0.0, 4 * 0.0833 / 316.2);
}

}  // namespace
}  // namespace hearth
