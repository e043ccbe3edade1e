// Learned absolute positions: adds the row of a token's position to its embedding. The position is the token's own, so
// decoding goes on where prefill stopped.
#pragma once

#include <cstdint>

#include "tensor/tensor.h"

namespace hearth {

// x[t][:] += decode(table[positions[t] + offset][:])
struct PositionAddArgs {
  const std::int32_t* positions;  // [tokens]
  std::int64_t token_count;
  std::int64_t offset;  // rows that the table keeps before position 0
  Tensor table;         // [positions, width]
  bool round_to_bf16;
  float* x;  // [tokens, width], in place
};

}  // namespace hearth
