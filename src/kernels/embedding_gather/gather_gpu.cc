// Launches the kernels that take rows out of a table.
#include "kernels/embedding_gather/gather_gpu.h"

#include <cstring>

#include "kernels/gpu/gpu_launch.h"
#include "kernels/gpu/gpu_ops.h"
#include "kernels/matmul/pack_gpu.h"

namespace hearth::gpu_ops {
namespace {

constexpr std::int64_t kGridRowsMax = 65535;

GpuKernel gather_kernel(GpuLayoutKind kind) {
  switch (kind) {
    case GpuLayoutKind::kW4:
      return GpuKernel::gather_w4;
    case GpuLayoutKind::kW4Min:
      return GpuKernel::gather_w4_min;
    case GpuLayoutKind::kW4Fine:
      return GpuKernel::gather_w4_fine;
    case GpuLayoutKind::kW4Table:
      return GpuKernel::gather_w4_table;
    case GpuLayoutKind::kW6:
      return GpuKernel::gather_w6;
    case GpuLayoutKind::kW6Min:
      return GpuKernel::gather_w6_min;
    case GpuLayoutKind::kW8:
      return GpuKernel::gather_w8;
    case GpuLayoutKind::kW16:
      return GpuKernel::gather_w16;
    case GpuLayoutKind::kF32:
      break;
  }
  return GpuKernel::gather_f32;
}

void gather(Stream& stream, GpuKernel kernel, GatherParams params, std::int64_t row_count) {
  for (std::int64_t done = 0; done < row_count; done += kGridRowsMax) {
    const std::int64_t count = std::min(kGridRowsMax, row_count - done);
    launch(stream, kernel, {ceil_divide(params.width, kGatherThreads), count}, kGatherThreads, params);
    params.rows += count;
    params.out += count * params.width;
  }
}

GatherParams table_params(const Tensor& table, const std::int32_t* rows, float* out) {
  GatherParams params{.rows = rows,
                      .table = table.data,
                      .out = out,
                      .width = table.shape[1],
                      .offset = 0,
                      .codes = {},
                      .scale = 1,
                      .add = 0};
  const auto codes = gpu_code_table(table.format);
  std::memcpy(params.codes, codes.data(), sizeof params.codes);
  return params;
}

}  // namespace

void embedding_gather(Stream& stream, const EmbeddingGatherArgs& args) {
  GatherParams params = table_params(args.table, args.ids, args.out);
  params.scale = args.scale;
  const GpuLayoutKind kind = args.round_to_bf16 ? gpu_layout_of(args.table.format) : GpuLayoutKind::kF32;
  gather(stream, gather_kernel(kind), params, args.token_count);
}

void position_add(Stream& stream, const PositionAddArgs& args) {
  GatherParams params = table_params(args.table, args.positions, args.x);
  params.offset = args.offset;
  params.add = 1;
  const GpuLayoutKind kind = args.round_to_bf16 ? gpu_layout_of(args.table.format) : GpuLayoutKind::kF32;
  gather(stream, gather_kernel(kind), params, args.token_count);
}

void row_gather(Stream& stream, const RowGatherArgs& args) {
  const GatherParams params{.rows = args.rows,
                            .table = reinterpret_cast<const std::byte*>(args.x),
                            .out = args.out,
                            .width = args.width,
                            .offset = 0,
                            .codes = {},
                            .scale = 1,
                            .add = 0};
  gather(stream, GpuKernel::gather_f32, params, args.row_count);
}

}  // namespace hearth::gpu_ops
