// Decodes a row of an embedding table piece by piece, so that no row needs a buffer of its own length.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "formats/float16.h"
#include "formats/format.h"
#include "kernels/cpu/simd.h"

namespace hearth::HEARTH_ISA {

inline constexpr std::int64_t kDecodePiece = 1024;  // elements; a multiple of every format's block

// Calls use(offset, values, count) for consecutive pieces of the row of `width` elements that starts at `row`: the
// float32 decoding, or the bf16 one widened to float32.
template <class Use>
HEARTH_INLINE void decode_row(const FormatTraits& format, const std::byte* row, std::int64_t width, bool round_to_bf16,
                              Use use) {
  CHECK(kDecodePiece % format.block_elements == 0 && width % format.block_elements == 0);
  alignas(64) float values[kDecodePiece];
  alignas(64) std::uint16_t halves[kDecodePiece];
  for (std::int64_t offset = 0; offset < width; offset += kDecodePiece) {
    const std::int64_t count = width - offset < kDecodePiece ? width - offset : kDecodePiece;
    const std::byte* blocks = row + offset / format.block_elements * format.block_bytes;
    if (round_to_bf16) {
      format.decode_bf16(blocks, halves, count);
      for (std::int64_t i = 0; i < count; ++i) values[i] = bf16_to_f32(halves[i]);
    } else {
      format.decode_f32(blocks, values, count);
    }
    use(offset, values, count);
  }
}

}  // namespace hearth::HEARTH_ISA
