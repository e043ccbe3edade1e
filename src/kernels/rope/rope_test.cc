// Rotary position embedding against its reference: both pairings, whole and partial heads of many sizes, and the cache
// that it writes to.
#include "kernels/rope/rope.h"

#include <numeric>

#include "kernels/kv_write/cache_case.h"
#include "kernels/kv_write/kv_write_reference.h"
#include "kernels/rope/rope_reference.h"
#include "kernels/testing/kernel_testing.h"

namespace hearth {
namespace {

using namespace kernel_testing;

constexpr std::int64_t kPositions = 1000;  // of the tables here

std::vector<double> inverse_frequencies(std::int64_t pair_count) {
  std::vector<double> frequencies;
  for (std::int64_t i = 0; i < pair_count; ++i) {
    frequencies.push_back(std::pow(10000.0, -static_cast<double>(i) / static_cast<double>(pair_count)));
  }
  return frequencies;
}

// [kPositions, pairs, 2]
std::vector<float> table_of(std::int64_t pair_count) {
  std::vector<std::int32_t> positions(kPositions);
  std::iota(positions.begin(), positions.end(), 0);
  const auto table = reference::rope_table(positions, inverse_frequencies(pair_count), 1.0);
  return {table.begin(), table.end()};
}

struct RopeShape {
  std::int64_t q_heads, kv_heads, head_dim, pair_count;
  std::int64_t padding;  // elements between two rows: values that stay as they are

  std::int64_t row_stride() const { return (q_heads + kv_heads) * head_dim + padding; }
};

struct Weights {
  std::vector<float> q, k;  // none: no norms
};

HeadNorms norms_of(Runner& run, const Weights& weights) {
  if (weights.q.empty()) return {};
  return {run.in(weights.q), run.in(weights.k), 1e-6f};
}

// Without a cache.
std::vector<float> rotate(Runner& run, const RopeShape& shape, RopePairs pairs, const std::vector<float>& table,
                          const std::vector<std::int32_t>& positions, std::vector<float> x, const Weights& weights = {},
                          const PositionScale& query_scale = {}) {
  run.kernels.rope(*run.stream, {.table = run.in(table),
                                 .positions = run.in(positions),
                                 .token_count = std::ssize(positions),
                                 .pair_count = shape.pair_count,
                                 .pairs = pairs,
                                 .head_dim = shape.head_dim,
                                 .q_head_count = shape.q_heads,
                                 .kv_head_count = shape.kv_heads,
                                 .x = run.out(x),
                                 .row_stride = shape.row_stride(),
                                 .step = {},
                                 .cache = {},
                                 .norms = norms_of(run, weights),
                                 .query_scale = query_scale});
  run.finish();
  return x;
}

std::vector<double> expected_rotation(const RopeShape& shape, RopePairs pairs, const std::vector<float>& table,
                                      const std::vector<std::int32_t>& positions, const std::vector<float>& x) {
  std::vector<double> out(x.begin(), x.end());
  for (std::size_t t = 0; t < positions.size(); ++t) {
    const auto angles = std::span(table).subspan(static_cast<std::size_t>(positions[t] * shape.pair_count * 2),
                                                 static_cast<std::size_t>(shape.pair_count * 2));
    for (std::int64_t h = 0; h < shape.q_heads + shape.kv_heads; ++h) {
      const std::int64_t at = static_cast<std::int64_t>(t) * shape.row_stride() + h * shape.head_dim;
      const auto head = reference::rope_head(
          std::span(x).subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(shape.head_dim)), angles, pairs);
      std::copy(head.begin(), head.end(), out.begin() + at);
    }
  }
  return out;
}

class RopeTest : public KernelTest {
 protected:
  void check(const RopeShape& shape, RopePairs pairs, std::int64_t token_count) {
    const auto positions = random_integers(token_count, 11, 0, kPositions - 1);
    const auto table = table_of(shape.pair_count);
    const auto x = random_floats(token_count * shape.row_stride(), 12);
    const auto out = rotate(run, shape, pairs, table, positions, x);
    // Two products and a sum, each rounded once; they may cancel.
    expect_close(out, expected_rotation(shape, pairs, table, positions, x), 2e-7, 1e-6);
    expect_same_bits(out, rotate(again, shape, pairs, table, positions, x));

    std::vector<float> one_by_one;
    for (std::int64_t t = 0; t < token_count; ++t) {
      const auto row = x.begin() + t * shape.row_stride();
      const auto turned = rotate(run, shape, pairs, table, {positions[static_cast<std::size_t>(t)]},
                                 std::vector<float>(row, row + shape.row_stride()));
      one_by_one.insert(one_by_one.end(), turned.begin(), turned.end());
    }
    expect_same_bits(out, one_by_one);
  }

