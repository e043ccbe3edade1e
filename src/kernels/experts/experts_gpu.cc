// Launches the kernels for experts on a GPU.
#include "kernels/experts/experts_gpu.h"

#include "base/check.h"
#include "kernels/gpu/gpu_launch.h"
#include "kernels/gpu/gpu_ops.h"
#include "kernels/matmul/gpu/matmul_launch.h"

namespace hearth::gpu_ops {
namespace {

ExpertTilesParams tiles_of(const ExpertMatmulArgs& args) {
  return {.begin = args.groups.begin,
          .slots = args.groups.slots,
          .tiles = args.groups.tiles,
          .scales = args.scales,
          .expert_bytes = args.expert_bytes,
          .slots_per_row = static_cast<int>(args.slots_per_row)};
}

}  // namespace

void route(Stream& stream, const RouteArgs& args) {
  const Routing& r = args.routing;
  CHECK(r.expert_count <= kExpertsMax && r.used <= kExpertsUsedMax && r.groups_used <= kExpertsUsedMax);
  launch(stream, GpuKernel::route, {args.token_count}, kRouteThreads, args);
}

void group_experts(Stream& stream, const GroupExpertsArgs& args) {
  launch(stream, GpuKernel::group_experts, {1}, kGroupExpertsThreads, args);
}

void expert_sum(Stream& stream, const ExpertSumArgs& args) {
  launch(stream, GpuKernel::expert_sum, {args.token_count, ceil_divide(args.width, kExpertSumThreads)},
         kExpertSumThreads, args);
}

void expert_matmul_f32(Stream& stream, const ExpertMatmulArgs& args) {
  const MatmulArgs& a = args.matmul;
  const ExpertMatmulF32Params p{tiles_of(args), matmul_f32_params(a)};
  launch(stream, GpuKernel::expert_matmul_f32,
         {ceil_divide(a.n, kExpertF32Rows), expert_tiles_max(a.token_count, args.expert_count)}, kExpertF32Threads, p);
}

void expert_matmul_bf16(Stream& stream, const ExpertMatmulArgs& args) {
  const MatmulArgs& a = args.matmul;
  ExpertMatmulParams p{tiles_of(args), matmul_params(a)};  // how many tokens there are is the tile's affair
  int& row_tiles = p.matmul.row_tiles_per_block;
  row_tiles = row_tiles_per_block(p.matmul, gpu_stream(stream).gpu().properties(), kExpertTileSlots, 0);
  const std::int64_t row_blocks = ceil_divide(ceil_divide(a.n, kTileRows), row_tiles);
  launch(stream, expert_kernel_of(gpu_layout_of(a.format)),
         {row_blocks, expert_tiles_max(a.token_count, args.expert_count)}, kMatmulThreads, p);
}

}  // namespace hearth::gpu_ops
