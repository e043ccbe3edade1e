// What operators with a state are told of it: where each sequence's stands. A state is what a recurrence (a short
// convolution, a delta rule, a state space) keeps of all tokens before, always float32 and always of the same size.
//
// An operator reads the state of a step's sequence from its slot, takes the sequence's tokens of this step in order,
// and writes the state back, so that a prompt in one piece, in chunks and token by token gives the same bits. A
// sequence whose first token in the step stands at position 0 begins without a state: what its slot holds is never
// read, nor is it cleared before.
#pragma once

#include <cstdint>

#include "formats/always_inline.h"
#include "kernels/attention/paged_kv.h"

namespace hearth {

// One layer's states. StepView::state_slots says which slot is a sequence's; no two of a step have the same, but for
// the scratch slot that a recorded step's filling shares, where anything may be written and nothing read.
struct LayerStates {
  float* data = nullptr;    // aligned to 64 bytes, as every slot's part is
  std::int64_t stride = 0;  // floats from one slot's state to the next's
};

// The state of the step's sequence with this index.
HEARTH_ALWAYS_INLINE float* state_of(const LayerStates& states, const StepView& step, std::int64_t sequence) {
  return states.data + step.state_slots[sequence] * states.stride;
}

}  // namespace hearth
