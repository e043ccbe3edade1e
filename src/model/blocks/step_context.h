// What a step has at hand while it goes through the layers. What a block needs besides it planned itself.
#pragma once

#include <span>

#include "kv/sequence_memory.h"
#include "model/blocks/linear.h"

namespace hearth {

struct StepContext {
  Stream& stream;
  StepView step;
  std::span<const SequencePart> sequences;  // of the step; for attention in steps, else empty
  float* x;                                 // [tokens, width]: the residual stream
  float* delta;  // [tokens, width]: what the last block adds to it; whoever reads x next does
};

// Of one block's input: float32, or what the device's operators hand on.
struct Activations {
  const void* data;  // [tokens, width]
  Format format;
};

}  // namespace hearth
