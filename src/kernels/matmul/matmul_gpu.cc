// Chooses and launches the GPU's matmul kernels. The choice changes the speed and no bit.
#include "kernels/matmul/matmul_gpu.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "kernels/gpu/gpu_launch.h"
#include "kernels/gpu/gpu_ops.h"
#include "kernels/matmul/pack_gpu.h"

namespace hearth::gpu_ops {
namespace {

constexpr std::int64_t kTileTokensMin = 192;  // fewer: the stream kernel, over several groups of tokens

struct LayoutKernels {
  GpuKernel stream[std::size(kStreamTokens)];
  GpuKernel tile;
  GpuKernel hopper;
  int hopper_columns;  // k is a multiple of this
  int hopper_shared_bytes;
};

#define HEARTH_LAYOUT_KERNELS(layout, Layout)                                                                     \
  LayoutKernels {                                                                                                 \
    {GpuKernel::matmul_stream_##layout##_1, GpuKernel::matmul_stream_##layout##_8,                                \
     GpuKernel::matmul_stream_##layout##_16, GpuKernel::matmul_stream_##layout##_32,                              \
     GpuKernel::matmul_stream_##layout##_64},                                                                     \
        GpuKernel::matmul_tile_##layout, GpuKernel::matmul_hopper_##layout, HopperShared<Layout>::kWeightColumns, \
        HopperShared<Layout>::kBytes                                                                              \
  }

LayoutKernels kernels_of(GpuLayoutKind kind) {
  switch (kind) {
    case GpuLayoutKind::kW4:
      return HEARTH_LAYOUT_KERNELS(w4, LayoutW4);
    case GpuLayoutKind::kW4Min:
      return HEARTH_LAYOUT_KERNELS(w4_min, LayoutW4Min);
    case GpuLayoutKind::kW4Fine:
      return HEARTH_LAYOUT_KERNELS(w4_fine, LayoutW4Fine);
    case GpuLayoutKind::kW4Table:
      return HEARTH_LAYOUT_KERNELS(w4_table, LayoutW4Table);
    case GpuLayoutKind::kW6:
      return HEARTH_LAYOUT_KERNELS(w6, LayoutW6);
    case GpuLayoutKind::kW6Min:
      return HEARTH_LAYOUT_KERNELS(w6_min, LayoutW6Min);
    case GpuLayoutKind::kW8:
      return HEARTH_LAYOUT_KERNELS(w8, LayoutW8);
    case GpuLayoutKind::kW16:
      return HEARTH_LAYOUT_KERNELS(w16, LayoutW16);
    case GpuLayoutKind::kF32:
      break;
  }
  CHECK(false);
}

// How many tiles of 16 rows a block takes: enough for all its waves, as far as there are segments.
int row_tiles_per_block(const MatmulGpuParams& p, int wave_size, std::int64_t columns) {
  const int waves = kMatmulThreads / wave_size;
  const int segments = static_cast<int>(ceil_divide(p.k, kGpuMatmulSegment));
  int tiles = 1;
  while (tiles * segments < waves && tiles * 2 * columns <= kStreamOutputsMax) tiles *= 2;
  return tiles;
}

void launch_stream(Stream& stream, const LayoutKernels& kernels, MatmulGpuParams p, std::int64_t token_count) {
  const int wave_size = gpu_stream(stream).gpu().properties().wave_size;
  constexpr std::int64_t kMost = kStreamTokens[std::size(kStreamTokens) - 1];
  for (std::int64_t done = 0; done < token_count; done += kMost) {
    p.token_count = static_cast<int>(std::min(kMost, token_count - done));
    const auto* fit = std::lower_bound(std::begin(kStreamTokens), std::end(kStreamTokens),
                                       p.k <= kStreamSharedColumns ? p.token_count : std::max(2, p.token_count));
    // The matrix unit of some GPUs has 16 columns.
    p.row_tiles_per_block = row_tiles_per_block(p, wave_size, std::max(16, *fit));
    const std::int64_t blocks = ceil_divide(ceil_divide(p.n, kTileRows), p.row_tiles_per_block);
    launch(stream, kernels.stream[fit - kStreamTokens], {blocks}, kMatmulThreads, p);
    p.x += p.token_count * static_cast<std::int64_t>(p.k);
    p.y += p.token_count * p.y_stride;
  }
}

// Whether the device has the Hopper kernel and the matrix suits it.
bool launch_hopper(GpuStream& stream, const LayoutKernels& kernels, const MatmulGpuParams& p) {
  const GpuDevice& device = stream.gpu();
  if (device.target() != "sm_90a" || p.k % kernels.hopper_columns != 0) return false;
  MatmulHopperParams params{.x_map = {}, .matmul = p};
  device.check(device.driver().describe_matrix(params.x_map, p.x, p.token_count, p.k, kHopperTokens, kHopperChunk),
               "cuTensorMapEncodeTiled");
  launch(stream, kernels.hopper, {ceil_divide(p.token_count, kHopperTokens), ceil_divide(p.n, kHopperRows)},
         kHopperThreads, params, kernels.hopper_shared_bytes);
  return true;
}

}  // namespace

void matmul_bf16(Stream& stream, const MatmulArgs& args) {
  if (args.token_count == 0 || args.n == 0) return;
  const LayoutKernels kernels = kernels_of(gpu_layout_of(args.format));
  MatmulGpuParams p{.x = static_cast<const std::uint16_t*>(args.x),
                    .weights = args.weights,
                    .bias = args.bias,
                    .y = args.y,
                    .y_stride = args.y_stride,
                    .table = {},
                    .scale = args.scale,
                    .token_count = static_cast<int>(args.token_count),
                    .n = static_cast<int>(args.n),
                    .k = static_cast<int>(args.k),
                    .row_tiles_per_block = 0};
  const auto codes = gpu_code_table(args.format);
  std::memcpy(p.table, codes.data(), sizeof p.table);
  if (args.token_count < kTileTokensMin || args.k % 8 != 0) return launch_stream(stream, kernels, p, args.token_count);
  if (launch_hopper(gpu_stream(stream), kernels, p)) return;
  const int rows = tile_rows_per_block(gpu_stream(stream).gpu().properties().wave_size);
  launch(stream, kernels.tile, {ceil_divide(args.token_count, kTileTokens), ceil_divide(args.n, rows)}, kMatmulThreads,
         p);
}

void matmul_f32(Stream& stream, const MatmulArgs& args) {
  if (args.token_count == 0 || args.n == 0) return;
  const MatmulF32Params p{.x = static_cast<const float*>(args.x),
                          .weights = reinterpret_cast<const float*>(args.weights),
                          .bias = args.bias,
                          .y = args.y,
                          .y_stride = args.y_stride,
                          .scale = args.scale,
                          .token_count = static_cast<int>(args.token_count),
                          .n = static_cast<int>(args.n),
                          .k = static_cast<int>(args.k)};
  launch(stream, GpuKernel::matmul_f32, {ceil_divide(p.token_count, kMatmulF32Tile), ceil_divide(p.n, kMatmulF32Tile)},
         kMatmulThreads, p);
}

}  // namespace hearth::gpu_ops
