// Each step of attention against its reference, alone, and their chain against the fused kernel.
#include "kernels/attention_steps/attention_steps.h"

#include <limits>

#include "kernels/attention_steps/attention_steps_reference.h"
#include "kernels/kv_write/cache_case.h"
#include "kernels/kv_write/kv_write_reference.h"

namespace hearth::kernel_testing {
namespace {

class AttentionStepsTest : public KernelTest {};

constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct StepsCase {
  PagedShape shape;
  std::int32_t begin, length;  // the step's tokens: [begin, length) of a sequence
};

std::vector<StepsCase> steps_cases() {
  std::vector<StepsCase> cases;
  for (const Format format : {Format::kF32, Format::kBf16}) {
    cases.push_back({{2, 2, 8, format, 16}, 0, 1});
    cases.push_back({{4, 2, 64, format, 8}, 0, 33});
    cases.push_back({{3, 1, 80, format, 32}, 30, 70});
    cases.push_back({{2, 1, 256, format, 24}, 128, 129});
    cases.push_back({{3, 1, 40, format, 32, 24}, 20, 40});
  }
  return cases;
}

// All keys and values of the case into its cache.
void write_all(PagedCase& data) {
  const PagedStep step = data.whole_step();
  kv_write_reference({step.k.data(), step.v.data(), data.kv_width(), step.view, data.cache()});
}

TEST_P(AttentionStepsTest, ScoresMatchTheReference) {
  for (const auto& [shape, begin, length] : steps_cases()) {
    SCOPED_TRACE(to_string(shape));
    PagedCase data(shape, {length});
    write_all(data);
    const PagedStep step = data.step({{0, begin, length}});
    std::vector<float> scores(static_cast<std::size_t>(shape.head_count * (length - begin) * length), -1.0f);
    const auto expected =
        attention_scores_reference({step.q.data(), data.q_width(), shape.head_count, step.view, data.cache(), nullptr});
    CacheCopy cache(data, run.is_gpu());
    run.kernels.attention_scores(*run.stream, {run.in(step.q), data.q_width(), shape.head_count, view_on(run, step),
                                               cache.on(run), run.out(scores)});
    run.finish();
    // Sums of up to 256 products of size 1.
    expect_close(scores, expected, 1e-5, 2e-5);
  }
}

TEST_P(AttentionStepsTest, ScaleMatchesTheReference) {
  for (const std::int64_t count : {0, 1, 7, 33, 10001}) {
    for (const float softcap : {0.0f, 30.0f}) {
      std::vector<float> x = random_floats(count, 5, 100);
      if (count > 5) x[3] = -kInfinity, x[4] = std::nanf("");
      std::vector<double> expected;
      for (const float value : x) {
        expected.push_back(scale_reference(static_cast<double>(value), 0.125, static_cast<double>(softcap)));
      }
      run.kernels.attention_scale(*run.stream, {run.out(x), count, 0.125f, softcap});
      run.finish();
      expect_close(x, expected, 1e-6, 0);
    }
  }
}

TEST_P(AttentionStepsTest, MaskMatchesTheReference) {
  PagedCase data({3, 1, 8, Format::kF32, 8}, {70});
  const std::vector<std::int32_t> draws = random_integers(40 * 75, 3, 0, 1);
  const std::vector<std::uint8_t> matrix(draws.begin(), draws.end());
  const Mask masks[] = {{},
                        {.kind = MaskKind::kSlidingWindow, .window = 1},
                        {.kind = MaskKind::kSlidingWindow, .window = 33},
                        {.kind = MaskKind::kBidirectional},
                        {.kind = MaskKind::kTwoSidedWindow, .window = 9},
                        {.kind = MaskKind::kGlobalLocal, .window = 9, .global = 5},
                        {.kind = MaskKind::kPrefix},
                        {.kind = MaskKind::kExplicit, .explicit_matrix = matrix.data(), .explicit_stride = 75}};
  const PagedStep step = data.step({{0, 30, 70}}, 50);
  for (const Mask& mask : masks) {
    std::vector<float> scores = random_floats(3 * 40 * 70, 8);
    scores[5] = std::nanf("");
    const std::vector<double> expected = attention_mask_reference({scores.data(), 3, step.view, mask});
    Mask device_mask = mask;
    if (mask.explicit_matrix != nullptr) device_mask.explicit_matrix = run.in(matrix);
    run.kernels.attention_mask(*run.stream, {run.out(scores), 3, view_on(run, step), device_mask});
    run.finish();
    expect_close(scores, expected, 0, 0);
  }
}

TEST_P(AttentionStepsTest, MaskTakesSlopesTimesDistances) {
  PagedCase data({3, 1, 8, Format::kF32, 8}, {70});
  const std::vector<float> slopes = {0.5f, 0.0442f, 0.0f};
  const PagedStep step = data.step({{0, 30, 70}});
  for (const Mask& mask : {Mask{}, Mask{.kind = MaskKind::kBidirectional}}) {
    std::vector<float> scores = random_floats(3 * 40 * 70, 8);
    const std::vector<double> expected = attention_mask_reference({scores.data(), 3, step.view, mask, slopes.data()});
    run.kernels.attention_mask(*run.stream, {run.out(scores), 3, view_on(run, step), mask, run.in(slopes)});
    run.finish();
    expect_close(scores, expected, 1e-6, 1e-6);
  }
}

TEST_P(AttentionStepsTest, MaskAddsBiasesOfDistances) {
  PagedCase data({3, 1, 8, Format::kF32, 8}, {70});
  const std::vector<float> biases = random_floats(3 * 41, 9, 2);
  const PagedStep step = data.step({{0, 30, 70}});
  for (const Mask& mask : {Mask{}, Mask{.kind = MaskKind::kBidirectional}}) {
    std::vector<float> scores = random_floats(3 * 40 * 70, 8);
    const std::vector<double> expected =
        attention_mask_reference({scores.data(), 3, step.view, mask, nullptr, {biases.data(), 20}});
    run.kernels.attention_mask(*run.stream,
                               {run.out(scores), 3, view_on(run, step), mask, nullptr, {run.in(biases), 20}});
    run.finish();
    expect_close(scores, expected, 1e-6, 1e-6);
  }
}

TEST_P(AttentionStepsTest, SoftmaxMatchesTheReference) {
  for (const std::int64_t width : {1, 7, 8, 33, 129, 1000}) {
    std::vector<float> x = random_floats(5 * width, 6, 50);
    const auto row = [&](std::int64_t r) { return x.begin() + r * width; };
    *row(1) = -kInfinity;                   // one hidden key
    std::fill(row(2), row(3), -kInfinity);  // all of them
    std::fill(row(3), row(4), 1000.0f);     // large and equal
    *(row(4) + width - 1) = std::nanf("");  // spoils its row
    std::vector<double> expected;
    for (std::int64_t r = 0; r < 5; ++r) {
      std::vector<double> values(row(r), row(r + 1));
      softmax_reference(values);
      expected.insert(expected.end(), values.begin(), values.end());
    }
    run.kernels.softmax(*run.stream, {run.out(x), 5, width});
    run.finish();
    expect_close(x, expected, 5e-6, 1e-30);
  }
}

// Sinks below, among and far above the scores, one for two rows each.
TEST_P(AttentionStepsTest, SinksArePartOfTheSum) {
  const std::vector<float> sinks = {-3.0f, 2.0f, 300.0f};
  for (const std::int64_t width : {1, 33, 300}) {
    std::vector<float> x = random_floats(6 * width, 7, 4);
    std::fill(x.begin() + 2 * width, x.begin() + 3 * width, -kInfinity);
    std::vector<double> expected;
    for (std::int64_t r = 0; r < 6; ++r) {
      std::vector<double> values(x.begin() + r * width, x.begin() + (r + 1) * width);
      softmax_reference(values, static_cast<double>(sinks[static_cast<std::size_t>(r / 2)]));
      expected.insert(expected.end(), values.begin(), values.end());
    }
    run.kernels.softmax(*run.stream,
                        {.x = run.out(x), .row_count = 6, .width = width, .sinks = run.in(sinks), .sink_rows = 2});
    run.finish();
    expect_close(x, expected, 5e-6, 1e-30);
  }
}

TEST_P(AttentionStepsTest, WeightedSumMatchesTheReference) {
  for (const auto& [shape, begin, length] : steps_cases()) {
    SCOPED_TRACE(to_string(shape));
    PagedCase data(shape, {length});
    write_all(data);
    const PagedStep step = data.step({{0, begin, length}});
    const std::vector<float> weights = random_floats(shape.head_count * (length - begin) * length, 9, 0.1f);
    const auto expected =
        attention_weighted_sum_reference({weights.data(), shape.head_count, step.view, data.cache(), nullptr});
    for (const bool v_by_dimension : value_layouts(run)) {
      std::vector<float> out(static_cast<std::size_t>((length - begin) * data.out_width()), -1.0f);
      CacheCopy cache(data, v_by_dimension);
      run.kernels.attention_weighted_sum(
          *run.stream, {run.in(weights), shape.head_count, view_on(run, step), cache.on(run), run.out(out)});
      run.finish();
      expect_close(out, expected, 1e-5, 1e-5);
    }
  }
}

// A hidden key's probability is 0, and 0 times what stands there must not be NaN.
TEST_P(AttentionStepsTest, WeightedSumLeavesOutProbabilityZero) {
  PagedCase data({1, 1, 8, Format::kF32, 8}, {2});
  data.v(0)[3] = kInfinity;
  write_all(data);
  const PagedStep step = data.whole_step();
  const std::vector<float> probabilities = {0, 1, 0, 0.5f};
  std::vector<float> out(16);
  CacheCopy cache(data, run.is_gpu());
  run.kernels.attention_weighted_sum(*run.stream,
                                     {run.in(probabilities), 1, view_on(run, step), cache.on(run), run.out(out)});
  run.finish();
  EXPECT_EQ(out[3], data.v(0)[8 + 3]);
  EXPECT_EQ(out[8 + 3], 0.5f * data.v(0)[8 + 3]);
}

TEST_P(AttentionStepsTest, AnEmptyStepWritesNothing) {
  PagedCase data({1, 1, 8, Format::kF32, 8}, {2});
  const PagedStep step = data.step({});
  CacheCopy copy(data, false);
  const StepView view = view_on(run, step);
  const PagedKv cache = copy.on(run);
  run.kernels.attention_scores(*run.stream, {nullptr, 8, 1, view, cache, nullptr});
  run.kernels.attention_mask(*run.stream, {nullptr, 1, view, {}});
  run.kernels.softmax(*run.stream, {nullptr, 0, 8});
  run.kernels.attention_weighted_sum(*run.stream, {nullptr, 1, view, cache, nullptr});
  run.finish();
}

// What the chain and the fused kernel are both given.
struct ChainCase {
  PagedCase& data;
  const PagedStep& step;
  const std::vector<std::uint8_t>& matrix;
  Mask mask;
  float softcap;
  std::vector<float> slopes = {};

