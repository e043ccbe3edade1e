#include "model/attention_in_steps.h"

#include <fmt/format.h>

#include <algorithm>

namespace hearth {

AttentionInSteps::AttentionInSteps(Binder& binder, const ModelSpec& spec, std::int64_t layer)
    : spec_(spec), layer_(spec.layers[static_cast<std::size_t>(layer)]) {
  const KernelTable& kernels = binder.kernels();
  const auto name = [&](std::string_view op) { return fmt::format("layer {} {}", layer, op); };
  scores_ = binder.kernel(kernels.attention_scores, name("attention_scores"));
  scale_ = binder.kernel(kernels.attention_scale, name("attention_scale"));
  mask_ = binder.kernel(kernels.attention_mask, name("attention_mask"));
  softmax_ = binder.kernel(kernels.softmax, name("softmax"));
  weighted_sum_ = binder.kernel(kernels.attention_weighted_sum, name("attention_weighted_sum"));
  if (kernels.activation_format == Format::kBf16) round_bf16_ = binder.kernel(kernels.round_bf16, name("round_bf16"));
}

std::int64_t AttentionInSteps::score_count(const ModelSpec& spec, std::int64_t tokens_max, std::int64_t keys_max) {
  return spec.head_count * std::min(tokens_max, keys_max) * keys_max;
}

void AttentionInSteps::run(StepContext& c, const float* q, std::int64_t q_stride, const PagedKv& cache) const {
  float* const out = round_bf16_ ? c.weighted_sum : static_cast<float*>(c.attended);
  const std::int64_t heads = spec_.head_count;
  for (std::int64_t i = 0; i < std::ssize(c.sequences); ++i) {
    const SequencePart& part = c.sequences[static_cast<std::size_t>(i)];
    const StepView step = one_sequence(c.step, i, part);
    const std::int64_t rows = heads * part.token_count;
    scores_(c.stream, {q + part.first_token * q_stride, q_stride, heads, step, cache, c.scores});
    scale_(c.stream, {c.scores, rows * part.key_count, layer_.attention_scale, 0.0f});
    mask_(c.stream, {c.scores, heads, step, layer_.mask});
    softmax_(c.stream, {c.scores, rows, part.key_count});
    weighted_sum_(c.stream, {c.scores, heads, step, cache, out + part.first_token * spec_.q_width()});
  }
  if (round_bf16_) round_bf16_(c.stream, {out, c.step.token_count * spec_.q_width(), c.attended});
}

}  // namespace hearth
