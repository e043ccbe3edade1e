// Launches attention's separate steps on a GPU. Grids are sized by what the host knows: the step's key_count_max.
#include "kernels/attention_steps/attention_steps_gpu.h"

#include "kernels/gpu/gpu_launch.h"
#include "kernels/gpu/gpu_ops.h"

namespace hearth::gpu_ops {
namespace {

void check_cache(const PagedKv& cache, std::int64_t head_count) {
  CHECK(has_sizes_of_attention(cache) && head_count % cache.kv_heads == 0);
  CHECK(cache.format == Format::kF32 || cache.format == Format::kBf16);
}

// A row for every head and token, cut into blocks of `threads` columns.
GpuGrid rows_grid(std::int64_t head_count, const StepView& step, std::int64_t columns, int threads) {
  return {head_count * step.token_count, ceil_divide(columns, threads)};
}

}  // namespace

void attention_scores(Stream& stream, const AttentionScoresArgs& args) {
  check_cache(args.cache, args.head_count);
  launch(stream, GpuKernel::attention_scores,
         rows_grid(args.head_count, args.step, args.step.key_count_max, kScoresThreads), kScoresThreads, args);
}

void attention_scale(Stream& stream, const AttentionScaleArgs& args) {
  launch(stream, GpuKernel::attention_scale, {ceil_divide(args.element_count, kScaleThreads)}, kScaleThreads, args);
}

void attention_mask(Stream& stream, const AttentionMaskArgs& args) {
  launch(stream, GpuKernel::attention_mask,
         rows_grid(args.head_count, args.step, args.step.key_count_max, kMaskThreads), kMaskThreads, args);
}

void softmax(Stream& stream, const SoftmaxArgs& args) {
  launch(stream, GpuKernel::softmax, {args.row_count}, kSoftmaxThreads, args);
}

void attention_weighted_sum(Stream& stream, const AttentionWeightedSumArgs& args) {
  check_cache(args.cache, args.head_count);
  launch(stream, GpuKernel::attention_weighted_sum,
         rows_grid(args.head_count, args.step, args.cache.value_dim(), kWeightedSumThreads), kWeightedSumThreads, args);
}

}  // namespace hearth::gpu_ops
