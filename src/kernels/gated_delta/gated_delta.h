// The gated delta rule (Yang, Kautz and Hatamizadeh 2024), and with a decay for each channel Kimi delta attention (Kimi
// Team 2025): a matrix for each value head that forgets a little at each token, and is corrected by what it says wrong
// of the token's key.
//
// For each token, with S [k_dim, v_dim] of a value head, and k, q of its key head divided by their lengths, q times
// `scale`:
//   g = rate * softplus(decay + decay_bias)     one for the head, or one for each row of S
//   S = exp(g) S
//   u = sigmoid(beta) (v - S^T k)
//   out = S^T q + (k . q) u                     which is (S + k u^T)^T q
//   S = S + k u^T
//
// Order of the sums (law 2): tokens one after another, whatever step they come in. On the CPU S^T k, S^T q are added
// row by row, ascending; lengths and k . q in eight lanes (lane = element mod 8). On a GPU eight lanes take four rows
// at a time in turn, ascending, and are added by one tree; lengths and k . q in 32 lanes likewise.
#pragma once

#include <cstdint>

#include "kernels/state/layer_states.h"

namespace hearth {

inline constexpr std::int64_t kDeltaKeyDimMax = 256;

// Which key head value head h reads: h / (value heads / key heads), or h mod key heads.
enum class KeyHeadOrder : std::uint8_t { kGrouped, kTiled };

struct GatedDeltaArgs {
  const float* q;  // [tokens, k_heads, k_dim], rows `row_stride` elements apart
  const float* k;  // likewise
  const float* v;  // [tokens, v_heads, v_dim], likewise
  std::int64_t row_stride;
  const float* decay;  // [tokens, v_heads], or with `channel_decay` [tokens, v_heads, k_dim]
  std::int64_t decay_stride;
  const float* beta;  // [tokens, v_heads]
  std::int64_t beta_stride;
  const float* rate;        // [v_heads], below 0
  const float* decay_bias;  // [v_heads], or with `channel_decay` [v_heads, k_dim]
  bool channel_decay;
  std::int64_t k_heads;
  std::int64_t v_heads;  // a multiple of k_heads
  KeyHeadOrder key_heads;
  std::int64_t k_dim;  // at most kDeltaKeyDimMax
  std::int64_t v_dim;
  float length_epsilon;  // added to the squares of a length
  float scale;
  StepView step;
  LayerStates states;  // [v_heads, k_dim, v_dim], on a GPU [v_heads, v_dim, k_dim]
  float* out;          // [tokens, v_heads, v_dim], contiguous
};

constexpr std::int64_t gated_delta_state_size(std::int64_t v_heads, std::int64_t k_dim, std::int64_t v_dim) {
  return v_heads * k_dim * v_dim;
}

HEARTH_ALWAYS_INLINE std::int64_t key_head_of(KeyHeadOrder order, std::int64_t v_head, std::int64_t k_heads,
                                              std::int64_t v_heads) {
  return order == KeyHeadOrder::kGrouped ? v_head / (v_heads / k_heads) : v_head % k_heads;
}

}  // namespace hearth
