#include "model/blocks/attention_in_steps.h"

#include <fmt/format.h>

#include <algorithm>

namespace hearth {

AttentionInSteps::AttentionInSteps(Binder& binder, const AttentionSpec& spec, std::int64_t layer) : spec_(spec) {
  const KernelTable& kernels = binder.kernels();
  const auto name = [&](std::string_view op) { return fmt::format("layer {} {}", layer, op); };
  scores_ = binder.kernel(kernels.attention_scores, name("attention_scores"));
  scale_ = binder.kernel(kernels.attention_scale, name("attention_scale"));
  mask_ = binder.kernel(kernels.attention_mask, name("attention_mask"));
  softmax_ = binder.kernel(kernels.softmax, name("softmax"));
  weighted_sum_ = binder.kernel(kernels.attention_weighted_sum, name("attention_weighted_sum"));
  const StepLimits& limits = binder.limits();
  const std::int64_t scores = spec.head_count * std::min(limits.tokens_max, limits.context) * limits.context;
  score_rows_ = binder.work_space().area<float>("scores", scores * std::int64_t{sizeof(float)});
  if (kernels.activation_format != Format::kBf16 || spec.gated || spec.value_dim > 0 || spec.norm_of_seen) {
    return;  // what comes next reads float32
  }
  round_bf16_ = binder.kernel(kernels.round_bf16, name("round_bf16"));
  sums_ = binder.work_space().area<float>("weighted sums",
                                          limits.tokens_max * spec.out_width() * std::int64_t{sizeof(float)});
}

void AttentionInSteps::run(const StepContext& c, const float* q, std::int64_t q_stride, const PagedKv& cache,
                           const OfHeads& of_heads, void* out) const {
  float* const sums = round_bf16_ ? sums_.get() : static_cast<float*>(out);
  float* const scores = score_rows_.get();
  const std::int64_t heads = spec_.head_count;
  for (std::int64_t i = 0; i < std::ssize(c.sequences); ++i) {
    const SequencePart& part = c.sequences[static_cast<std::size_t>(i)];
    const StepView step = one_sequence(c.step, i, part);
    const std::int64_t rows = heads * part.token_count;
    scores_(c.stream, {q + part.first_token * q_stride, q_stride, heads, step, cache, scores});
    scale_(c.stream, {scores, rows * part.key_count, spec_.scale, spec_.softcap});
    mask_(c.stream, {scores, heads, step, spec_.mask, of_heads.slopes, of_heads.biases});
    softmax_(c.stream, {scores, rows, part.key_count, of_heads.sinks, part.token_count});
    weighted_sum_(c.stream, {scores, heads, step, cache, sums + part.first_token * spec_.out_width()});
  }
  if (round_bf16_) round_bf16_(c.stream, {sums, c.step.token_count * spec_.out_width(), out});
}

}  // namespace hearth
