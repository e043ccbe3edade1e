// Rotary position embedding against its reference: both pairings, whole and partial heads of many sizes.
#include "kernels/rope/rope.h"

#include <numeric>

#include "kernels/rope/rope_reference.h"
#include "kernels/testing/kernel_testing.h"

namespace hearth {
namespace {

using namespace kernel_testing;

std::vector<double> inverse_frequencies(std::int64_t pair_count) {
  std::vector<double> frequencies;
  for (std::int64_t i = 0; i < pair_count; ++i) {
    frequencies.push_back(std::pow(10000.0, -static_cast<double>(i) / static_cast<double>(pair_count)));
  }
  return frequencies;
}

std::vector<float> table(CpuRunner& run, std::span<const std::int32_t> positions,
                         const std::vector<double>& frequencies, double scale) {
  std::vector<float> out(positions.size() * frequencies.size() * 2, -1.0f);
  run.kernels.rope_table(*run.stream, {.positions = positions.data(),
                                       .token_count = std::ssize(positions),
                                       .inverse_frequencies = frequencies.data(),
                                       .pair_count = std::ssize(frequencies),
                                       .scale = scale,
                                       .table = out.data()});
  return out;
}

struct RopeShape {
  std::int64_t head_count, head_dim, pair_count;
  std::int64_t padding;  // elements between two rows: values that stay as they are

  std::int64_t row_stride() const { return head_count * head_dim + padding; }
};

std::vector<float> rotate(CpuRunner& run, const RopeShape& shape, RopePairs pairs, const float* angles,
                          std::int64_t token_count, std::vector<float> x) {
  run.kernels.rope(*run.stream, {.table = angles,
                                 .token_count = token_count,
                                 .pair_count = shape.pair_count,
                                 .pairs = pairs,
                                 .head_dim = shape.head_dim,
                                 .head_count = shape.head_count,
                                 .x = x.data(),
                                 .row_stride = shape.row_stride()});
  return x;
}

std::vector<double> expected_rotation(const RopeShape& shape, RopePairs pairs, std::span<const float> angles,
                                      const std::vector<float>& x) {
  std::vector<double> out(x.begin(), x.end());
  const std::int64_t token_count = std::ssize(x) / shape.row_stride();
  for (std::int64_t t = 0; t < token_count; ++t) {
    for (std::int64_t h = 0; h < shape.head_count; ++h) {
      const std::int64_t at = t * shape.row_stride() + h * shape.head_dim;
      const auto head = reference::rope_head(
          std::span(x).subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(shape.head_dim)),
          angles.subspan(static_cast<std::size_t>(t * shape.pair_count * 2),
                         static_cast<std::size_t>(shape.pair_count * 2)),
          pairs);
      std::copy(head.begin(), head.end(), out.begin() + at);
    }
  }
  return out;
}

class RopeTest : public CpuKernelTest {
 protected:
  void check(const RopeShape& shape, RopePairs pairs, std::int64_t token_count) {
    const auto positions = random_integers(token_count, 11, 0, 100'000);
    const auto angles = table(run, positions, inverse_frequencies(shape.pair_count), 1.0);
    const auto x = random_floats(token_count * shape.row_stride(), 12);
    const auto out = rotate(run, shape, pairs, angles.data(), token_count, x);
    // Two products and a sum, each rounded once; they may cancel.
    expect_close(out, expected_rotation(shape, pairs, angles, x), 2e-7, 1e-6);
    expect_same_bits(out, rotate(one_thread, shape, pairs, angles.data(), token_count, x));

    std::vector<float> one_by_one;
    for (std::int64_t t = 0; t < token_count; ++t) {
      const auto row = x.begin() + t * shape.row_stride();
      const auto turned = rotate(run, shape, pairs, angles.data() + t * shape.pair_count * 2, 1,
                                 std::vector<float>(row, row + shape.row_stride()));
      one_by_one.insert(one_by_one.end(), turned.begin(), turned.end());
    }
    expect_same_bits(out, one_by_one);
  }
};
HEARTH_INSTANTIATE_FOR_CPU(RopeTest);

TEST_P(RopeTest, TheTableIsRightAtFarPositions) {
  const std::vector<std::int32_t> positions = {0, 1, 2, 4095, 131'072, 1'000'003};
  const auto frequencies = inverse_frequencies(64);
  const auto out = table(run, positions, frequencies, 1.25);
  expect_close(out, reference::rope_table(positions, frequencies, 1.25), 0x1p-24, 0);
  EXPECT_EQ(out[0], 1.25f);
  EXPECT_EQ(out[1], 0.0f);
}

TEST_P(RopeTest, TheTableOfATokenDoesNotDependOnTheOthers) {
  const auto frequencies = inverse_frequencies(48);
  std::vector<std::int32_t> positions(129);
  std::iota(positions.begin(), positions.end(), 1000);
  const auto out = table(run, positions, frequencies, 1.0);
  expect_same_bits(out, table(one_thread, positions, frequencies, 1.0));
  std::vector<float> one_by_one;
  for (const std::int32_t& position : positions) {
    const auto row = table(run, std::span(&position, 1), frequencies, 1.0);
    one_by_one.insert(one_by_one.end(), row.begin(), row.end());
  }
  expect_same_bits(out, one_by_one);
}

TEST_P(RopeTest, WholeHeads) {
  for (const std::int64_t head_dim : {8, 16, 32, 64, 80, 96, 128, 192, 256}) {
    SCOPED_TRACE(head_dim);
    for (const RopePairs pairs : {RopePairs::kAdjacent, RopePairs::kHalfSplit}) {
      check({.head_count = 5, .head_dim = head_dim, .pair_count = head_dim / 2, .padding = 0}, pairs, 7);
    }
  }
}

TEST_P(RopeTest, PartOfAHeadWithinALongerRow) {
  for (const std::int64_t pair_count : {1, 3, 4, 10, 16, 20, 39}) {
    SCOPED_TRACE(pair_count);
    for (const RopePairs pairs : {RopePairs::kAdjacent, RopePairs::kHalfSplit}) {
      check({.head_count = 3, .head_dim = 80, .pair_count = pair_count, .padding = 37}, pairs, 33);
    }
  }
}

TEST_P(RopeTest, ManyTokens) {
  for (const std::int64_t token_count : kTokenCounts) {
    for (const RopePairs pairs : {RopePairs::kAdjacent, RopePairs::kHalfSplit}) {
      check({.head_count = 10, .head_dim = 128, .pair_count = 64, .padding = 256}, pairs, token_count);
    }
  }
}

TEST_P(RopeTest, PositionZeroChangesNothing) {
  const std::int32_t position = 0;
  const auto angles = table(run, std::span(&position, 1), inverse_frequencies(32), 1.0);
  const auto x = random_floats(4 * 64, 13);
  const RopeShape shape{.head_count = 4, .head_dim = 64, .pair_count = 32, .padding = 0};
  expect_same_bits(rotate(run, shape, RopePairs::kHalfSplit, angles.data(), 1, x), x);
}

TEST_P(RopeTest, NoTokensAreNoWork) {
  EXPECT_TRUE(table(run, {}, inverse_frequencies(4), 1.0).empty());
  const RopeShape shape{.head_count = 1, .head_dim = 8, .pair_count = 4, .padding = 0};
  EXPECT_TRUE(rotate(run, shape, RopePairs::kAdjacent, nullptr, 0, {}).empty());
}

}  // namespace
}  // namespace hearth
