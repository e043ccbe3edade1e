// Chooses and launches the GPU's matmul kernels. The choice changes the speed and no bit.
#include "kernels/matmul/gpu/matmul_gpu.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <span>

#include "base/check.h"
#include "kernels/gpu/gpu_launch.h"
#include "kernels/gpu/gpu_ops.h"
#include "kernels/matmul/gpu/matmul_launch.h"

namespace hearth::gpu_ops {
namespace {

// Fewer tokens: the stream kernel.
constexpr std::int64_t kTileTokensMin = 17;
constexpr std::int64_t kHopperTokensMin = 2;  // where the device has the Hopper kernels

// The CPU's sums and the GPU's are cut at the same places.
static_assert(kGpuMatmulSegment == kMatmulSegment);

struct LayoutKernels {
  GpuKernel stream[std::size(kStreamTokens)];
  SizedKernel tile[std::size(kTileTokens)];
  SizedKernel hopper[std::size(kHopperTokens)];
  HopperStage hopper_stage;
  GpuKernel hopper_stream;
  int (*hopper_stream_bytes)(int k);
  ExpertKernels experts;
};

#define HEARTH_TILE_KERNEL(layout, tokens) \
  { tokens, GpuKernel::matmul_tile_##layout##_##tokens }
#define HEARTH_HOPPER_KERNEL(layout, Layout, tokens) \
  { tokens, GpuKernel::matmul_hopper_##layout##_##tokens, HopperShared<Layout, tokens>::kBytes }
#define HEARTH_EXPERT_HOPPER_KERNEL(layout, Layout, tokens) \
  { tokens, GpuKernel::expert_hopper_##layout##_##tokens, HopperShared<Layout, tokens>::kBytes }
#define HEARTH_LAYOUT_KERNELS(layout, Layout)                                                                 \
  LayoutKernels {                                                                                             \
    {GpuKernel::matmul_stream_##layout##_1, GpuKernel::matmul_stream_##layout##_8,                            \
     GpuKernel::matmul_stream_##layout##_16},                                                                 \
        {HEARTH_TILE_KERNEL(layout, 32), HEARTH_TILE_KERNEL(layout, 64), HEARTH_TILE_KERNEL(layout, 128)},    \
        {HEARTH_HOPPER_KERNEL(layout, Layout, 16), HEARTH_HOPPER_KERNEL(layout, Layout, 64),                  \
         HEARTH_HOPPER_KERNEL(layout, Layout, 128), HEARTH_HOPPER_KERNEL(layout, Layout, 192)},               \
        hopper_stage_of<Layout>(), GpuKernel::matmul_stream_hopper_##layout, stream_hopper_bytes<Layout>, {   \
      GpuKernel::expert_single_##layout, GpuKernel::expert_matmul_##layout, GpuKernel::expert_tile_##layout,  \
          {HEARTH_EXPERT_HOPPER_KERNEL(layout, Layout, 16), HEARTH_EXPERT_HOPPER_KERNEL(layout, Layout, 64)}, \
          hopper_stage_of<Layout>()                                                                           \
    }                                                                                                         \
  }

template <class Layout>
constexpr HopperStage hopper_stage_of() {
  using Shared = HopperShared<Layout, kHopperTokens[0]>;
  return {Shared::kWeightColumns, Shared::kRowBytes, Layout::kTileK};
}

LayoutKernels kernels_of(GpuLayoutKind kind) {
  switch (kind) {
    case GpuLayoutKind::kW2:
      return HEARTH_LAYOUT_KERNELS(w2, LayoutW2);
    case GpuLayoutKind::kW2Min:
      return HEARTH_LAYOUT_KERNELS(w2_min, LayoutW2Min);
    case GpuLayoutKind::kW3:
      return HEARTH_LAYOUT_KERNELS(w3, LayoutW3);
    case GpuLayoutKind::kW3Table:
      return HEARTH_LAYOUT_KERNELS(w3_table, LayoutW3Table);
    case GpuLayoutKind::kW4:
      return HEARTH_LAYOUT_KERNELS(w4, LayoutW4);
    case GpuLayoutKind::kW4Min:
      return HEARTH_LAYOUT_KERNELS(w4_min, LayoutW4Min);
    case GpuLayoutKind::kW4Table:
      return HEARTH_LAYOUT_KERNELS(w4_table, LayoutW4Table);
    case GpuLayoutKind::kW4TableFine:
      return HEARTH_LAYOUT_KERNELS(w4_tfine, LayoutW4TableFine);
    case GpuLayoutKind::kW6:
      return HEARTH_LAYOUT_KERNELS(w6, LayoutW6);
    case GpuLayoutKind::kW6Min:
      return HEARTH_LAYOUT_KERNELS(w6_min, LayoutW6Min);
    case GpuLayoutKind::kW8:
      return HEARTH_LAYOUT_KERNELS(w8, LayoutW8);
    case GpuLayoutKind::kW8Float:
      return HEARTH_LAYOUT_KERNELS(w8_float, LayoutW8Float);
    case GpuLayoutKind::kW16:
      return HEARTH_LAYOUT_KERNELS(w16, LayoutW16);
    case GpuLayoutKind::kF32:
      break;
  }
  CHECK(false);
}

// As many blocks as run at a time, or as there is work for.
std::int64_t stream_blocks(const MatmulGpuParams& p, const GpuProperties& properties, std::int64_t at_once) {
  return std::min(ceil_divide(ceil_divide(p.n, kTileRows), p.row_tiles_per_block),
                  at_once * properties.multiprocessor_count);
}

void launch_stream(Stream& stream, const LayoutKernels& kernels, MatmulGpuParams p, std::int64_t token_count) {
  const GpuProperties& properties = gpu_stream(stream).gpu().properties();
  constexpr std::int64_t kMost = kStreamTokens[std::size(kStreamTokens) - 1];
  for (std::int64_t done = 0; done < token_count; done += kMost) {
    p.token_count = static_cast<int>(std::min(kMost, token_count - done));
    const auto* fit = std::lower_bound(std::begin(kStreamTokens), std::end(kStreamTokens),
                                       p.k <= kStreamSharedColumns ? p.token_count : std::max(2, p.token_count));
    // The matrix unit of some GPUs has 16 columns.
    p.row_tiles_per_block = row_tiles_per_block(p, properties, std::max(16, *fit), properties.multiprocessor_count);
    launch(stream, kernels.stream[fit - kStreamTokens], {stream_blocks(p, properties, kStreamBlocks)}, kMatmulThreads,
           p);
    p.x += p.token_count * static_cast<std::int64_t>(p.k);
    p.y += p.token_count * p.y_stride;
  }
}

// The same for a single token on Hopper.
void launch_hopper_stream(Stream& stream, const LayoutKernels& kernels, MatmulGpuParams p) {
  const GpuProperties& properties = gpu_stream(stream).gpu().properties();
  const int shared_bytes = kernels.hopper_stream_bytes(p.k);
  // A multiprocessor has a little more than what it gives one block, and keeps as much of each.
  constexpr int kReservedBytes = 1024;
  const std::int64_t fit = (properties.shared_bytes_max + kReservedBytes) / (shared_bytes + kReservedBytes);
  p.row_tiles_per_block = row_tiles_per_block(p, properties, 16, properties.multiprocessor_count);
  launch(stream, kernels.hopper_stream,
         {stream_blocks(p, properties, std::min<std::int64_t>(kStreamHopperBlocks, fit))}, kMatmulThreads, p,
         shared_bytes);
}

// The kernel whose tiles take the least time: as long as they are wide, and for decoding the weights as long as for so
// many tokens more.
const SizedKernel& fastest(std::span<const SizedKernel> kernels, std::int64_t token_count) {
  constexpr std::int64_t kDecoding = 64;
  const auto time = [&](const SizedKernel& kernel) {
    return ceil_divide(token_count, kernel.tokens) * (kernel.tokens + kDecoding);
  };
  return *std::min_element(kernels.begin(), kernels.end(),
                           [&](const SizedKernel& a, const SizedKernel& b) { return time(a) < time(b); });
}

// The grid of a kernel whose blocks take `rows` rows. Where that leaves multiprocessors idle and there is work space,
// blocks share k: as many as run at a time.
GpuGrid share_out(const GpuDevice& device, const MatmulArgs& args, const SizedKernel& kernel, int rows, int blocks,
                  MatmulGpuParams& p) {
  GpuGrid grid{ceil_divide(p.token_count, kernel.tokens), ceil_divide(p.n, rows)};
  const int segments = static_cast<int>(ceil_divide(p.k, kGpuMatmulSegment));
  const std::int64_t at_once = std::int64_t{blocks} * device.properties().multiprocessor_count;
  p.segments_per_block = segments;
  if (matmul_workspace_bytes(p.token_count, p.n, p.k) > args.workspace_bytes) return grid;
  int share = 1;
  while (share < segments && grid.x * grid.y * ceil_divide(segments, share) > at_once) ++share;
  if (share == segments) return grid;
  p.segments_per_block = share;
  p.partial = static_cast<float*>(args.workspace);
  grid.z = ceil_divide(segments, share);
  return grid;
}

void launch_sum(Stream& stream, const MatmulGpuParams& p) {
  if (p.partial == nullptr) return;
  const MatmulSumParams sum{.partial = p.partial,
                            .bias = p.bias,
                            .y = p.y,
                            .y_stride = p.y_stride,
                            .segment_stride = static_cast<std::int64_t>(p.token_count) * p.n,
                            .scale = p.scale,
                            .segments = static_cast<int>(ceil_divide(p.k, kGpuMatmulSegment)),
                            .n = p.n};
  launch(stream, GpuKernel::matmul_sum, {ceil_divide(p.n, kMatmulSumThreads), p.token_count}, kMatmulSumThreads, sum);
}

void launch_tile(Stream& stream, const LayoutKernels& kernels, MatmulGpuParams p, const MatmulArgs& args) {
  constexpr int kBlocks = 2;  // at a time on a multiprocessor
  const GpuDevice& device = gpu_stream(stream).gpu();
  const SizedKernel& kernel = fastest(kernels.tile, p.token_count);
  const int rows = tile_rows_per_block(device.properties().wave_size);
  const GpuGrid grid = share_out(device, args, kernel, rows, kBlocks, p);
  launch(stream, kernel.kernel, grid, kMatmulThreads, p);
  launch_sum(stream, p);
}

void launch_hopper(Stream& stream, const LayoutKernels& kernels, const MatmulGpuParams& p, const MatmulArgs& args) {
  const GpuDevice& device = gpu_stream(stream).gpu();
  const SizedKernel& kernel = fastest(kernels.hopper, p.token_count);
  MatmulHopperParams params{.x_map = {}, .weight_map = {}, .matmul = p};
  GpuGrid grid = share_out(device, args, kernel, kHopperRows, hopper_blocks(kernel.tokens), params.matmul);
  const int cluster = hopper_cluster(kernel.tokens);
  grid.y = ceil_divide(grid.y, cluster) * cluster;
  describe_operands(device, kernels.hopper_stage, kernel.tokens, p.token_count, ceil_divide(p.n, kTileRows), params);
  launch(stream, kernel.kernel, grid, kHopperThreads, params, kernel.shared_bytes);
  launch_sum(stream, params.matmul);
}

}  // namespace

void describe_operands(const GpuDevice& device, const HopperStage& stage, int kernel_tokens, std::int64_t token_count,
                       std::int64_t row_tiles, MatmulHopperParams& params) {
  const MatmulGpuParams& p = params.matmul;
  const auto describe = [&](std::uint64_t* map, const MatrixDescription& matrix) {
    device.check(device.driver().describe_matrix(map, matrix), "cuTensorMapEncodeTiled");
  };
  describe(params.x_map, {.data = p.x,
                          .element = MatrixDescription::Element::kBf16Swizzled,
                          .rows = token_count,
                          .columns = p.k,
                          .box_rows = kernel_tokens / hopper_cluster(kernel_tokens),
                          .box_columns = kHopperChunk});
  describe(params.weight_map, {.data = p.weights,
                               .element = MatrixDescription::Element::kWord8,
                               .rows = row_tiles,
                               .columns = stage.row_bytes_of(p.k) / 8,
                               .box_rows = kHopperRows / kTileRows,
                               .box_columns = stage.row_bytes / 8});
}

MatmulGpuParams matmul_params(const MatmulArgs& args) {
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
                    .row_tiles_per_block = 0,
                    .segments_per_block = 0,
                    .partial = nullptr};
  const CodeValues values = gpu_code_values(args.format);
  std::memcpy(p.table, values.data(), sizeof p.table);
  return p;
}

MatmulF32Params matmul_f32_params(const MatmulArgs& args) {
  return {.x = static_cast<const float*>(args.x),
          .weights = reinterpret_cast<const float*>(args.weights),
          .bias = args.bias,
          .y = args.y,
          .y_stride = args.y_stride,
          .scale = args.scale,
          .token_count = static_cast<int>(args.token_count),
          .n = static_cast<int>(args.n),
          .k = static_cast<int>(args.k)};
}

int row_tiles_per_block(const MatmulGpuParams& p, const GpuProperties& properties, std::int64_t columns,
                        std::int64_t blocks_min) {
  const int waves = kMatmulThreads / properties.wave_size;
  const int segments = static_cast<int>(ceil_divide(p.k, kGpuMatmulSegment));
  const std::int64_t row_tiles = ceil_divide(p.n, kTileRows);
  int tiles = 1;
  while (tiles * segments < waves && tiles * 2 * columns <= kStreamOutputsMax && row_tiles >= tiles * 2 * blocks_min) {
    tiles *= 2;
  }
  return tiles;
}

ExpertKernels expert_kernels_of(GpuLayoutKind kind) {
  return kernels_of(kind).experts;
}

void matmul_bf16(Stream& stream, const MatmulArgs& args) {
  if (args.token_count == 0 || args.n == 0) return;
  const LayoutKernels kernels = kernels_of(gpu_layout_of(args.format));
  const MatmulGpuParams p = matmul_params(args);
  if (gpu_stream(stream).gpu().target() == "sm_90a") {
    if (args.token_count == 1 && args.k <= kStreamSharedColumns) return launch_hopper_stream(stream, kernels, p);
    if (args.token_count >= kHopperTokensMin && kernels.hopper_stage.takes(args.k)) {
      return launch_hopper(stream, kernels, p, args);
    }
  }
  // Activations are copied in pieces of eight.
  if (args.token_count >= kTileTokensMin && args.k % 8 == 0) return launch_tile(stream, kernels, p, args);
  launch_stream(stream, kernels, p, args.token_count);
}

void matmul_f32(Stream& stream, const MatmulArgs& args) {
  if (args.token_count == 0 || args.n == 0) return;
  const MatmulF32Params p = matmul_f32_params(args);
  launch(stream, GpuKernel::matmul_f32, {ceil_divide(p.token_count, kMatmulF32Tile), ceil_divide(p.n, kMatmulF32Tile)},
         kMatmulThreads, p);
}

}  // namespace hearth::gpu_ops
