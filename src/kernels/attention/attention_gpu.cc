// Launches attention on a GPU: which kernels a step needs, from what the host knows of it.
#include "kernels/attention/attention.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "base/check.h"
#include "kernels/attention/attention_gpu.h"
#include "kernels/gpu/gpu_launch.h"
#include "kernels/gpu/gpu_ops.h"

namespace hearth::gpu_ops {
namespace {

// As many blocks of threads as keep any device busy.
constexpr std::int64_t kSplitBlocksMax = 1024;
// Waves for each multiprocessor up to which every one has a block of threads for itself.
constexpr std::int64_t kSpreadWavesMax = 4;
// Blocks of threads for each multiprocessor from which on they are worth being so few.
constexpr std::int64_t kWideBlocksMin = 3;

// The kernels for the smallest head size that holds one.
struct SizedKernels {
  int head_dim;
  GpuKernel tile;
  GpuKernel split;
};
const SizedKernels& kernels_for(std::int64_t head_dim) {
  static constexpr SizedKernels kSizes[] = {
#define HEARTH_SIZED(dim) {dim, GpuKernel::attention_tile_##dim, GpuKernel::attention_split_##dim},
      HEARTH_ATTENTION_HEAD_DIMS(HEARTH_SIZED)
#undef HEARTH_SIZED
  };
  const auto* size = std::find_if(std::begin(kSizes), std::end(kSizes),
                                  [&](const SizedKernels& kernels) { return head_dim <= kernels.head_dim; });
  CHECK(size != std::end(kSizes));
  return *size;
}

AttentionParams params_of(const AttentionArgs& args) {
  const PagedKv& cache = args.cache;
  AttentionParams p{};
  p.q = args.q;
  p.k = cache.k;
  p.v = cache.values();
  p.out = args.out;
  p.sinks = args.sinks;
  p.slopes = args.slopes;
  if (args.biases.of_heads != nullptr) {
    p.slopes = args.biases.of_heads;
    p.bias_reach = args.biases.reach;
  }
  p.step = args.step;
  p.mask = args.mask;
  p.q_stride = args.q_stride;
  p.parts_stride = ceil_divide(args.step.key_count_max, kAttentionKeyBlockGpu);
  p.head_count = static_cast<std::int32_t>(args.head_count);
  p.kv_heads = static_cast<std::int32_t>(cache.kv_heads);
  p.head_dim = static_cast<std::int32_t>(cache.head_dim);
  p.value_dim = static_cast<std::int32_t>(cache.value_dim());
  p.block_tokens = static_cast<std::int32_t>(cache.block_tokens);
  p.softcap = args.softcap;
  p.cap_scale = args.softcap > 0 ? args.scale / args.softcap : 0;
  p.exponent_scale = args.softcap > 0 ? 1.0f : args.scale;
  p.slope_scale = 1 / args.scale;
  p.out_bf16 = args.out_format == Format::kBf16;
  p.v_by_dimension = cache.v_by_dimension;
  return p;
}

void check(const AttentionArgs& args) {
  const PagedKv& cache = args.cache;
  CHECK(has_sizes_of_attention(cache) && args.head_count % cache.kv_heads == 0);
  CHECK(cache.block_tokens > 0 && cache.block_tokens % 8 == 0);
  CHECK(cache.format == Format::kF32 ||
        (cache.format == Format::kBf16 && (cache.v_by_dimension || cache.latent_dim > 0)));
  CHECK(args.out_format == Format::kF32 || args.out_format == Format::kBf16);
  // The maximum is taken of q . k, and queries are read 16 bytes at a time.
  CHECK(args.scale > 0);
  CHECK(args.biases.of_heads == nullptr || args.biases.reach > 0);
  CHECK((args.slopes != nullptr) + (args.biases.of_heads != nullptr) + (args.softcap != 0) <= 1);
  CHECK(args.q_stride % 4 == 0 && reinterpret_cast<std::uintptr_t>(args.q) % 16 == 0);
  CHECK(args.step.key_count_max > 0);
  // Rows of the step are counted in 32 bits.
  CHECK(args.step.token_count * args.head_count < std::int64_t{1} << 31);
}

// The Hopper kernels for a head size.
struct HopperKernels {
  std::int64_t head_dim;
  GpuKernel tile, packed_tile, pack;
  int shared_bytes;
};
const HopperKernels* hopper_kernels_for(const GpuDevice& device, std::int64_t head_dim) {
  static constexpr HopperKernels kKernels[] = {
#define HEARTH_HOPPER(dim)                                                                                            \
  {dim, GpuKernel::attention_hopper_##dim, GpuKernel::attention_hopper_packed_##dim, GpuKernel::attention_pack_##dim, \
   AttentionHopperShared<dim>::kBytes},
      HEARTH_ATTENTION_HOPPER_DIMS(HEARTH_HOPPER)
#undef HEARTH_HOPPER
  };
  if (device.target() != "sm_90a") return nullptr;
  const auto* found = std::find_if(std::begin(kKernels), std::end(kKernels),
                                   [&](const HopperKernels& kernels) { return kernels.head_dim == head_dim; });
  return found == std::end(kKernels) ? nullptr : found;
}

// Whether the blocks of keys are worth gathering: so many tiles read each of them, and there is room.
bool is_to_pack(const AttentionArgs& args, const AttentionParams& p) {
  constexpr std::int64_t kTilesMin = 16;
  // Under the other masks tiles see few of the keys, and not all of those need be there.
  const MaskKind kind = args.mask.kind;
  const bool sees_all = kind == MaskKind::kCausal || kind == MaskKind::kPrefix || kind == MaskKind::kBidirectional;
  return sees_all && p.unit_tiles >= kTilesMin * args.step.sequence_count &&
         args.workspace_bytes >= attention_prompt_workspace_bytes(args.step.sequence_count, args.step.key_count_max,
                                                                  args.cache.kv_heads, args.cache.head_dim);
}

void launch_tiles(Stream& stream, const AttentionArgs& args, AttentionParams p, const SizedKernels& kernels) {
  const GpuDevice& device = gpu_stream(stream).gpu();
  const int threads = attention_tile_threads(kernels.head_dim);
  const std::int64_t rows = threads / device.properties().wave_size * kAttentionTileRows;
  const std::int64_t tokens = p.step.token_count, group = p.head_count / p.kv_heads;
  // A tile of tokens of different sequences would read them one after another.
  const bool alone = tokens == p.step.sequence_count;
  p.unit_tokens = static_cast<std::int32_t>(alone ? 1 : tokens);
  const auto grid = [&](std::int64_t tile_rows) {
    p.unit_tiles = static_cast<std::int32_t>(ceil_divide(p.unit_tokens * group, tile_rows));
    return GpuGrid{p.kv_heads * p.unit_tiles * (alone ? tokens : 1)};
  };
  // What one tile of the portable kernel has room for, it does as fast; and it alone knows slopes.
  const bool may_be_hopper = p.unit_tokens * group > rows && p.slopes == nullptr;
  const HopperKernels* hopper = may_be_hopper ? hopper_kernels_for(device, p.head_dim) : nullptr;
  if (hopper == nullptr) return launch(stream, kernels.tile, grid(rows), threads, p);
  const GpuGrid hopper_grid = grid(kAttentionHopperRows);
  if (is_to_pack(args, p)) {
    p.packed = static_cast<std::byte*>(args.workspace);
    launch(stream, hopper->pack, {p.step.sequence_count * p.kv_heads * p.parts_stride}, kAttentionPackThreads, p);
  }
  launch(stream, p.packed == nullptr ? hopper->tile : hopper->packed_tile, hopper_grid, kAttentionHopperThreads, p,
         hopper->shared_bytes);
}

void launch_splits(Stream& stream, AttentionParams p, const SizedKernels& kernels) {
  const GpuProperties& properties = gpu_stream(stream).gpu().properties();
  p.unit_tiles = static_cast<std::int32_t>(ceil_divide(p.head_count / p.kv_heads, kAttentionTileRows));
  const std::int64_t blocks = p.step.sequence_count * p.kv_heads * p.unit_tiles;
  // What a multiprocessor fetches at a time is bounded: as long as there are enough, waves do not share one.
  const bool spreads = blocks * p.parts_stride <= kSpreadWavesMax * properties.multiprocessor_count;
  const std::int64_t waves = spreads ? 1 : kAttentionSplitThreads / properties.wave_size;
  p.split_waves = static_cast<std::int32_t>(waves);
  p.split_count = static_cast<std::int32_t>(
      std::clamp(kSplitBlocksMax / blocks, std::int64_t{1}, ceil_divide(p.parts_stride, waves)));
  launch(stream, kernels.split, {blocks, p.split_count}, kAttentionSplitThreads, p);
  launch(stream, GpuKernel::attention_merge,
         {p.step.sequence_count * p.head_count, ceil_divide(p.head_dim, kAttentionMergeThreads)},
         kAttentionMergeThreads, p);
}

// Heads of a token that share keys read the cache once, together; where there are few, each by itself keeps more of the
// device busy.
void launch_wide(Stream& stream, const AttentionParams& p) {
  constexpr std::int64_t kHeads = 4;
  const std::int64_t blocks = p.step.token_count * ceil_divide(p.head_count, kHeads);
  const bool together = blocks >= kWideBlocksMin * gpu_stream(stream).gpu().properties().multiprocessor_count &&
                        (p.kv_heads == 1 || p.head_count / p.kv_heads % kHeads == 0) && p.softcap == 0 &&
                        p.sinks == nullptr && p.slopes == nullptr;
  launch(stream, together ? GpuKernel::attention_wide_4 : GpuKernel::attention_wide_1,
         {together ? blocks : p.step.token_count * p.head_count}, kAttentionF32Threads, p);
}

}  // namespace

void attention(Stream& stream, const AttentionArgs& args) {
  const StepView& step = args.step;
  if (step.token_count == 0) return;
  check(args);
  AttentionParams p = params_of(args);
  const std::int64_t dim_max = args.slopes == nullptr ? kAttentionTileDimMax : kAttentionSlopeDimMax;
  const bool is_wide = args.cache.latent_dim > 0 || args.cache.head_dim > dim_max || args.biases.of_heads != nullptr;
  if (args.cache.format == Format::kF32) {
    launch(stream, is_wide ? GpuKernel::attention_wide_f32 : GpuKernel::attention_f32,
           {step.token_count * args.head_count}, kAttentionF32Threads, p);
    return;
  }
  if (is_wide) return launch_wide(stream, p);
  p.exponent_scale *= 1.44269504f;  // log2(e)
  const SizedKernels& kernels = kernels_for(args.cache.head_dim);
  const bool has_workspace = args.workspace_bytes >= attention_workspace_bytes(step.sequence_count, step.key_count_max,
                                                                               args.head_count, args.cache.head_dim);
  // One block of keys has nothing to share out, and the only sequence of a longer step is no single token.
  const bool only_single_tokens = step.token_count == step.sequence_count;
  const bool split = has_workspace && p.parts_stride > 1 && (only_single_tokens || step.sequence_count > 1);
  if (split) {
    p.parts = static_cast<float*>(args.workspace);
    p.part_weights = p.parts + step.sequence_count * args.head_count * p.parts_stride * args.cache.head_dim;
    p.skip_single_tokens = true;
    launch_splits(stream, p, kernels);
  }
  if (!split || !only_single_tokens) launch_tiles(stream, args, p, kernels);
}

}  // namespace hearth::gpu_ops
