// Packs weights of any format for a GPU's kernels (gpu_layout.h), on the host.
#pragma once

#include <cstddef>
#include <cstdint>

#include "formats/code_values.h"
#include "formats/format.h"

namespace hearth {

enum class GpuLayoutKind : std::uint8_t {
  kW2,
  kW2Min,
  kW3,
  kW3Table,
  kW4,
  kW4Min,
  kW4Table,
  kW4TableFine,
  kW6,
  kW6Min,
  kW8,
  kW8Float,
  kW16,
  kF32
};

// What the bf16 kernels read a format as.
GpuLayoutKind gpu_layout_of(Format format);

// What the codes of a layout with a table index: code_values(), in which code c and c + 8 have one sign.
CodeValues gpu_code_values(Format format);

// Bytes of a packed matrix [n, k].
std::int64_t gpu_packed_bytes(GpuLayoutKind kind, std::int64_t n, std::int64_t k);

// Packs the rows of tiles [tile_begin, tile_end), of 16 rows each (kF32: float32 rows as they are), to `out`, which is
// where the first of them goes. k is a multiple of the format's block.
void gpu_pack(Format format, GpuLayoutKind kind, const std::byte* weights, std::int64_t n, std::int64_t k,
              std::int64_t tile_begin, std::int64_t tile_end, std::byte* out);

}  // namespace hearth
