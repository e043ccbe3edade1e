// Fused attention against its definition in double precision, and law 2 by bytes: however a prompt is cut, whatever
// else is in the step, wherever the blocks lie and however many threads there are.
#include "kernels/attention/attention.h"

#include <limits>

#include "kernels/attention/attention_reference.h"
#include "kernels/attention/paged_case.h"

namespace hearth::kernel_testing {
namespace {

using AttentionTest = CpuKernelTest;

// Outputs are averages of values of size 1; a float32 score of size 10 is off by some 1e-6, and so is its exponential.
constexpr double kTolerance = 1e-5;

constexpr Mask kCausal{};
Mask window_mask(std::int64_t window) {
  return {.kind = MaskKind::kSlidingWindow, .window = window};
}

std::vector<float> attend(CpuRunner& run, PagedCase& data, const PagedStep& step, const Mask& mask) {
  data.write(run, step);
  std::vector<float> out;
  run.kernels.attention(*run.stream, data.attention_args(step, mask, out));
  return out;
}

void expect_matches_reference(CpuRunner& run, PagedCase& data, const PagedStep& step, const Mask& mask) {
  SCOPED_TRACE(to_string(data.shape()) + ", mask " + std::to_string(static_cast<int>(mask.kind)) + ", window " +
               std::to_string(mask.window) + ", " + std::to_string(step.view.token_count) + " tokens");
  const std::vector<float> actual = attend(run, data, step, mask);
  std::vector<float> unused;
  expect_close(actual, attention_reference(data.attention_args(step, mask, unused)), kTolerance, kTolerance);
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

TEST_P(AttentionTest, MatchesTheReferenceForEveryShape) {
  const std::pair<int, int> heads[] = {{2, 2}, {6, 2}, {7, 1}, {40, 1}};
  for (const int head_dim : {8, 16, 32, 64, 80, 96, 128, 192, 256}) {
    for (const auto& [head_count, kv_heads] : heads) {
      for (const Format format : {Format::kF32, Format::kBf16}) {
        PagedCase data({head_count, kv_heads, head_dim, format, 16}, {head_dim == 80 ? 70 : 37});
        expect_matches_reference(run, data, data.whole_step(), kCausal);
      }
    }
  }
}

TEST_P(AttentionTest, MatchesTheReferenceForEveryMask) {
  for (const std::int32_t tokens : {1, 7, 33, 129}) {
    for (const Format format : {Format::kF32, Format::kBf16}) {
      PagedCase data({4, 2, 32, format, 8}, {tokens});
      const PagedStep step = data.whole_step();
      expect_matches_reference(run, data, step, kCausal);
      for (const int window : {1, 16, 33, 1000}) expect_matches_reference(run, data, step, window_mask(window));
      for (const auto& [global, window] : {std::pair{1, 1}, {4, 16}, {0, 33}, {40, 8}, {1000, 1}}) {
        expect_matches_reference(run, data, step,
                                 {.kind = MaskKind::kGlobalLocal, .window = window, .global = global});
      }
      expect_matches_reference(run, data, step, {.kind = MaskKind::kBidirectional});
      for (const int prefix : {0, 5, 32, 60, 1000}) {
        expect_matches_reference(run, data, data.whole_step(prefix), {.kind = MaskKind::kPrefix});
      }
      const std::vector<std::uint8_t> matrix = random_mask(tokens, tokens + 3);
      expect_matches_reference(
          run, data, step,
          {.kind = MaskKind::kExplicit, .explicit_matrix = matrix.data(), .explicit_stride = tokens + 3});
    }
  }
}

TEST_P(AttentionTest, MatchesTheReferenceBeyondOneSplit) {
  for (const Format format : {Format::kF32, Format::kBf16}) {
    for (const std::int64_t block_tokens : {16, 40, 64}) {
      PagedCase data({4, 2, 16, format, block_tokens}, {2500, 40, 1025});
      data.write(run, data.whole_step());
      const PagedStep step = data.step({{0, 2490, 2500}, {1, 39, 40}, {2, 1020, 1025}});
      for (const Mask& mask : {kCausal, window_mask(1000), Mask{.kind = MaskKind::kBidirectional}}) {
        expect_matches_reference(run, data, step, mask);
      }
    }
  }
}

TEST_P(AttentionTest, CapsScores) {
  PagedCase data({4, 2, 64, Format::kF32, 32}, {50});
  for (float& q : data.q(0)) q *= 20;  // scores far beyond the cap
  const PagedStep step = data.whole_step();
  data.write(run, step);
  std::vector<float> out;
  AttentionArgs args = data.attention_args(step, kCausal, out);
  args.softcap = 7;
  run.kernels.attention(*run.stream, args);
  expect_close(out, attention_reference(args), kTolerance, kTolerance);
}

// Scores of some hundreds: without the running maximum their exponentials overflow. One key wins, and changes.
TEST_P(AttentionTest, FollowsAGrowingMaximum) {
  PagedCase data({2, 1, 16, Format::kF32, 16}, {1500});
  std::vector<float>& k = data.k(0);
  for (std::size_t i = 0; i < k.size(); ++i) k[i] *= 0.25f * static_cast<float>(i / 16 / 100);
  for (float& q : data.q(0)) q *= 30;
  data.write(run, data.whole_step());
  const PagedStep step = data.step({{0, 1490, 1500}});
  std::vector<float> out;
  AttentionArgs args = data.attention_args(step, kCausal, out);
  run.kernels.attention(*run.stream, args);
  // A score of 1000 is a float32 with a last place of 6e-5.
  expect_close(out, attention_reference(args), 1e-3, 1e-3);
}

TEST_P(AttentionTest, ReadsStridedQueries) {
  PagedCase data({3, 1, 24, Format::kF32, 16}, {40});
  const PagedStep step = data.whole_step();
  const std::vector<float> expected = attend(run, data, step, kCausal);
  const std::size_t width = 72, stride = width + 48;
  std::vector<float> rows(40 * stride, std::nanf(""));
  for (std::size_t t = 0; t < 40; ++t) {
    for (std::size_t i = 0; i < width; ++i) rows[t * stride + i] = step.q[t * width + i];
  }
  std::vector<float> out;
  AttentionArgs args = data.attention_args(step, kCausal, out);
  args.q = rows.data();
  args.q_stride = static_cast<std::int64_t>(stride);
  run.kernels.attention(*run.stream, args);
  expect_same_bits(out, expected);
}

TEST_P(AttentionTest, ATokenWithoutVisibleKeysGetsZeros) {
  PagedCase data({4, 2, 32, Format::kF32, 16}, {40});
  const std::vector<std::uint8_t> matrix(40 * 40, 0);
  const std::vector<float> out =
      attend(run, data, data.whole_step(),
             {.kind = MaskKind::kExplicit, .explicit_matrix = matrix.data(), .explicit_stride = 40});
  expect_same_bits(out, std::vector<float>(out.size(), 0.0f));
}

TEST_P(AttentionTest, AnEmptyStepWritesNothing) {
  PagedCase data({4, 2, 32, Format::kF32, 16}, {40});
  EXPECT_TRUE(attend(run, data, data.step({}), kCausal).empty());
}

// What a mask hides has no influence at all, not even as 0 times NaN.
TEST_P(AttentionTest, HiddenKeysMayBeAnything) {
  const PagedShape shape{4, 2, 32, Format::kBf16, 16};
  std::vector<std::uint8_t> matrix(100 * 100, 1);
  PagedCase data(shape, {100}), poisoned(shape, {100});
  for (std::size_t j = 0; j < 100; j += 3) {
    for (std::size_t t = 0; t < 100; ++t) matrix[t * 100 + j] = 0;
    for (std::size_t i = 0; i < 64; ++i) {
      poisoned.k(0)[j * 64 + i] = std::numeric_limits<float>::quiet_NaN();
      poisoned.v(0)[j * 64 + i] = std::numeric_limits<float>::infinity();
    }
  }
  const Mask mask{.kind = MaskKind::kExplicit, .explicit_matrix = matrix.data(), .explicit_stride = 100};
  expect_same_bits(attend(run, poisoned, poisoned.whole_step(), mask), attend(run, data, data.whole_step(), mask));
}

// A NaN spoils the tokens that see it and no others; an infinite query spoils its own head.
TEST_P(AttentionTest, NanStaysWhereItIsSeen) {
  PagedCase data({4, 2, 32, Format::kF32, 16}, {80}), spoiled({4, 2, 32, Format::kF32, 16}, {80});
  spoiled.k(0)[50 * 64 + 40] = std::nanf("");  // of the second key/value head
  spoiled.q(0)[20 * 128 + 5] = std::numeric_limits<float>::infinity();
  const std::vector<float> clean = attend(run, data, data.whole_step(), kCausal);
  const std::vector<float> out = attend(run, spoiled, spoiled.whole_step(), kCausal);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::size_t token = i / 128, head = i / 32 % 4;
    const bool seen = (token >= 50 && head >= 2) || (token == 20 && head == 0);
    ASSERT_EQ(seen, std::isnan(out[i])) << "token " << token << ", head " << head;
    if (!seen) {
      ASSERT_EQ(out[i], clean[i]);
    }
  }
}

// Runs a sequence in chunks of the given size, each written before it is attended to.
std::vector<float> attend_in_chunks(CpuRunner& run, PagedCase data, std::int32_t chunk, const Mask& mask) {
  std::vector<float> out;
  const std::int32_t length = data.lengths()[0];
  for (std::int32_t begin = 0; begin < length; begin += chunk) {
    const std::vector<float> part = attend(run, data, data.step({{0, begin, std::min(begin + chunk, length)}}), mask);
    out.insert(out.end(), part.begin(), part.end());
  }
  return out;
}

TEST_P(AttentionTest, ChunksAndPlacementDoNotChangeBits) {
  for (const Mask& mask : {kCausal, window_mask(33)}) {
    for (const Format format : {Format::kF32, Format::kBf16}) {
      PagedShape shape{6, 2, 40, format, 32};
      const std::vector<float> whole = attend_in_chunks(run, PagedCase(shape, {150}), 150, mask);
      for (const std::int32_t chunk : {1, 5, 32, 33, 149}) {
        expect_same_bits(attend_in_chunks(run, PagedCase(shape, {150}), chunk, mask), whole);
      }
      for (const int block_tokens : {8, 16, 24, 64, 256}) {
        shape.block_tokens = block_tokens;
        expect_same_bits(attend_in_chunks(run, PagedCase(shape, {150}, 1, 99), 64, mask), whole);
      }
    }
  }
}

// The last tokens of a long sequence, one by one and together, across the border of a split.
TEST_P(AttentionTest, DecodeAndPrefillAgreeBeyondOneSplit) {
  PagedCase data({4, 1, 64, Format::kBf16, 32}, {2080});
  data.write(run, data.step({{0, 0, 2080}}));
  const std::vector<float> together = attend(run, data, data.step({{0, 2040, 2080}}), kCausal);
  std::vector<float> one_by_one;
  for (std::int32_t p = 2040; p < 2080; ++p) {
    const std::vector<float> out = attend(run, data, data.step({{0, p, p + 1}}), kCausal);
    one_by_one.insert(one_by_one.end(), out.begin(), out.end());
  }
  expect_same_bits(one_by_one, together);
}

TEST_P(AttentionTest, OtherSequencesOfAStepDoNotChangeBits) {
  const PagedShape shape{6, 2, 64, Format::kF32, 16};
  PagedCase data(shape, {45, 300, 1, 33, 129});
  data.write(run, data.whole_step());
  // A prefill, a decode, a first token, the rest of a prefill, a decode.
  const std::vector<StepPart> parts = {{0, 0, 45}, {1, 299, 300}, {2, 0, 1}, {3, 20, 33}, {4, 128, 129}};
  const std::vector<float> mixed = attend(run, data, data.step(parts), kCausal);
  std::vector<float> alone;
  for (const StepPart& part : parts) {
    const std::vector<float> out = attend(run, data, data.step({part}), kCausal);
    alone.insert(alone.end(), out.begin(), out.end());
  }
  expect_same_bits(mixed, alone);
}

// A block that a window hides is skipped; under an explicit mask that says the same it is visited.
TEST_P(AttentionTest, SkippedBlocksDoNotChangeBits) {
  PagedCase data({4, 2, 32, Format::kF32, 16}, {2100});
  data.write(run, data.whole_step());
  const PagedStep step = data.step({{0, 2000, 2100}});
  for (const std::int32_t window : {1, 33, 1100}) {
    std::vector<std::uint8_t> matrix(100 * 2100, 0);
    for (std::int32_t t = 0; t < 100; ++t) {
      for (std::int32_t j = 2000 + t - window + 1; j <= 2000 + t; ++j) {
        matrix[static_cast<std::size_t>(t * 2100 + j)] = 1;
      }
    }
    const Mask same{.kind = MaskKind::kExplicit, .explicit_matrix = matrix.data(), .explicit_stride = 2100};
    expect_same_bits(attend(run, data, step, window_mask(window)), attend(run, data, step, same));
  }
}

HEARTH_INSTANTIATE_FOR_CPU(AttentionTest);

TEST(AttentionThreads, TheirNumberDoesNotChangeBits) {
  for (const InstructionSet set : usable_instruction_sets()) {
    const std::pair<int, int> heads[] = {{4, 4}, {8, 2}, {48, 1}};
    for (const auto& [head_count, kv_heads] : heads) {
      PagedCase data({head_count, kv_heads, 32, Format::kBf16, 16}, {200, 70});
      CpuRunner one({set, 1});
      data.write(one, data.whole_step());
      const PagedStep prefill = data.step({{0, 130, 200}, {1, 69, 70}}), decode = data.step({{0, 199, 200}});
      for (const PagedStep* step : {&prefill, &decode}) {
        const std::vector<float> expected = attend(one, data, *step, kCausal);
        for (const int thread_count : {2, 3, 7, 64}) {
          CpuRunner many({set, thread_count});
          expect_same_bits(attend(many, data, *step, kCausal), expected);
        }
      }
    }
  }
}

}  // namespace
}  // namespace hearth::kernel_testing