  // With a cache: the queries and the keys are those of a rotation without one, and the cache has what the reference of
  // kv_write makes of these keys.
  void check_cache(const PagedShape& paged, std::int64_t pair_count, RopePairs pairs, const Weights& weights = {},
                   const PositionScale& query_scale = {}) {
    const RopeShape shape{paged.head_count, paged.kv_heads, paged.head_dim, pair_count,
                          paged.kv_heads * paged.head_dim};
    PagedCase data(paged, {71, 1, 33});
    const PagedStep step = data.step({{0, 10, 50}, {1, 0, 1}, {2, 5, 33}});
    const std::int64_t tokens = step.view.token_count, stride = shape.row_stride();
    const auto x = random_floats(tokens * stride, 14);
    const auto table = table_of(pair_count);
    const auto rotated = rotate(run, shape, pairs, table, step.positions, x, weights, query_scale);

    for (const bool v_by_dimension : value_layouts(run)) {
      PagedCase expected(paged, {71, 1, 33});
      CacheCopy actual(expected, v_by_dimension);
      const float* k = rotated.data() + paged.head_count * paged.head_dim;
      kv_write_reference({k, k + data.kv_width(), stride, step.view, expected.cache()});
      auto rows = x;
      const StepView view = view_on(run, step);
      run.kernels.rope(*run.stream, {.table = run.in(table),
                                     .positions = view.positions,
                                     .token_count = tokens,
                                     .pair_count = pair_count,
                                     .pairs = pairs,
                                     .head_dim = paged.head_dim,
                                     .q_head_count = paged.head_count,
                                     .kv_head_count = paged.kv_heads,
                                     .x = run.out(rows),
                                     .row_stride = stride,
                                     .step = view,
                                     .cache = actual.on(run),
                                     .norms = norms_of(run, weights),
                                     .query_scale = query_scale});
      run.finish();
      expect_same_bits(actual.k_bytes(), expected.k_bytes());
      expect_same_bits(actual.v_bytes(), expected.v_bytes());
      // Queries and values; in the keys' place stands anything.
      for (std::int64_t i = 0; i < tokens * stride; ++i) {
        const std::int64_t head = i % stride / paged.head_dim - paged.head_count;
        if (head >= 0 && head < paged.kv_heads) continue;
        const auto at = static_cast<std::size_t>(i);
        ASSERT_EQ(rows[at], rotated[at]) << "element " << i % stride << " of token " << i / stride;
      }
    }
  }
};
HEARTH_INSTANTIATE_FOR_DEVICES(RopeTest);

TEST_P(RopeTest, WholeHeads) {
  for (const std::int64_t head_dim : {8, 16, 32, 64, 80, 96, 128, 192, 256}) {
    SCOPED_TRACE(head_dim);
    for (const RopePairs pairs : {RopePairs::kAdjacent, RopePairs::kHalfSplit}) {
      check({.q_heads = 3, .kv_heads = 2, .head_dim = head_dim, .pair_count = head_dim / 2, .padding = 0}, pairs, 7);
    }
  }
}

TEST_P(RopeTest, PartOfAHeadWithinALongerRow) {
  for (const std::int64_t pair_count : {1, 3, 4, 10, 16, 20, 39}) {
    SCOPED_TRACE(pair_count);
    for (const RopePairs pairs : {RopePairs::kAdjacent, RopePairs::kHalfSplit}) {
      check({.q_heads = 2, .kv_heads = 1, .head_dim = 80, .pair_count = pair_count, .padding = 37}, pairs,
            run.tokens(33, 5));
    }
  }
}

// Of a layer whose keys are another's.
TEST_P(RopeTest, QueriesAlone) {
  for (const std::int64_t head_dim : {64, 256, 512}) {
    SCOPED_TRACE(head_dim);
    const RopeShape alone{.q_heads = 3, .kv_heads = 0, .head_dim = head_dim, .pair_count = head_dim / 2, .padding = 5};
    check(alone, RopePairs::kHalfSplit, 7);
    // The same queries as beside keys.
    const auto positions = random_integers(7, 21, 0, kPositions - 1);
    const auto table = table_of(alone.pair_count), x = random_floats(7 * alone.row_stride(), 22);
    const auto weight = random_floats(head_dim, 23);
    const RopeShape with_keys{3, 1, head_dim, alone.pair_count, 5};
    std::vector<float> wide;
    for (std::int64_t t = 0; t < 7; ++t) {
      const auto row = x.begin() + t * alone.row_stride();
      wide.insert(wide.end(), row, row + 3 * head_dim);
      wide.resize(wide.size() + static_cast<std::size_t>(head_dim + 5), 1.0f);
    }
    const auto out = rotate(run, alone, RopePairs::kHalfSplit, table, positions, x, {weight, {}});
    const auto expected = rotate(run, with_keys, RopePairs::kHalfSplit, table, positions, wide, {weight, weight});
    for (std::int64_t t = 0; t < 7; ++t) {
      const auto a = out.begin() + t * alone.row_stride(), b = expected.begin() + t * with_keys.row_stride();
      expect_same_bits(std::vector<float>(a, a + 3 * head_dim), std::vector<float>(b, b + 3 * head_dim));
    }
  }
}

TEST_P(RopeTest, ManyTokens) {
  for (const std::int64_t token_count : run.token_counts()) {
    for (const RopePairs pairs : {RopePairs::kAdjacent, RopePairs::kHalfSplit}) {
      check({.q_heads = 8, .kv_heads = 2, .head_dim = 128, .pair_count = 64, .padding = 256}, pairs, token_count);
    }
  }
}

TEST_P(RopeTest, WritesToTheCache) {
  for (const Format format : {Format::kF32, Format::kBf16}) {
    for (const RopePairs pairs : {RopePairs::kAdjacent, RopePairs::kHalfSplit}) {
      check_cache({4, 2, 16, format, 8}, 8, pairs);
      check_cache({3, 1, 80, format, 24}, 13, pairs);
      check_cache({2, 2, 128, format, 32}, 64, pairs);
    }
  }
}

// The same bits as norms by themselves and then a rotation.
TEST_P(RopeTest, HeadsAreNormalizedBefore) {
  constexpr std::int64_t kTokens = 5;
  for (const std::int64_t head_dim : {8, 50, 64, 128, 256, 288}) {
    SCOPED_TRACE(head_dim);
    const RopeShape shape{
        .q_heads = 5, .kv_heads = 3, .head_dim = head_dim, .pair_count = head_dim / 2 - 1, .padding = 7};
    const auto positions = random_integers(kTokens, 21, 0, kPositions - 1);
    const auto table = table_of(shape.pair_count);
    auto x = random_floats(kTokens * shape.row_stride(), 22);
    for (float& value : std::span(x).first(static_cast<std::size_t>(head_dim))) value *= 0x1p100f;  // squares overflow
    const Weights weights{random_floats(head_dim, 23), random_floats(head_dim, 24)};
    auto normed = x;
    for (const bool is_key : {false, true}) {
      auto rows = normed;
      float* const first = run.out(rows) + (is_key ? shape.q_heads * head_dim : 0);
      run.kernels.rms_norm(*run.stream, {.x = first,
                                         .row_count = kTokens,
                                         .row_stride = shape.row_stride(),
                                         .group_count = is_key ? shape.kv_heads : shape.q_heads,
                                         .width = head_dim,
                                         .weight = run.in(is_key ? weights.k : weights.q),
                                         .epsilon = 1e-6f,
                                         .out = first,
                                         .out_stride = shape.row_stride()});
      run.finish();
      normed = rows;
    }
    for (const RopePairs pairs : {RopePairs::kAdjacent, RopePairs::kHalfSplit}) {
      expect_same_bits(rotate(run, shape, pairs, table, positions, x, weights),
                       rotate(run, shape, pairs, table, positions, normed));
    }
  }
}

TEST_P(RopeTest, NormalizedKeysGoToTheCache) {
  for (const Format format : {Format::kF32, Format::kBf16}) {
    check_cache({3, 1, 80, format, 24}, 13, RopePairs::kAdjacent, {random_floats(80, 25), random_floats(80, 26)});
    check_cache({2, 2, 128, format, 32}, 64, RopePairs::kHalfSplit, {random_floats(128, 27), random_floats(128, 28)});
  }
}

// Whole heads of queries, what is not rotated too; keys and what stands behind them stay as they were.
TEST_P(RopeTest, QueriesGrowWithThePosition) {
  constexpr PositionScale kScale{0.1f, 7};
  const std::vector<std::int32_t> positions = {0, 6, 7, 13, 14, 700, 999};
  const RopeShape shape{.q_heads = 3, .kv_heads = 2, .head_dim = 40, .pair_count = 13, .padding = 9};
  const std::int64_t row = shape.row_stride(), q_width = shape.q_heads * shape.head_dim;
  const auto table = table_of(shape.pair_count), x = random_floats(std::ssize(positions) * row, 31);
  const Weights weights{random_floats(shape.head_dim, 32), random_floats(shape.head_dim, 33)};
  for (const RopePairs pairs : {RopePairs::kAdjacent, RopePairs::kHalfSplit}) {
    for (const Weights& norms : {Weights(), weights}) {
      const auto plain = rotate(run, shape, pairs, table, positions, x, norms);
      const auto grown = rotate(run, shape, pairs, table, positions, x, norms, kScale);
      std::vector<double> expected(plain.begin(), plain.end());
      for (std::int64_t i = 0; i < std::ssize(expected); ++i) {
        const std::int32_t position = positions[static_cast<std::size_t>(i / row)];
        const double factor = 1 + 0.1 * std::log(1 + std::floor(position / 7.0));
        if (i % row < q_width) expected[static_cast<std::size_t>(i)] *= factor;
      }
      expect_close(grown, expected, 1e-6, 0);
      expect_same_bits(std::vector<float>(grown.begin(), grown.begin() + 2 * row),
                       std::vector<float>(plain.begin(), plain.begin() + 2 * row));
      expect_same_bits(grown, rotate(again, shape, pairs, table, positions, x, norms, kScale));
    }
  }
  check_cache({3, 1, 80, Format::kBf16, 24}, 13, RopePairs::kAdjacent, {}, kScale);
  check_cache({2, 2, 64, Format::kF32, 32}, 32, RopePairs::kHalfSplit, {random_floats(64, 34), random_floats(64, 35)},
              kScale);
}

TEST_P(RopeTest, PositionZeroChangesNothing) {
  const auto x = random_floats(4 * 64, 13);
  const RopeShape shape{.q_heads = 3, .kv_heads = 1, .head_dim = 64, .pair_count = 32, .padding = 0};
  expect_same_bits(rotate(run, shape, RopePairs::kHalfSplit, table_of(32), {0}, x), x);
}

TEST_P(RopeTest, NoTokensAreNoWork) {
  const RopeShape shape{.q_heads = 1, .kv_heads = 1, .head_dim = 8, .pair_count = 4, .padding = 0};
  EXPECT_TRUE(rotate(run, shape, RopePairs::kAdjacent, table_of(4), {}, {}).empty());
}

}  // namespace
}  // namespace hearth
