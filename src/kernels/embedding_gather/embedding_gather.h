// Embedding gather: the rows of the token-embedding table that a step's tokens name, decoded to float32. Row gather:
// the same of rows that are float32, those whose logits are wanted.
#pragma once

#include <cstdint>

#include "tensor/tensor.h"

namespace hearth {

// out[t][:] = scale * decode(table[ids[t]][:])
struct EmbeddingGatherArgs {
  const std::int32_t* ids;  // [tokens], each in [0, rows of table), unless `first_row_beyond`
  std::int64_t token_count;
  Tensor table;        // [vocabulary, width]
  bool round_to_bf16;  // use the format's bf16 decoding instead of the float32 one (compute modes other than f32)
  float scale;
  float* out;                     // [tokens, width]
  bool first_row_beyond = false;  // ids past the table take its first row
};

// out[i][:] = x[rows[i]][:]
struct RowGatherArgs {
  const std::int32_t* rows;  // [rows], each a row of x
  std::int64_t row_count;
  const float* x;  // [.., width]
  std::int64_t width;
  float* out;  // [rows, width]
};

}  // namespace hearth
