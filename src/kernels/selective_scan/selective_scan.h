// State spaces whose step depends on the token: the recurrences of Mamba (Gu and Dao 2023) and Mamba 2 (Dao and Gu
// 2024).
//
// For each token and each row r of a head h (r = h head_dim + p), with S [state] of the row and B, C of the head's
// group:
//   delta = min(max(softplus(dt[h] + dt_bias[h]), delta_min), delta_max)
//   S = exp(delta a[h]) S + (delta x[r]) B      with `a_of_states` a[h][n] for element n
//   out[r] = S . C + d[h] x[r]
// Mamba 2 has heads of many rows; Mamba has one row in each, decays of their own for the elements of a state, and all
// rows in one group.
//
// Order of the sums (law 2): tokens one after another, whatever step they come in. S . C on the CPU in eight lanes
// (lane = element mod 8, ascending); on a GPU 4, 8 or 16 lanes take four elements at a time in turn, ascending, and are
// added by one tree: how many depends on the state's size alone.
#pragma once

#include <cstdint>

#include "kernels/state/layer_states.h"

namespace hearth {

inline constexpr std::int64_t kScanStateMax = 256;

struct SelectiveScanArgs {
  const float* x;  // [tokens, heads, head_dim], rows `x_stride` elements apart
  std::int64_t x_stride;
  const float* b;  // [tokens, groups, state], rows `bc_stride` elements apart
  const float* c;  // likewise
  std::int64_t bc_stride;
  const float* dt;  // [tokens, heads]
  std::int64_t dt_stride;
  const float* dt_bias;  // [heads], or null
  const float* a;        // [heads], or with `a_of_states` [heads, state]
  bool a_of_states;
  const float* d;  // [heads], or null
  float delta_min;
  float delta_max;
  std::int64_t heads;
  std::int64_t head_dim;
  std::int64_t groups;      // of which each has as many heads
  std::int64_t state_size;  // at most kScanStateMax
  StepView step;
  LayerStates states;  // [heads, head_dim, state]
  float* out;          // [tokens, heads, head_dim]; may be x, where its rows are as far apart
  std::int64_t out_stride;
};

}  // namespace hearth
