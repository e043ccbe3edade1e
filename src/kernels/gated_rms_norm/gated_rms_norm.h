// Root mean square normalization with a gate, as recurrences have it behind them (Mamba 2, the gated delta rule); or
// the gate alone, as Mamba and some attention have it.
#pragma once

#include <cstdint>

#include "formats/format.h"

namespace hearth {

enum class NormGate : std::uint8_t { kSilu, kSigmoid, kSoftplus };

// out[r][g][i] = y[i] / sqrt(mean(y^2) + epsilon) * weight[i] * act(gate[r][g][i]), y = x[r][g], or with `gate_first`
// out[r][g][i] = y[i] / sqrt(mean(y^2) + epsilon) * weight[i], y = x[r][g] * act(gate[r][g]).
// A row is several groups, each normalized for itself. Without a weight nothing is: out = x * act(gate).
struct GatedRmsNormArgs {
  const float* x;  // [rows, groups, width], rows `x_stride` elements apart
  std::int64_t x_stride;
  const float* gate;  // [rows, groups, width], or with `gate_of_groups` [rows, groups]; rows `gate_stride` apart
  std::int64_t gate_stride;
  std::int64_t row_count;
  std::int64_t group_count;
  std::int64_t width;
  const float* weight;  // [width], or with `group_weights` [groups, width]; or null
  bool group_weights;
  float epsilon;
  NormGate activation;
  bool gate_first;
  bool gate_of_groups = false;       // a group has one gate
  void* out;                         // [rows, groups, width], contiguous; neither x nor gate
  Format out_format = Format::kF32;  // or kBf16; the CPU: kF32 only
};

}  // namespace hearth
