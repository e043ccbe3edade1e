// The parameters of the GPU kernels, shared with their launcher.
#pragma once

#include "kernels/gated_delta/gated_delta.h"

namespace hearth {

// Eight lanes keep a column of a head's state in registers; a block has 32 columns.
inline constexpr int kDeltaLanes = 8;
inline constexpr int kDeltaColumns = 32;
inline constexpr int kDeltaThreads = kDeltaLanes * kDeltaColumns;

struct GatedDeltaParams {
  const float *q, *k, *v, *decay, *beta;
  const float *rate, *decay_bias;
  float* states;
  float* out;
  const std::int32_t *token_starts, *positions, *state_slots;
  std::int64_t row_stride, decay_stride, beta_stride, state_stride;
  std::int32_t k_heads, v_heads, k_dim, v_dim;
  std::int32_t slices;  // blocks for each head
  KeyHeadOrder key_heads;
  bool aligned;  // four elements of q, k, decays of channels and the state may be read at a time
  float length_epsilon, scale;
};

}  // namespace hearth
