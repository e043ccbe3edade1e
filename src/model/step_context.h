// What a step has at hand while it goes through the layers.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/linear.h"

namespace hearth {

struct StepContext {
  Stream& stream;
  StepView step;
  std::span<const SequencePart> sequences;  // of the step; for attention in steps, else empty
  std::vector<const float*> rope_tables;    // one for each ModelSpec::ropes
  MatmulInput::Conversions conversions;
  Format activation_format;  // of what one operator hands to a matmul: normed, attended and hidden
  void* attention_workspace;
  std::int64_t attention_workspace_bytes;
  // Work space, all [tokens, …]:
  float* x;        // [width]: the residual stream
  float* delta;    // [width]: what the last block adds to it; the norm that follows does
  void* normed;    // [width]
  float* qkv;      // [q_width + 2 kv_width]
  void* attended;  // [q_width]
  float* gate_up;  // [2 ff_width], or without gating [ff_width]
  void* hidden;    // [ff_width]
  // For attention in steps alone:
  float* scores;        // [heads, tokens, keys] of one sequence
  float* weighted_sum;  // [tokens, q_width]; where `attended` is not float32
};

}  // namespace hearth
