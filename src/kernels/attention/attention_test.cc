// Fused attention against its definition in double precision, and law 2 by bytes: however a prompt is cut, whatever
// else is in the step, wherever the blocks lie, however many threads there are, and whichever of a GPU's kernels runs.
#include "kernels/attention/attention.h"

#include <limits>

#include "kernels/attention/attention_reference.h"
#include "kernels/kv_write/cache_case.h"
#include "kernels/kv_write/kv_write_reference.h"

namespace hearth::kernel_testing {
namespace {

using AttentionTest = KernelTest;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Outputs are averages of values of size 1; a float32 score of size 10 is off by some 1e-6, and so is its exponential.
constexpr double kTolerance = 1e-5;
// A GPU with a bf16 cache rounds weights to bf16, each to 2^-9 of itself (queries as well, but tests give it rounded
// ones): of an average of values up to 4, with both signs.
constexpr double kTolerance16 = 1e-2;

double tolerance(const Runner& run, const PagedShape& shape) {
  return run.is_gpu() && shape.format == Format::kBf16 ? kTolerance16 : kTolerance;
}

constexpr Mask kCausal{};
Mask window_mask(std::int64_t window) {
  return {.kind = MaskKind::kSlidingWindow, .window = window};
}
Mask explicit_mask(const std::vector<std::uint8_t>& matrix, std::int64_t stride) {
  return {.kind = MaskKind::kExplicit, .explicit_matrix = matrix.data(), .explicit_stride = stride};
}

// The step's keys and values into the case's cache.
void write(PagedCase& data, const PagedStep& step) {
  kv_write_reference({step.k.data(), step.v.data(), data.kv_width(), step.view, data.cache()});
}

// Whether a GPU gets a workspace: without one it reads single tokens with the kernel of the others; with enough for
// that alone, prompts' keys from where they are.
enum class Workspace : std::uint8_t { kGiven, kForSingleTokens, kNone };

struct Options {
  Mask mask = kCausal;
  float softcap = 0;
  Workspace workspace = Workspace::kGiven;
  std::vector<float> sinks = {};   // of each head, or none
  std::vector<float> slopes = {};  // likewise
  std::vector<float> biases = {};  // of each head and distance, or none

