// Launches the kernels for experts on a GPU.
#include "kernels/experts/experts_gpu.h"

#include <algorithm>
#include <iterator>

#include "base/check.h"
#include "kernels/gpu/gpu_launch.h"
#include "kernels/gpu/gpu_ops.h"
#include "kernels/matmul/gpu/matmul_launch.h"

namespace hearth::gpu_ops {
namespace {

// Fewer slots: the stream kernel, which brings no rows together.
constexpr std::int64_t kHopperSlotsMin = 48;

ExpertTilesParams tiles_of(const ExpertMatmulArgs& args) {
  return {.experts = args.groups.is_single ? args.groups.experts : nullptr,
          .begin = args.groups.begin,
          .slots = args.groups.slots,
          .tiles = args.groups.tiles,
          .scales = args.scales,
          .expert_bytes = args.expert_bytes,
          .slots_per_row = static_cast<int>(args.slots_per_row),
          .tile_slots = static_cast<int>(expert_tile_slots(args.matmul.token_count, args.expert_count))};
}

// Blocks for tiles of which each takes `slots`.
std::int64_t tile_blocks(const ExpertMatmulArgs& args, std::int64_t slots) {
  const std::int64_t count = args.matmul.token_count;
  if (args.groups.is_single) return count;
  return expert_tiles_max(count, args.expert_count) * (expert_tile_slots(count, args.expert_count) / slots);
}

// x in the order of experts, in the work space.
const std::uint16_t* gathered(Stream& stream, const ExpertMatmulArgs& args) {
  const MatmulArgs& a = args.matmul;
  const ExpertGatherParams p{.x = static_cast<const std::uint16_t*>(a.x),
                             .slots = args.groups.slots,
                             .out = static_cast<std::uint16_t*>(a.workspace),
                             .slots_per_row = static_cast<int>(args.slots_per_row),
                             .k = static_cast<int>(a.k)};
  launch(stream, GpuKernel::expert_gather, {a.token_count}, kExpertGatherThreads, p);
  return p.out;
}

void launch_expert_hopper(Stream& stream, const ExpertKernels& kernels, const ExpertMatmulArgs& args,
                          const ExpertMatmulParams& p) {
  const GpuDevice& device = gpu_stream(stream).gpu();
  const MatmulArgs& a = args.matmul;
  const SizedKernel& kernel = *std::find_if(std::begin(kernels.hopper), std::end(kernels.hopper),
                                            [&](const SizedKernel& each) { return each.tokens == p.tile_slots; });
  const std::int64_t row_tiles = ceil_divide(a.n, kTileRows);
  CHECK(args.expert_bytes == row_tiles * kernels.hopper_stage.row_bytes_of(a.k));
  ExpertHopperParams params{};
  params.matmul = p.matmul;
  params.tiles = p;
  params.matmul.x = gathered(stream, args);
  params.matmul.segments_per_block = static_cast<int>(ceil_divide(a.k, kGpuMatmulSegment));
  describe_operands(device, kernels.hopper_stage, kernel.tokens, a.token_count, args.expert_count * row_tiles, params);
  launch(stream, kernel.kernel, {ceil_divide(a.n, kHopperRows), tile_blocks(args, kernel.tokens)}, kHopperThreads,
         params, kernel.shared_bytes);
}

void launch_expert_stream(Stream& stream, const ExpertKernels& kernels, const ExpertMatmulArgs& args,
                          ExpertMatmulParams& p) {
  const MatmulArgs& a = args.matmul;
  const GpuProperties& properties = gpu_stream(stream).gpu().properties();
  const std::int64_t tiles = tile_blocks(args, kExpertTileSlots[0]);
  p.matmul.row_tiles_per_block = row_tiles_per_block(p.matmul, properties, kExpertTileSlots[0], 0);
  std::int64_t row_blocks = ceil_divide(ceil_divide(a.n, kTileRows), p.matmul.row_tiles_per_block);
  const bool is_single = p.experts != nullptr && a.k <= kStreamSharedColumns;
  if (is_single) {
    // As many as run at a time: a block that goes on reads ahead.
    const std::int64_t at_once = std::int64_t{kStreamBlocks} * properties.multiprocessor_count;
    row_blocks = std::min(row_blocks, ceil_divide(at_once, tiles));
  }
  launch(stream, is_single ? kernels.single : kernels.stream, {row_blocks, tiles}, kMatmulThreads, p);
}

}  // namespace

void route(Stream& stream, const RouteArgs& args) {
  const Routing& r = args.routing;
  CHECK(r.expert_count <= kExpertsMax && r.used <= kExpertsUsedMax && r.groups_used <= kExpertsUsedMax);
  launch(stream, GpuKernel::route, {args.token_count}, kRouteThreads, args);
}

void group_experts(Stream& stream, const GroupExpertsArgs& args) {
  if (args.groups.is_single) return;
  GroupExpertsParams p{args, static_cast<int>(expert_tile_slots(args.slot_count, args.expert_count))};
  launch(stream, GpuKernel::group_experts, {1}, kGroupExpertsThreads, p);
}

void expert_sum(Stream& stream, const ExpertSumArgs& args) {
  launch(stream, GpuKernel::expert_sum, {args.token_count, ceil_divide(args.width, kExpertSumThreads)},
         kExpertSumThreads, args);
}

void expert_matmul_f32(Stream& stream, const ExpertMatmulArgs& args) {
  const MatmulArgs& a = args.matmul;
  const ExpertMatmulF32Params p{tiles_of(args), matmul_f32_params(a)};
  launch(stream, GpuKernel::expert_matmul_f32, {ceil_divide(a.n, kExpertF32Rows), tile_blocks(args, kExpertF32Slots)},
         kExpertF32Threads, p);
}

void expert_matmul_bf16(Stream& stream, const ExpertMatmulArgs& args) {
  const MatmulArgs& a = args.matmul;
  const GpuDevice& device = gpu_stream(stream).gpu();
  const ExpertKernels kernels = expert_kernels_of(gpu_layout_of(a.format));
  ExpertMatmulParams p{tiles_of(args), matmul_params(a)};  // how many tokens there are is the tile's affair
  // Rows are brought together in pieces of eight.
  const bool can_gather =
      p.experts == nullptr && a.k % 8 == 0 && a.workspace_bytes >= expert_rows_bytes_on_gpu(a.token_count, a.k);
  if (can_gather && a.token_count >= kHopperSlotsMin && device.target() == "sm_90a" &&
      kernels.hopper_stage.takes(a.k)) {
    return launch_expert_hopper(stream, kernels, args, p);
  }
  if (!can_gather || p.tile_slots < kExpertTileTokens) return launch_expert_stream(stream, kernels, args, p);
  p.matmul.x = gathered(stream, args);
  p.matmul.segments_per_block = static_cast<int>(ceil_divide(a.k, kGpuMatmulSegment));
  const int rows = tile_rows_per_block(device.properties().wave_size);
  launch(stream, kernels.tile, {ceil_divide(a.n, rows), tile_blocks(args, kExpertTileTokens)}, kMatmulThreads, p);
}

}  // namespace hearth::gpu_ops
