#include "kv/sequence_memory.h"

#include <algorithm>

#include "base/check.h"

namespace hearth {
namespace {

std::int64_t layer_bytes(std::int64_t floats) {
  return align_bytes(floats * std::int64_t{sizeof(float)});
}

}  // namespace

std::int64_t StateShape::slot_bytes() const {
  std::int64_t sum = 0;
  for (const std::int64_t floats : layer_floats) sum += layer_bytes(floats);
  return sum;
}

std::int64_t SequenceMemoryShape::bytes() const {
  return Arena::part_bytes(kv.bytes()) + Arena::part_bytes(states.bytes());
}

std::int64_t checkpoint_count(const SequenceMemoryShape& shape) {
  constexpr std::int64_t kBlocks = 4;
  const std::int64_t of_cache = shape.kv.block_count / kBlocks;
  const std::int64_t affordable = shape.kv.bytes() / std::max<std::int64_t>(1, shape.states.slot_bytes());
  return std::max(shape.states.checkpoint_count_min(), std::min(of_cache, affordable));
}

SequenceMemory::SequenceMemory(Arena& arena, const SequenceMemoryShape& shape) : shape_(shape), kv_(arena, shape.kv) {
  if (shape.states.bytes() > 0) states_ = arena.take(shape.states.bytes());
  std::int64_t offset = 0;
  for (const std::int64_t floats : shape_.states.layer_floats) {
    state_offsets_.push_back(offset);
    offset += layer_bytes(floats);
  }
}

LayerMemory SequenceMemory::layer(std::int64_t index) const {
  LayerMemory memory{kv_.layer(index), {}};
  const auto i = static_cast<std::size_t>(index);
  if (shape_.states.layer_floats[i] == 0) return memory;
  memory.states = {reinterpret_cast<float*>(states_ + state_offsets_[i]),
                   shape_.states.slot_bytes() / std::int64_t{sizeof(float)}};
  return memory;
}

void SequenceMemory::copy_state(Stream& stream, std::int32_t from, std::int32_t to) const {
  const StateShape& shape = shape_.states;
  const std::int64_t slots = shape.slot_count + shape.padding_count + shape.checkpoint_count;
  CHECK(from >= 0 && from < slots && to >= 0 && to < slots && from != to);
  stream.copy(states_ + to * shape.slot_bytes(), states_ + from * shape.slot_bytes(), shape.slot_bytes());
}

}  // namespace hearth
