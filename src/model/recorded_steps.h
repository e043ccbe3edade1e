// Decoding steps that a GPU has recorded, and which of them takes the place of a given step. A step is filled up to the
// next recorded number of sequences with rows that are no sequence's: they change no bit of the others, and cost less
// than launching every kernel by itself.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "device/gpu/gpu_device.h"
#include "kv/sequence_memory.h"

namespace hearth {

class RecordedSteps {
 public:
  // Numbers of sequences to record for steps of up to `sequences_max`, ascending; the last is `sequences_max`.
  static std::vector<std::int64_t> sequence_counts(std::int64_t sequences_max);
  // Upper bounds of the keys of a sequence, ascending; the last is `context`. A step takes the smallest that holds it:
  // what lies beyond its keys costs little.
  static std::vector<std::int64_t> key_bounds(std::int64_t context);

  // Records over `memory` what `launch` launches for each number of sequences and bound of keys.
  void record(GpuStream& stream, const SequenceMemory& memory, std::int64_t sequences_max, std::int64_t context,
              const std::function<void(std::int64_t sequences, std::int64_t keys)>& launch);

  // How many sequences the recorded step has that takes one of `sequences` over `memory`; 0: none does.
  std::int64_t padded_count(const SequenceMemory& memory, std::int64_t sequences) const;
  // The step of that many sequences, with up to `keys` keys each.
  void replay(GpuStream& stream, std::int64_t padded_count, std::int64_t keys) const;

 private:
  std::map<std::pair<std::int64_t, std::int64_t>, GpuGraph> steps_;  // by sequences and bound of keys
  const SequenceMemory* memory_ = nullptr;
};

}  // namespace hearth
