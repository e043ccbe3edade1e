// What a model keeps of its sequences between steps: the key/value cache of layers with attention, and slots of states
// for layers with a recurrence. A slot has the states of all layers side by side, so that one copy moves a sequence's.
// A part of the device's arena.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/state/layer_states.h"
#include "kv/paged_kv_cache.h"

namespace hearth {

struct StateShape {
  std::vector<std::int64_t> layer_floats;  // of one sequence; 0 for layers without a state
  std::int64_t slot_count = 0;             // that sequences may have
  std::int64_t padding_count = 0;          // further slots, for rows of a step that are no sequence's
  std::int64_t checkpoint_count = 0;       // further slots, at the end, for states that sequences to come begin with

  std::int64_t slot_bytes() const;  // 0: no layer has a state
  std::int64_t checkpoint_count_min() const { return 2 * slot_count; }
  std::int64_t bytes() const { return slot_bytes() * (slot_count + padding_count + checkpoint_count); }
  std::int32_t padding_slot() const { return static_cast<std::int32_t>(slot_count); }
  std::int32_t checkpoint_slot(std::int32_t checkpoint) const {
    return static_cast<std::int32_t>(slot_count + padding_count) + checkpoint;
  }
};

struct SequenceMemoryShape {
  KvCacheShape kv;
  StateShape states;

  std::int64_t bytes() const;
};

// A prompt is cut, and its state kept, at every multiple of this: a few blocks less would cost a prompt's speed on a
// GPU, whose matrices are read once for each piece.
inline constexpr std::int64_t kCheckpointTokens = 1024;
// How many checkpoints a memory of this shape should have: one for every four blocks of the cache, since short
// conversations leave two or three each, as long as they take no more memory than the cache does; and at least two for
// every sequence that runs.
std::int64_t checkpoint_count(const SequenceMemoryShape& shape);

// One layer's part; what the layer has no use for is null.
struct LayerMemory {
  PagedKv kv;
  LayerStates states;
};

class SequenceMemory {
 public:
  // Takes shape.bytes() of the arena, which outlives the memory.
  SequenceMemory(Arena& arena, const SequenceMemoryShape& shape);
  const SequenceMemoryShape& shape() const { return shape_; }
  LayerMemory layer(std::int64_t index) const;
  // All layers' states of one slot to another, in the stream's order.
  void copy_state(Stream& stream, std::int32_t from, std::int32_t to) const;

 private:
  SequenceMemoryShape shape_;
  PagedKvCache kv_;
  std::byte* states_ = nullptr;
  std::vector<std::int64_t> state_offsets_;  // of each layer, in bytes of a slot
};

}  // namespace hearth