  // Of these biases, wherever they stand.
  DistanceBiases distance_biases(const float* of_heads, std::int64_t heads) const {
    if (biases.empty()) return {};
    return {of_heads, static_cast<std::int32_t>((std::ssize(biases) / heads - 1) / 2)};
  }
};

// On the device, with the cache as it is. The mask's matrix has a row for every token of the step.
std::vector<float> attend(Runner& run, PagedCase& data, const PagedStep& step, const Options& options,
                          std::span<const float> q, std::int64_t q_stride) {
  std::vector<float> out(step.positions.size() * static_cast<std::size_t>(data.out_width()), std::nanf(""));
  CacheCopy cache(data, run.is_gpu());
  Mask mask = options.mask;
  if (mask.explicit_matrix != nullptr) {
    mask.explicit_matrix =
        run.in(std::span(mask.explicit_matrix, step.positions.size() * static_cast<std::size_t>(mask.explicit_stride)));
  }
  const StepView view = view_on(run, step);
  const PagedShape& shape = data.shape();
  std::int64_t workspace_bytes = 0;
  if (options.workspace != Workspace::kNone) {
    workspace_bytes =
        attention_workspace_bytes(view.sequence_count, view.key_count_max, shape.head_count, shape.head_dim);
  }
  if (options.workspace == Workspace::kGiven) {
    workspace_bytes = std::max(
        workspace_bytes,
        attention_prompt_workspace_bytes(view.sequence_count, view.key_count_max, shape.kv_heads, shape.head_dim));
  }
  std::vector<float> workspace(static_cast<std::size_t>(workspace_bytes / 4), std::nanf(""));
  const float* const biases = options.biases.empty() ? nullptr : run.in(options.biases);
  run.kernels.attention(*run.stream, {.q = run.in(q),
                                      .q_stride = q_stride,
                                      .head_count = data.shape().head_count,
                                      .step = view,
                                      .cache = cache.on(run),
                                      .mask = mask,
                                      .scale = data.scale(),
                                      .softcap = options.softcap,
                                      .out = run.out(out),
                                      .workspace = run.out(workspace),
                                      .workspace_bytes = std::ssize(workspace) * 4,
                                      .sinks = options.sinks.empty() ? nullptr : run.in(options.sinks),
                                      .slopes = options.slopes.empty() ? nullptr : run.in(options.slopes),
                                      .biases = options.distance_biases(biases, shape.head_count)});
  run.finish();
  return out;
}

std::vector<float> attend(Runner& run, PagedCase& data, const PagedStep& step, const Options& options) {
  return attend(run, data, step, options, step.q, data.q_width());
}

std::vector<double> reference_of(PagedCase& data, const PagedStep& step, const Options& options) {
  return attention_reference({.q = step.q.data(),
                              .q_stride = data.q_width(),
                              .head_count = data.shape().head_count,
                              .step = step.view,
                              .cache = data.cache(),
                              .mask = options.mask,
                              .scale = data.scale(),
                              .softcap = options.softcap,
                              .out = nullptr,
                              .sinks = options.sinks.empty() ? nullptr : options.sinks.data(),
                              .slopes = options.slopes.empty() ? nullptr : options.slopes.data(),
                              .biases = options.distance_biases(options.biases.data(), data.shape().head_count)});
}

// Queries that bf16 holds.
void round_queries(PagedStep& step) {
  for (float& q : step.q) q = bf16_to_f32(f32_to_bf16(q));
}

// With the cache as it is.
void expect_matches_reference(Runner& run, PagedCase& data, PagedStep step, const Options& options) {
  const Mask& mask = options.mask;
  SCOPED_TRACE(to_string(data.shape()) + ", mask " + std::to_string(static_cast<int>(mask.kind)) + ", window " +
               std::to_string(mask.window) + ", " + std::to_string(step.view.token_count) + " tokens");
  round_queries(step);
  const double bound = tolerance(run, data.shape());
  expect_close(attend(run, data, step, options), reference_of(data, step, options), bound, bound);
}

// A matrix in which about two of three keys are visible, and none to the tokens whose number ends in 5.
std::vector<std::uint8_t> random_mask(std::int64_t tokens, std::int64_t stride) {
  const std::vector<std::int32_t> draws = random_integers(tokens * stride, 77, 0, 2);
  std::vector<std::uint8_t> matrix(draws.size());
  for (std::size_t i = 0; i < draws.size(); ++i) {
    const bool blind = static_cast<std::int64_t>(i) / stride % 10 == 5;
    matrix[i] = blind ? std::uint8_t{0} : static_cast<std::uint8_t>(draws[i] * 100);
  }
  return matrix;
}

// Whole, and its last token alone.
TEST_P(AttentionTest, MatchesTheReferenceForEveryShape) {
  const std::vector<std::pair<int, int>> heads =
      run.is_slow() ? std::vector<std::pair<int, int>>{{6, 2}, {20, 1}}
                    : std::vector<std::pair<int, int>>{{2, 2}, {6, 2}, {7, 1}, {40, 1}};
  for (const int head_dim : {8, 16, 32, 40, 64, 80, 96, 128, 192, 200, 256}) {
    for (const auto& [head_count, kv_heads] : heads) {
      for (const Format format : {Format::kF32, Format::kBf16}) {
        const std::int32_t length = run.is_slow() ? 9 : head_dim == 80 ? 70 : 37;
        PagedCase data({head_count, kv_heads, head_dim, format, 16}, {length, 67});
        write(data, data.whole_step());
        expect_matches_reference(run, data, data.step({{0, 0, length}}), {});
        expect_matches_reference(run, data, data.step({{1, 66, 67}}), {});
      }
    }
  }
}

TEST_P(AttentionTest, MatchesTheReferenceForEveryMask) {
  for (const std::int64_t count : run.token_counts()) {
    const auto tokens = static_cast<std::int32_t>(count);
    for (const Format format : {Format::kF32, Format::kBf16}) {
      PagedCase data({4, 2, 32, format, 8}, {tokens});
      const PagedStep step = data.whole_step();
      write(data, step);
      expect_matches_reference(run, data, step, {});
      for (const int window : {1, 16, 33, 1000}) expect_matches_reference(run, data, step, {window_mask(window)});
      for (const auto& [global, window] : {std::pair{1, 1}, {4, 16}, {0, 33}, {40, 8}, {1000, 1}}) {
        expect_matches_reference(run, data, step,
                                 {{.kind = MaskKind::kGlobalLocal, .window = window, .global = global}});
      }
      expect_matches_reference(run, data, step, {{.kind = MaskKind::kBidirectional}});
      for (const int window : {1, 9, 33}) {
        expect_matches_reference(run, data, step, {{.kind = MaskKind::kTwoSidedWindow, .window = window}});
      }
      for (const int prefix : {0, 5, 32, 60, 1000}) {
        expect_matches_reference(run, data, data.whole_step(prefix), {{.kind = MaskKind::kPrefix}});
      }
      const std::vector<std::uint8_t> matrix = random_mask(tokens, tokens + 3);
      expect_matches_reference(run, data, step, {explicit_mask(matrix, tokens + 3)});
    }
  }
}

// Long enough for several splits of the CPU and many blocks of a GPU; whole blocks hidden between global and local
// keys.
TEST_P(AttentionTest, MatchesTheReferenceOverManyKeys) {
  const std::int32_t longest = run.is_slow() ? 300 : 2500;
  for (const Format format : {Format::kF32, Format::kBf16}) {
    for (const std::int64_t block_tokens : {16, 40, 64}) {
      PagedCase data({4, 2, 16, format, block_tokens}, {longest, 40, longest / 2 + 1});
      write(data, data.whole_step());
      const PagedStep step =
          data.step({{0, longest - 10, longest}, {1, 39, 40}, {2, longest / 2 - 4, longest / 2 + 1}});
      const PagedStep decode = data.step({{0, longest - 1, longest}, {1, 39, 40}, {2, longest / 2, longest / 2 + 1}});
      for (const Mask& mask : {kCausal, window_mask(longest / 2), Mask{.kind = MaskKind::kBidirectional},
                               Mask{.kind = MaskKind::kTwoSidedWindow, .window = 50},
                               Mask{.kind = MaskKind::kGlobalLocal, .window = 40, .global = 10}}) {
        expect_matches_reference(run, data, step, {mask});
        expect_matches_reference(run, data, decode, {mask});
      }
    }
  }
}

TEST_P(AttentionTest, CapsScores) {
  for (const Format format : {Format::kF32, Format::kBf16}) {
    PagedCase data({4, 2, 64, format, 32}, {50, 100});
    for (std::size_t i = 0; i < 2; ++i) {
      for (float& q : data.q(i)) q *= 20;  // scores far beyond the cap
    }
    write(data, data.whole_step());
    expect_matches_reference(run, data, data.step({{0, 0, 50}, {1, 99, 100}}), {.softcap = 7});
  }
}

// Sinks below, among and far above the scores, in a prompt and a single token of another sequence.
TEST_P(AttentionTest, SinksCountInTheSum) {
  for (const Format format : {Format::kF32, Format::kBf16}) {
    for (const int head_dim : {64, 80}) {
      PagedCase data({4, 2, head_dim, format, 32}, {50, 130});
      write(data, data.whole_step());
      const Options options{.sinks = {-2.0f, 0.5f, 3.0f, 200.0f}};
      const PagedStep step = data.step({{0, run.is_slow() ? 40 : 0, 50}, {1, 129, 130}});
      expect_matches_reference(run, data, step, options);
      Options windowed = options;
      windowed.mask = window_mask(20), windowed.softcap = 5;
      expect_matches_reference(run, data, step, windowed);
    }
  }
}

// Steep and flat ones, one that rises with the distance and none, for every kind of kernel: in a prompt, in a single
// token of another sequence, and seen both ways.
TEST_P(AttentionTest, SlopesTakeFromScoresByDistance) {
  const std::vector<float> slopes = {0.5f, 0.0f, 0.0442f, -0.01f};
  for (const Format format : {Format::kF32, Format::kBf16}) {
    for (const int head_dim : {16, 64, 80, 192, 264}) {
      PagedCase data({4, 2, head_dim, format, 32}, {50, 130});
      write(data, data.whole_step());
      const PagedStep step = data.step({{0, run.is_slow() ? 40 : 0, 50}, {1, 129, 130}});
      for (const Mask& mask : {kCausal, window_mask(20), Mask{.kind = MaskKind::kBidirectional}}) {
        expect_matches_reference(run, data, step, {.mask = mask, .slopes = slopes});
      }
      expect_matches_reference(run, data, data.step({{1, 129, 130}}), {.slopes = slopes});
    }
  }
}

// Beyond what matrix units take: heads that share keys, and such that have their own.
TEST_P(AttentionTest, ReadsWideHeads) {
  struct Sizes {
    std::int64_t heads, kv_heads, head_dim;
  };
  for (const auto& [heads, kv_heads, head_dim] : {Sizes{8, 2, 512}, {3, 3, 264}, {6, 2, 320}}) {
    for (const Format format : {Format::kF32, Format::kBf16}) {
      const std::int32_t length = run.is_slow() ? 9 : 37;
      PagedCase data({heads, kv_heads, head_dim, format, 32}, {length, 70});
      write(data, data.whole_step());
      expect_matches_reference(run, data, data.step({{0, 0, length}, {1, 69, 70}}), {});
      expect_matches_reference(run, data, data.step({{1, 65, 70}}), {window_mask(20)});
      const auto together = attend(run, data, data.step({{0, length - 3, length}, {1, 69, 70}}), {});
      std::vector<float> one_by_one;
      for (const StepPart part :
           {StepPart{0, length - 3, length - 2}, {0, length - 2, length - 1}, {0, length - 1, length}, {1, 69, 70}}) {
        const auto out = attend(run, data, data.step({part}), {});
        one_by_one.insert(one_by_one.end(), out.begin(), out.end());
      }
      expect_same_bits(one_by_one, together);
    }
  }
}

// Values that are the beginnings of the keys: of usual sizes, of the smallest, and of all elements.
TEST_P(AttentionTest, ReadsLatents) {
  struct Sizes {
    std::int64_t heads, key, value;
  };
  for (const auto& [heads, key, value] : {Sizes{20, 576, 512}, {3, 16, 8}, {5, 40, 24}, {1, 64, 64}, {2, 264, 200}}) {
    for (const Format format : {Format::kF32, Format::kBf16}) {
      const std::int32_t length = run.is_slow() ? 9 : 37;
      PagedCase data({heads, 1, key, format, 32, value}, {length, 70});
      write(data, data.whole_step());
      expect_matches_reference(run, data, data.step({{0, 0, length}}), {});
      expect_matches_reference(run, data, data.step({{0, length - 1, length}, {1, 69, 70}}), {});
      expect_matches_reference(run, data, data.step({{1, 60, 70}}), {window_mask(20)});
    }
  }
}

TEST_P(AttentionTest, ChunksOfLatentsDoNotChangeBits) {
  const std::int32_t length = run.is_slow() ? 70 : 1100, begin = length - (run.is_slow() ? 5 : 40);
  for (const Format format : {Format::kF32, Format::kBf16}) {
    PagedCase data({6, 1, 40, format, 32, 24}, {length, 33});
    write(data, data.whole_step());
    const std::vector<float> together = attend(run, data, data.step({{0, begin, length}}), {});
    const std::vector<float> among_others = attend(run, data, data.step({{0, begin, length}, {1, 10, 33}}), {});
    std::vector<float> one_by_one;
    for (std::int32_t p = begin; p < length; ++p) {
      const std::vector<float> out = attend(run, data, data.step({{0, p, p + 1}}), {});
      one_by_one.insert(one_by_one.end(), out.begin(), out.end());
    }
    expect_same_bits(one_by_one, together);
    expect_same_bits(std::vector<float>(among_others.begin(), among_others.begin() + std::ssize(together)), together);
  }
}

// Scores of some hundreds: without the running maximum their exponentials overflow. One key wins, and changes.
TEST_P(AttentionTest, FollowsAGrowingMaximum) {
  const std::int32_t length = run.is_slow() ? 300 : 1500;
  for (const Format format : {Format::kF32, Format::kBf16}) {
    PagedCase data({2, 1, 16, format, 16}, {length});
    std::vector<float>& k = data.k(0);
    for (std::size_t i = 0; i < k.size(); ++i) {
      k[i] *= 0.25f * static_cast<float>(i / 16 * 15 / static_cast<std::size_t>(length));
    }
    for (float& q : data.q(0)) q *= 30;
    write(data, data.whole_step());
    PagedStep step = data.step({{0, length - 10, length}});
    round_queries(step);
    // A score of 1000 is a float32 with a last place of 6e-5.
    const double bound = std::max(1e-3, tolerance(run, data.shape()));
    expect_close(attend(run, data, step, {}), reference_of(data, step, {}), bound, bound);
  }
}

TEST_P(AttentionTest, ReadsStridedQueries) {
  PagedCase data({3, 1, 24, Format::kBf16, 16}, {40});
  const PagedStep step = data.whole_step();
  write(data, step);
  const std::vector<float> expected = attend(run, data, step, {});
  const std::size_t width = 72, stride = width + 48;
  std::vector<float> rows(40 * stride, std::nanf(""));
  for (std::size_t t = 0; t < 40; ++t) {
    for (std::size_t i = 0; i < width; ++i) rows[t * stride + i] = step.q[t * width + i];
  }
  expect_same_bits(attend(run, data, step, {}, rows, static_cast<std::int64_t>(stride)), expected);
}

TEST_P(AttentionTest, ATokenWithoutVisibleKeysGetsZeros) {
  for (const Format format : {Format::kF32, Format::kBf16}) {
    PagedCase data({4, 2, 32, format, 16}, {40, 70});
    write(data, data.whole_step());
    const std::vector<std::uint8_t> matrix(41 * 70, 0);
    const std::vector<float> out = attend(run, data, data.step({{0, 0, 40}, {1, 69, 70}}), {explicit_mask(matrix, 70)});
    expect_same_bits(out, std::vector<float>(out.size(), 0.0f));
  }
}

TEST_P(AttentionTest, AnEmptyStepWritesNothing) {
  PagedCase data({4, 2, 32, Format::kF32, 16}, {40});
  EXPECT_TRUE(attend(run, data, data.step({}), {}).empty());
}

// What a mask hides has no influence at all, not even as 0 times NaN.
TEST_P(AttentionTest, HiddenKeysMayBeAnything) {
  for (const Format format : {Format::kF32, Format::kBf16}) {
    const PagedShape shape{4, 2, 32, format, 16};
    std::vector<std::uint8_t> matrix(100 * 100, 1);
    PagedCase data(shape, {100}), poisoned(shape, {100});
    for (std::size_t j = 0; j < 100; j += 3) {
      for (std::size_t t = 0; t < 100; ++t) matrix[t * 100 + j] = 0;
      for (std::size_t i = 0; i < 64; ++i) {
        poisoned.k(0)[j * 64 + i] = std::nanf("");
        poisoned.v(0)[j * 64 + i] = kInfinity;
      }
    }
    const Options options{explicit_mask(matrix, 100)};
    for (PagedCase* each : {&data, &poisoned}) write(*each, each->whole_step());
    for (const std::int32_t begin : {run.is_slow() ? 80 : 0, 99}) {
      const std::vector<StepPart> parts = {{0, begin, 100}};
      expect_same_bits(attend(run, poisoned, poisoned.step(parts), options),
                       attend(run, data, data.step(parts), options));
    }
  }
}

// A NaN spoils the tokens that see it and no others; an infinite query spoils its own head. A value that is not finite
// spoils its dimension.
TEST_P(AttentionTest, NanStaysWhereItIsSeen) {
  for (const Format format : {Format::kF32, Format::kBf16}) {
    const PagedShape shape{4, 2, 32, format, 16};
    PagedCase data(shape, {80}), spoiled(shape, {80});
    spoiled.k(0)[50 * 64 + 40] = std::nanf("");  // of the second key/value head
    spoiled.v(0)[45 * 64 + 7] = std::nanf("");   // of the first
    spoiled.v(0)[60 * 64 + 9] = -kInfinity;
    spoiled.q(0)[20 * 128 + 5] = kInfinity;
    for (PagedCase* each : {&data, &spoiled}) write(*each, each->whole_step());
    const std::vector<float> clean = attend(run, data, data.whole_step(), {});
    const std::vector<float> out = attend(run, spoiled, spoiled.whole_step(), {});
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::size_t token = i / 128, head = i / 32 % 4, dim = i % 32;
      const bool of_value = head < 2 && ((token >= 45 && dim == 7) || (token >= 60 && dim == 9));
      const bool seen = (token >= 50 && head >= 2) || (token == 20 && head == 0) || of_value;
      ASSERT_EQ(seen, !std::isfinite(out[i])) << "token " << token << ", head " << head << ", dimension " << dim;
      if (!seen) {
        ASSERT_EQ(out[i], clean[i]);
      }
    }
  }
}

// Runs the tokens of a sequence from `begin` on in chunks of the given size, each written before it is attended to.
std::vector<float> attend_in_chunks(Runner& run, PagedCase data, std::int32_t begin, std::int32_t chunk,
                                    const Options& options) {
  std::vector<float> out;
  const std::int32_t length = data.lengths()[0];
  write(data, data.step({{0, 0, begin}}));
  for (; begin < length; begin += chunk) {
    const PagedStep step = data.step({{0, begin, std::min(begin + chunk, length)}});
    write(data, step);
    const std::vector<float> part = attend(run, data, step, options);
    out.insert(out.end(), part.begin(), part.end());
  }
  return out;
}

TEST_P(AttentionTest, ChunksAndPlacementDoNotChangeBits) {
  const std::int32_t begin = run.is_slow() ? 110 : 0;
  for (const Mask& mask : {kCausal, window_mask(33)}) {
    for (const Format format : {Format::kF32, Format::kBf16}) {
      PagedShape shape{6, 2, 40, format, 32};
      const std::vector<float> whole = attend_in_chunks(run, PagedCase(shape, {150}), begin, 150, {mask});
      for (const std::int32_t chunk : {1, 5, 32, 33, 149}) {
        expect_same_bits(attend_in_chunks(run, PagedCase(shape, {150}), begin, chunk, {mask}), whole);
      }
      for (const int block_tokens : {8, 16, 24, 64, 256}) {
        shape.block_tokens = block_tokens;
        expect_same_bits(attend_in_chunks(run, PagedCase(shape, {150}, 1, 99), begin, 64, {mask}), whole);
      }
    }
  }
}

// Of either side, within their reach and beyond it.
TEST_P(AttentionTest, BiasesAreAddedByDistance) {
  const std::vector<float> biases = random_floats(4 * 31, 5, 2);
  for (const Format format : {Format::kF32, Format::kBf16}) {
    for (const int head_dim : {16, 64, 264}) {
      PagedCase data({4, 2, head_dim, format, 32}, {50, 130});
      write(data, data.whole_step());
      const PagedStep step = data.step({{0, run.is_slow() ? 40 : 0, 50}, {1, 129, 130}});
      for (const Mask& mask : {kCausal, Mask{.kind = MaskKind::kBidirectional}}) {
        expect_matches_reference(run, data, step, {.mask = mask, .biases = biases});
      }
    }
  }
}

// The last tokens of a long sequence, one by one and together, across the border of a split; on a GPU also those one
// by one with the kernel that reads them together.
TEST_P(AttentionTest, DecodeAndPrefillAgreeOverManyKeys) {
  const std::int32_t length = run.is_slow() ? 200 : 2080, begin = length - (run.is_slow() ? 10 : 40);
  for (const int head_dim : run.is_slow() ? std::vector{64, 80, 256} : std::vector{64, 80, 128, 256}) {
    PagedCase data({4, 1, head_dim, Format::kBf16, 32}, {length});
    write(data, data.whole_step());
    for (Options options :
         {Options{}, Options{.mask = window_mask(70), .sinks = {0.5f, -1, 2, 9}},
          Options{.slopes = {0.5f, 0.125f, 0.03f, 0.004f}}, Options{.biases = random_floats(4 * 9, 6, 2)},
          Options{.mask = {.kind = MaskKind::kGlobalLocal, .window = 9, .global = 5}}}) {
      const std::vector<float> together = attend(run, data, data.step({{0, begin, length}}), options);
      for (const Workspace workspace : {Workspace::kGiven, Workspace::kNone}) {
        options.workspace = workspace;
        std::vector<float> one_by_one;
        for (std::int32_t p = begin; p < length; ++p) {
          const std::vector<float> out = attend(run, data, data.step({{0, p, p + 1}}), options);
          one_by_one.insert(one_by_one.end(), out.begin(), out.end());
        }
        expect_same_bits(one_by_one, together);
      }
    }
  }
}

// Many tokens at once, and the same few at a time: kernels with large tiles and with small ones, with and without room
// to gather keys. The cache has values that are not finite, of which each token sees some and others not.
TEST_P(AttentionTest, LargeAndSmallTilesAgree) {
  // Elsewhere there are no kernels that this is the only test of.
  const bool whole = run.is_gpu() && !run.is_slow();
  using Numbers = std::vector<int>;
  const std::vector<std::pair<int, int>> heads =
      whole ? std::vector<std::pair<int, int>>{{32, 1}, {14, 2}, {3, 3}} : std::vector<std::pair<int, int>>{{14, 2}};
  const std::int32_t begin = whole ? 200 : 60, length = begin + (whole ? 71 : 7), few = 2;
  for (const int head_dim : whole ? Numbers{64, 128} : Numbers{64}) {
    for (const auto& [head_count, kv_heads] : heads) {
      for (const int block_tokens : whole ? Numbers{32, 8, 40} : Numbers{40}) {
        PagedCase data({head_count, kv_heads, head_dim, Format::kBf16, block_tokens}, {length, 97});
        for (const std::int32_t position : {begin - 30, begin + 3, length - 2}) {
          data.v(0)[static_cast<std::size_t>(position * data.kv_width() + position % head_dim)] = kInfinity;
        }
        write(data, data.whole_step());
        const std::vector<float> sinks = random_floats(head_count, 91, 3);
        for (const Options& options :
             {Options{}, Options{.softcap = 5}, Options{.mask = window_mask(70)}, Options{.sinks = sinks},
              Options{.slopes = sinks}, Options{.mask = {.kind = MaskKind::kBidirectional}},
              Options{.mask = {.kind = MaskKind::kGlobalLocal, .window = 20, .global = 5}}}) {
          std::vector<float> small;
          for (std::int32_t p = begin; p < length; p += few) {
            PagedStep step = data.step({{0, p, std::min(p + few, length)}});
            step.key_counts[0] = length;  // what a bidirectional mask shows
            step.block_tables = data.step({{0, p, length}}).block_tables;
            const std::vector<float> out = attend(run, data, step, options);
            small.insert(small.end(), out.begin(), out.end());
          }
          for (const Workspace workspace : {Workspace::kGiven, Workspace::kForSingleTokens}) {
            Options with = options;
            with.workspace = workspace;
            expect_same_bits(attend(run, data, data.step({{0, begin, length}}), with), small);
          }
        }
      }
    }
  }
}

TEST_P(AttentionTest, OtherSequencesOfAStepDoNotChangeBits) {
  for (const Format format : {Format::kF32, Format::kBf16}) {
    PagedCase data({6, 2, 64, format, 16}, {45, 300, 1, 33, 129, 90});
    write(data, data.whole_step());
    // A prefill, a decode, a first token, the rest of a prefill, two decodes; and decodes alone.
    const std::vector<StepPart> mixture = {
        {0, run.is_slow() ? 30 : 0, 45}, {1, 299, 300}, {2, 0, 1}, {3, 20, 33}, {4, 128, 129}, {5, 89, 90}};
    const std::vector<StepPart> decodes = {{1, 299, 300}, {2, 0, 1}, {4, 128, 129}, {5, 89, 90}};
    for (const std::vector<StepPart>& parts : {mixture, decodes}) {
      std::vector<float> alone;
      for (const StepPart& part : parts) {
        const std::vector<float> out = attend(run, data, data.step({part}), {});
        alone.insert(alone.end(), out.begin(), out.end());
      }
      for (const Workspace workspace : {Workspace::kGiven, Workspace::kNone}) {
        expect_same_bits(attend(run, data, data.step(parts), {.workspace = workspace}), alone);
      }
    }
  }
}

// A block that a window hides is skipped; under an explicit mask that says the same it is visited.
TEST_P(AttentionTest, SkippedBlocksDoNotChangeBits) {
  const std::int32_t length = run.is_slow() ? 300 : 2100, begin = length - (run.is_slow() ? 10 : 100);
  for (const Format format : {Format::kF32, Format::kBf16}) {
    PagedCase data({4, 2, 32, format, 16}, {length});
    write(data, data.whole_step());
    for (const std::int32_t first : {begin, length - 1}) {
      const PagedStep step = data.step({{0, first, length}});
      for (const std::int32_t window : {1, 33, length / 2 + 50}) {
        std::vector<std::uint8_t> matrix(static_cast<std::size_t>((length - first) * length), 0);
        for (std::int32_t p = first; p < length; ++p) {
          for (std::int32_t j = p - window + 1; j <= p; ++j) {
            matrix[static_cast<std::size_t>((p - first) * length + j)] = 1;
          }
        }
        expect_same_bits(attend(run, data, step, {window_mask(window)}),
                         attend(run, data, step, {explicit_mask(matrix, length)}));
      }
    }
  }
}

// The same sums, rounded.
TEST_P(AttentionTest, WritesBf16) {
  if (!run.is_gpu()) return;  // the CPU hands float32 on
  for (const Format format : {Format::kF32, Format::kBf16}) {
    PagedCase data({6, 2, 72, format, 16}, {20, 90});
    write(data, data.whole_step());
    const PagedStep step = data.step({{0, 0, 20}, {1, 89, 90}});
    std::vector<std::uint16_t> expected;
    for (const float value : attend(run, data, step, {})) expected.push_back(f32_to_bf16(value));
    std::vector<std::uint16_t> out(expected.size(), 0xffff);
    std::vector<float> workspace(static_cast<std::size_t>(attention_workspace_bytes(2, 90, 6, 72) / 4));
    CacheCopy cache(data, true);
    run.kernels.attention(*run.stream, {.q = run.in(step.q),
                                        .q_stride = data.q_width(),
                                        .head_count = 6,
                                        .step = view_on(run, step),
                                        .cache = cache.on(run),
                                        .mask = {},
                                        .scale = data.scale(),
                                        .softcap = 0,
                                        .out = run.out(out),
                                        .out_format = Format::kBf16,
                                        .workspace = run.out(workspace),
                                        .workspace_bytes = std::ssize(workspace) * 4});
    run.finish();
    expect_same_bits(out, expected);
  }
}

HEARTH_INSTANTIATE_FOR_DEVICES(AttentionTest);

TEST(AttentionThreads, TheirNumberDoesNotChangeBits) {
  if (!tests_run_on_cpu()) return;
  for (const InstructionSet set : usable_instruction_sets()) {
    const std::pair<int, int> heads[] = {{4, 4}, {8, 2}, {48, 1}};
    for (const auto& [head_count, kv_heads] : heads) {
      PagedCase data({head_count, kv_heads, 32, Format::kBf16, 16}, {200, 70});
      CpuRunner one({set, 1});
      write(data, data.whole_step());
      const PagedStep prefill = data.step({{0, 130, 200}, {1, 69, 70}}), decode = data.step({{0, 199, 200}});
      for (const PagedStep* step : {&prefill, &decode}) {
        const std::vector<float> expected = attend(one, data, *step, {});
        for (const int thread_count : {2, 3, 7, 64}) {
          CpuRunner many({set, thread_count});
          expect_same_bits(attend(many, data, *step, {}), expected);
        }
      }
    }
  }
}

}  // namespace
}  // namespace hearth::kernel_testing
