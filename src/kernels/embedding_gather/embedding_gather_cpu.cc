// Embedding gather on the CPU: the tokens are shared out, a row is decoded piece by piece.
#include <algorithm>

#include "base/check.h"
#include "device/cpu/cpu_device.h"
#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/decode_row.h"
#include "kernels/cpu/grain.h"

namespace hearth::HEARTH_ISA {

void embedding_gather(Stream& stream, const EmbeddingGatherArgs& args) {
  const FormatTraits& format = traits(args.table.format);
  const std::int64_t row_count = args.table.shape[0], width = args.table.shape[1];
  const std::int64_t row_bytes = format_bytes(args.table.format, width);
  cpu_pool(stream).run_ranges(args.token_count, task_rows(width), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      const std::int64_t id = args.first_row_beyond && args.ids[t] >= row_count ? 0 : args.ids[t];
      CHECK(id >= 0 && id < row_count);
      float* out = args.out + t * width;
      decode_row(format, args.table.data + id * row_bytes, width, args.round_to_bf16,
                 [&](std::int64_t offset, const float* values, std::int64_t count) {
                   for (std::int64_t i = 0; i < count; ++i) out[offset + i] = args.scale * values[i];
                 });
    }
  });
}

void row_gather(Stream& stream, const RowGatherArgs& args) {
  cpu_pool(stream).run_ranges(args.row_count, task_rows(args.width), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const float* from = args.x + args.rows[i] * args.width;
      std::copy(from, from + args.width, args.out + i * args.width);
    }
  });
}

}  // namespace hearth::HEARTH_ISA
