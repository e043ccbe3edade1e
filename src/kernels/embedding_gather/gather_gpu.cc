// Launches the kernels that take rows out of a table.
#include "kernels/embedding_gather/gather_gpu.h"

#include <algorithm>
#include <cstring>

#include "kernels/gpu/gpu_launch.h"
#include "kernels/gpu/gpu_ops.h"
#include "kernels/matmul/gpu/pack_gpu.h"

namespace hearth::gpu_ops {
namespace {

constexpr std::int64_t kGridRowsMax = 65535;

GpuKernel gather_kernel(GpuLayoutKind kind) {
  switch (kind) {
    case GpuLayoutKind::kW2:
      return GpuKernel::gather_w2;
    case GpuLayoutKind::kW2Min:
      return GpuKernel::gather_w2_min;
    case GpuLayoutKind::kW3:
      return GpuKernel::gather_w3;
    case GpuLayoutKind::kW3Table:
      return GpuKernel::gather_w3_table;
    case GpuLayoutKind::kW4:
      return GpuKernel::gather_w4;
    case GpuLayoutKind::kW4Min:
      return GpuKernel::gather_w4_min;
    case GpuLayoutKind::kW4Table:
      return GpuKernel::gather_w4_table;
    case GpuLayoutKind::kW4TableFine:
      return GpuKernel::gather_w4_tfine;
    case GpuLayoutKind::kW6:
      return GpuKernel::gather_w6;
    case GpuLayoutKind::kW6Min:
      return GpuKernel::gather_w6_min;
    case GpuLayoutKind::kW8:
      return GpuKernel::gather_w8;
    case GpuLayoutKind::kW8Float:
      return GpuKernel::gather_w8_float;
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

// Rows of a packed table; `params` has what is not the table's.
void gather_table(Stream& stream, const Tensor& table, bool round_to_bf16, GatherParams params,
                  std::int64_t row_count) {
  params.table = table.data;
  params.width = table.shape[1];
  const CodeValues values = gpu_code_values(table.format);
  std::memcpy(params.codes, values.data(), sizeof params.codes);
  const GpuLayoutKind kind = round_to_bf16 ? gpu_layout_of(table.format) : GpuLayoutKind::kF32;
  gather(stream, gather_kernel(kind), params, row_count);
}

}  // namespace

void embedding_gather(Stream& stream, const EmbeddingGatherArgs& args) {
  GatherParams params{};
  params.rows = args.ids;
  params.out = args.out;
  params.scale = args.scale;
  params.row_count = args.first_row_beyond ? static_cast<std::int32_t>(args.table.shape[0]) : 0;
  gather_table(stream, args.table, args.round_to_bf16, params, args.token_count);
}

void position_add(Stream& stream, const PositionAddArgs& args) {
  GatherParams params{};
  params.rows = args.positions;
  params.out = args.x;
  params.offset = args.offset;
  params.scale = 1;
  params.add = 1;
  gather_table(stream, args.table, args.round_to_bf16, params, args.token_count);
}

void row_gather(Stream& stream, const RowGatherArgs& args) {
  GatherParams params{};
  params.rows = args.rows;
  params.table = reinterpret_cast<const std::byte*>(args.x);
  params.out = args.out;
  params.width = args.width;
  params.scale = 1;
  gather(stream, GpuKernel::gather_f32, params, args.row_count);
}

}  // namespace hearth::gpu_ops
