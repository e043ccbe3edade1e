// Learned positions on the CPU: the tokens are shared out, a row is decoded piece by piece.
#include "base/check.h"
#include "device/cpu/cpu_device.h"
#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/decode_row.h"
#include "kernels/cpu/grain.h"

namespace hearth::HEARTH_ISA {

void position_add(Stream& stream, const PositionAddArgs& args) {
  const FormatTraits& format = traits(args.table.format);
  const std::int64_t row_count = args.table.shape[0], width = args.table.shape[1];
  const std::int64_t row_bytes = format_bytes(args.table.format, width);
  cpu_pool(stream).run_ranges(args.token_count, task_rows(width), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      const std::int64_t row = args.positions[t] + args.offset;
      CHECK(row >= 0 && row < row_count);
      float* x = args.x + t * width;
      decode_row(format, args.table.data + row * row_bytes, width, args.round_to_bf16,
                 [&](std::int64_t offset, const float* values, std::int64_t count) {
                   for (std::int64_t i = 0; i < count; ++i) x[offset + i] += values[i];
                 });
    }
  });
}

}  // namespace hearth::HEARTH_ISA
