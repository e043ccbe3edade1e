// One quantized matrix of a Hugging Face folder as the tensors that it is spread over, checked against each other, and
// how its rows become blocks. Used by quantized_folder.cc.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "weights/weight_entry.h"

namespace hearth {

// A tensor of whole numbers that stands in the file as these bytes, little-endian.
struct IntegerTensor {
  std::span<const std::byte> bytes;
  Shape shape;
};

// Why a matrix cannot be read: the rest of a sentence that begins with its name.
struct Refusal {
  std::string reason;
};

using QuantizedMatrix = std::variant<ComposedMatrix, Refusal>;

// [n, k] of bytes, E4M3 or signed, and scales: one, one for each row, or one for each block of `block_rows` x
// `block_columns` (0: not stated).
QuantizedMatrix byte_matrix(bool is_fp8, const IntegerTensor& codes, const WeightEntry& scales, std::int64_t block_rows,
                            std::int64_t block_columns);

// MXFP6 [n, k], of either kind: six-bit codes without gaps, and an E8M0 scale for each 32 columns.
QuantizedMatrix mxfp6_matrix(Format format, const IntegerTensor& codes, const IntegerTensor& scales);

// AutoAWQ's "gemm": qweight [k, n / 8], qzeros [groups, n / 8], scales [groups, n].
QuantizedMatrix awq_matrix(const IntegerTensor& qweight, const IntegerTensor& qzeros, const WeightEntry& scales);

// GPTQ: qweight [k / per word, n], qzeros [groups, n / per word], scales [groups, n], g_idx [k] (no bytes: in order).
// `zero_offset` is 1 where files keep zero points less one, which all but "gptq_v2" do.
QuantizedMatrix gptq_matrix(int bits, int zero_offset, const IntegerTensor& qweight, const IntegerTensor& qzeros,
                            const WeightEntry& scales, const IntegerTensor& g_idx);

// compressed-tensors: weight_packed [n, k / per word], weight_scale [n, groups], weight_zero_point [n / per word,
// groups] (no bytes: none), weight_g_idx as GPTQ's.
QuantizedMatrix packed_matrix(int bits, std::int64_t k, const IntegerTensor& packed, const WeightEntry& scales,
                              const IntegerTensor& zero_points, const IntegerTensor& g_idx);

// BitNet's: [n / 4, k] of bytes, each of which has the weights of rows i, i + n / 4 and so forth less one, the first in
// the lowest bits; and the one number that they are times, or with `divides` divided by.
QuantizedMatrix ternary_matrix(const IntegerTensor& codes, const WeightEntry& scale, bool divides);

}  // namespace hearth
