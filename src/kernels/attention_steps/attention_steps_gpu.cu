// Attention's separate steps. Simple rather than fast: a thread for every score and every element of the output.
#include "kernels/attention_steps/attention_steps_gpu.h"

#include "device/gpu/gpu.h"
#include "kernels/gpu/gpu_math.h"
#include "kernels/gpu/gpu_rows.h"

namespace hearth::gpu {
namespace {

HEARTH_DEVICE float cached_value(const PagedKv& cache, const std::byte* data, std::int64_t element) {
  if (cache.format == Format::kF32) return reinterpret_cast<const float*>(data)[element];
  return bf16_to_float(reinterpret_cast<const std::uint16_t*>(data)[element]);
}

// A block's row of [heads, tokens].
struct Row {
  std::int64_t index;
  int head, token;
};
HEARTH_DEVICE Row row_of(const StepView& step) {
  const int tokens = static_cast<int>(step.token_count), head = block_x() / tokens;
  return {block_x(), head, block_x() - head * tokens};
}

// Of the sequence's value at `position`: its first dimension, and how far it is to the next.
struct ValuePlace {
  std::int64_t begin, stride;
};
HEARTH_DEVICE ValuePlace value_place(const PagedKv& cache, const StepView& step, int position, std::int64_t kv_head) {
  if (!cache.v_by_dimension) return {paged_row(cache, step.block_tables, position, kv_head) * cache.head_dim, 1};
  const int block_tokens = static_cast<int>(cache.block_tokens), index = position / block_tokens;
  const std::int64_t head = step.block_tables[index] * cache.kv_heads + kv_head;
  return {head * cache.head_dim * block_tokens + (position - index * block_tokens), block_tokens};
}

}  // namespace

HEARTH_KERNEL(attention_scores, kScoresThreads, AttentionScoresArgs) {
  const int keys = p.step.key_counts[0], key = block_y() * kScoresThreads + thread_index();
  if (key >= keys) return;
  const Row row = row_of(p.step);
  const int head_dim = static_cast<int>(p.cache.head_dim);
  const std::int64_t kv_head = row.head / (p.head_count / p.cache.kv_heads);
  const float* q = p.q + row.token * p.q_stride + row.head * head_dim;
  const std::int64_t k = paged_row(p.cache, p.step.block_tables, key, kv_head) * head_dim;
  float sums[4] = {};
  for (int d = 0; d < head_dim; d += 4) {
    HEARTH_UNROLL
    for (int i = 0; i < 4; ++i) sums[i] = fma_exact(q[d + i], cached_value(p.cache, p.cache.k, k + d + i), sums[i]);
  }
  p.scores[row.index * keys + key] = (sums[0] + sums[2]) + (sums[1] + sums[3]);
}

HEARTH_KERNEL(attention_scale, kScaleThreads, AttentionScaleArgs) {
  const std::int64_t i = static_cast<std::int64_t>(block_x()) * kScaleThreads + thread_index();
  if (i >= p.element_count) return;
  const float x = p.x[i] * p.scale;
  p.x[i] = p.softcap > 0.0f ? p.softcap * tanh_accurate(x / p.softcap) : x;
}

HEARTH_KERNEL(attention_mask, kMaskThreads, AttentionMaskArgs) {
  const int keys = p.step.key_counts[0], key = block_y() * kMaskThreads + thread_index();
  if (key >= keys) return;
  const Row row = row_of(p.step);
  float& score = p.scores[row.index * keys + key];
  if (!is_visible(p.mask, p.step, 0, row.token, key)) {
    score = -kInfinity;
  } else if (p.slopes != nullptr) {
    const int position = p.step.positions[row.token];
    score = fma_exact(-p.slopes[row.head], static_cast<float>(key < position ? position - key : key - position), score);
  } else if (p.biases.of_heads != nullptr) {
    score += p.biases.at(row.head, key - p.step.positions[row.token]);
  }
}

// A thread takes every kSoftmaxThreads-th element of the row.
HEARTH_KERNEL(softmax, kSoftmaxThreads, SoftmaxArgs) {
  struct Shared {
    BlockPartials<kSoftmaxThreads> max, sum;
  };
  HEARTH_SHARED(Shared, shared);
  float* x = p.x + block_x() * p.width;
  float max = -kInfinity;
  for (std::int64_t i = thread_index(); i < p.width; i += kSoftmaxThreads) max = max_or_nan(max, x[i]);
  max = block_max(max, shared.max);
  const float base = max == -kInfinity ? 0.0f : max;
  float sum = 0.0f;
  for (std::int64_t i = thread_index(); i < p.width; i += kSoftmaxThreads) {
    const float e = exp_accurate(x[i] - base);
    x[i] = e;
    sum += e;
  }
  sum = block_sum(sum, shared.sum);
  if (sum == 0.0f) return;  // nothing but -infinity: the exponentials are zeros already
  if (p.sinks != nullptr) sum += exp_accurate(p.sinks[block_x() / p.sink_rows] - base);
  for (std::int64_t i = thread_index(); i < p.width; i += kSoftmaxThreads) x[i] /= sum;
}

HEARTH_KERNEL(attention_weighted_sum, kWeightedSumThreads, AttentionWeightedSumArgs) {
  const int width = static_cast<int>(p.cache.value_dim()), d = block_y() * kWeightedSumThreads + thread_index();
  if (d >= width) return;
  const Row row = row_of(p.step);
  const int keys = p.step.key_counts[0];
  const std::int64_t kv_head = row.head / (p.head_count / p.cache.kv_heads);
  float sum = 0.0f;
  for (int key = 0; key < keys; ++key) {
    const float probability = p.probabilities[row.index * keys + key];
    if (probability == 0.0f) continue;  // a hidden key: its value may be anything
    const ValuePlace v = value_place(p.cache, p.step, key, kv_head);
    sum = fma_exact(probability, cached_value(p.cache, p.cache.values(), v.begin + d * v.stride), sum);
  }
  p.out[(row.token * p.head_count + row.head) * width + d] = sum;
}

}  // namespace hearth::gpu