  AttentionArgs on(Runner& run, CacheCopy& cache) const {
    Mask device_mask = mask;
    if (mask.explicit_matrix != nullptr) device_mask.explicit_matrix = run.in(matrix);
    return {.q = run.in(step.q),
            .q_stride = data.q_width(),
            .head_count = data.shape().head_count,
            .step = view_on(run, step),
            .cache = cache.on(run),
            .mask = device_mask,
            .scale = data.scale(),
            .softcap = softcap,
            .out = nullptr,
            .slopes = slopes.empty() ? nullptr : run.in(slopes)};
  }
};

std::vector<float> attend_in_steps(Runner& run, const ChainCase& c) {
  CacheCopy cache(c.data, run.is_gpu());
  const AttentionArgs args = c.on(run, cache);
  std::vector<SequencePart> parts;
  std::int64_t score_count = 0;
  for (const StepPart& part : c.step.parts) {
    const std::int64_t first = parts.empty() ? 0 : parts.back().first_token + parts.back().token_count;
    parts.push_back({first, part.end - part.begin, part.end});
    score_count = std::max(score_count, args.head_count * parts.back().token_count * part.end);
  }
  std::vector<float> scores(static_cast<std::size_t>(score_count)), out(c.step.q.size(), -1.0f);
  float *s = run.out(scores), *o = run.out(out);
  for (std::int64_t i = 0; i < std::ssize(parts); ++i) {
    const SequencePart& part = parts[static_cast<std::size_t>(i)];
    const StepView step = one_sequence(args.step, i, part);
    const std::int64_t rows = args.head_count * part.token_count;
    Mask mask = args.mask;
    if (mask.explicit_matrix != nullptr) mask.explicit_matrix += part.first_token * mask.explicit_stride;
    run.kernels.attention_scores(
        *run.stream, {args.q + part.first_token * args.q_stride, args.q_stride, args.head_count, step, args.cache, s});
    run.kernels.attention_scale(*run.stream, {s, rows * part.key_count, args.scale, args.softcap});
    run.kernels.attention_mask(*run.stream, {s, args.head_count, step, mask, args.slopes});
    run.kernels.softmax(*run.stream, {s, rows, part.key_count});
    run.kernels.attention_weighted_sum(*run.stream,
                                       {s, args.head_count, step, args.cache, o + part.first_token * c.data.q_width()});
  }
  run.finish();
  return out;
}

std::vector<float> attend_at_once(Runner& run, const ChainCase& c) {
  CacheCopy cache(c.data, run.is_gpu());
  AttentionArgs args = c.on(run, cache);
  std::vector<float> out(c.step.q.size(), -1.0f);
  args.out = run.out(out);
  run.kernels.attention(*run.stream, args);
  run.finish();
  return out;
}

TEST_P(AttentionStepsTest, TheirChainIsTheFusedKernel) {
  for (const auto& [shape, begin, length] : steps_cases()) {
    PagedCase data(shape, {length});
    write_all(data);
    const std::vector<std::int32_t> draws = random_integers((length - begin) * length, 3, 0, 1);
    const std::vector<std::uint8_t> matrix(draws.begin(), draws.end());
    const Mask masks[] = {{},
                          {.kind = MaskKind::kSlidingWindow, .window = 1},
                          {.kind = MaskKind::kSlidingWindow, .window = 16},
                          {.kind = MaskKind::kSlidingWindow, .window = 1000},
                          {.kind = MaskKind::kBidirectional},
                          {.kind = MaskKind::kTwoSidedWindow, .window = 9},
                          {.kind = MaskKind::kGlobalLocal, .window = 9, .global = 5},
                          {.kind = MaskKind::kPrefix},
                          {.kind = MaskKind::kExplicit, .explicit_matrix = matrix.data(), .explicit_stride = length}};
    const PagedStep step = data.step({{0, begin, length}}, 40);
    // A GPU's fused kernel multiplies what a bf16 cache holds with queries and probabilities in bf16.
    const double tolerance = run.is_gpu() && shape.format == Format::kBf16 ? 2e-2 : 1e-5;
    for (const Mask& mask : masks) {
      for (const float softcap : {0.0f, 20.0f}) {
        SCOPED_TRACE(to_string(shape) + ", mask " + std::to_string(static_cast<int>(mask.kind)) + ", window " +
                     std::to_string(mask.window));
        const ChainCase c{data, step, matrix, mask, softcap};
        expect_close(attend_in_steps(run, c), attend_at_once(run, c), tolerance, tolerance);
      }
      const std::vector<float> slopes = random_floats(shape.head_count, 17, 0.2f);
      const ChainCase c{data, step, matrix, mask, 0, slopes};
      expect_close(attend_in_steps(run, c), attend_at_once(run, c), tolerance, tolerance);
    }
  }
}

// One sequence of a step after another: each finds its own tokens, keys, prefix and blocks.
TEST_P(AttentionStepsTest, SequencesOfAStepAreTakenOneByOne) {
  for (const Format format : {Format::kF32, Format::kBf16}) {
    PagedCase data({4, 2, 64, format, 8}, {40, 1, 70, 33});
    write_all(data);
    PagedStep step = data.step({{0, 20, 40}, {1, 0, 1}, {2, 69, 70}, {3, 0, 33}}, 25);
    step.prefix_lengths[3] = 12;
    const std::vector<std::uint8_t> matrix(static_cast<std::size_t>(step.view.token_count * 70), 1);
    const double tolerance = run.is_gpu() && format == Format::kBf16 ? 2e-2 : 1e-5;
    const Mask masks[] = {{},
                          {.kind = MaskKind::kSlidingWindow, .window = 16},
                          {.kind = MaskKind::kPrefix},
                          {.kind = MaskKind::kExplicit, .explicit_matrix = matrix.data(), .explicit_stride = 70}};
    for (const Mask& mask : masks) {
      SCOPED_TRACE("mask " + std::to_string(static_cast<int>(mask.kind)));
      const ChainCase c{data, step, matrix, mask, 0};
      expect_close(attend_in_steps(run, c), attend_at_once(run, c), tolerance, tolerance);
    }
  }
}

HEARTH_INSTANTIATE_FOR_DEVICES(AttentionStepsTest);

}  // namespace
}  // namespace hearth::kernel_testing
