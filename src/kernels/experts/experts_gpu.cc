// Launches the kernels for experts on a GPU.
#include "kernels/experts/experts_gpu.h"

#include <cstring>

#include "base/check.h"
#include "kernels/gpu/gpu_launch.h"
#include "kernels/gpu/gpu_ops.h"
#include "kernels/matmul/gpu/pack_gpu.h"

namespace hearth::gpu_ops {
namespace {

GpuKernel stream_kernel_of(GpuLayoutKind kind) {
  switch (kind) {
    case GpuLayoutKind::kW4:
      return GpuKernel::expert_matmul_w4;
    case GpuLayoutKind::kW4Min:
      return GpuKernel::expert_matmul_w4_min;
    case GpuLayoutKind::kW4Fine:
      return GpuKernel::expert_matmul_w4_fine;
    case GpuLayoutKind::kW4Table:
      return GpuKernel::expert_matmul_w4_table;
    case GpuLayoutKind::kW6:
      return GpuKernel::expert_matmul_w6;
    case GpuLayoutKind::kW6Min:
      return GpuKernel::expert_matmul_w6_min;
    case GpuLayoutKind::kW8:
      return GpuKernel::expert_matmul_w8;
    case GpuLayoutKind::kW16:
      return GpuKernel::expert_matmul_w16;
    case GpuLayoutKind::kF32:
      break;
  }
  CHECK(false);
}

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
  ExpertMatmulF32Params p{tiles_of(args), {}};
  p.matmul = {.x = static_cast<const float*>(a.x),
              .weights = reinterpret_cast<const float*>(a.weights),
              .bias = a.bias,
              .y = a.y,
              .y_stride = a.y_stride,
              .scale = a.scale,
              .token_count = static_cast<int>(a.token_count),
              .n = static_cast<int>(a.n),
              .k = static_cast<int>(a.k)};
  launch(stream, GpuKernel::expert_matmul_f32,
         {ceil_divide(a.n, kExpertF32Rows), expert_tiles_max(a.token_count, args.expert_count)}, kExpertF32Threads, p);
}

void expert_matmul_bf16(Stream& stream, const ExpertMatmulArgs& args) {
  const MatmulArgs& a = args.matmul;
  ExpertMatmulParams p{tiles_of(args), {}};
  p.matmul = {.x = static_cast<const std::uint16_t*>(a.x),
              .weights = a.weights,
              .bias = a.bias,
              .y = a.y,
              .y_stride = a.y_stride,
              .table = {},
              .scale = a.scale,
              .token_count = 0,  // the tile's
              .n = static_cast<int>(a.n),
              .k = static_cast<int>(a.k),
              .row_tiles_per_block = 1,
              .segments_per_block = 0,
              .partial = nullptr};
  const auto codes = gpu_code_table(a.format);
  std::memcpy(p.matmul.table, codes.data(), sizeof p.matmul.table);
  // Enough row tiles for all waves of a block, as far as there are segments: as the stream kernel shares them out.
  const GpuProperties& properties = gpu_stream(stream).gpu().properties();
  const int waves = kMatmulThreads / properties.wave_size;
  const auto segments = static_cast<int>(ceil_divide(a.k, kGpuMatmulSegment));
  int& tiles = p.matmul.row_tiles_per_block;
  while (tiles * segments < waves && tiles * 2 * static_cast<int>(kExpertTileSlots) <= kStreamOutputsMax) tiles *= 2;
  const std::int64_t row_blocks = ceil_divide(ceil_divide(a.n, kTileRows), tiles);
  launch(stream, stream_kernel_of(gpu_layout_of(a.format)),
         {row_blocks, expert_tiles_max(a.token_count, args.expert_count)}, kMatmulThreads, p);
}

}  // namespace hearth::gpu_ops
