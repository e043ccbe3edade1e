#include "model/recorded_steps.h"

#include <algorithm>

#include "base/check.h"

namespace hearth {
namespace {

constexpr std::int64_t kKeyBoundMin = 2048;

}  // namespace

std::vector<std::int64_t> RecordedSteps::sequence_counts(std::int64_t sequences_max) {
  std::vector<std::int64_t> counts;
  // Multiples of 8, closely spaced where a step's time grows with its sequences.
  for (std::int64_t count = 1; count < sequences_max;) {
    counts.push_back(count);
    count += count < 8 ? count : std::max<std::int64_t>(8, count / 64 * 8);
  }
  if (sequences_max > 0) counts.push_back(sequences_max);
  return counts;
}

std::vector<std::int64_t> RecordedSteps::key_bounds(std::int64_t context) {
  std::vector<std::int64_t> bounds;
  for (std::int64_t keys = kKeyBoundMin; keys < context; keys *= 4) bounds.push_back(keys);
  bounds.push_back(context);
  return bounds;
}

void RecordedSteps::record(GpuStream& stream, const SequenceMemory& memory, std::int64_t sequences_max,
                           std::int64_t context,
                           const std::function<void(std::int64_t sequences, std::int64_t keys)>& launch) {
  steps_.clear();
  memory_ = &memory;
  for (const std::int64_t sequences : sequence_counts(sequences_max)) {
    for (const std::int64_t keys : key_bounds(context)) {
      stream.begin_capture();
      launch(sequences, keys);
      steps_.insert_or_assign({sequences, keys}, stream.end_capture());
    }
  }
}

std::int64_t RecordedSteps::padded_count(const SequenceMemory& memory, std::int64_t sequences) const {
  if (memory_ != &memory || sequences == 0) return 0;
  const auto found = steps_.lower_bound({sequences, 0});
  return found == steps_.end() ? 0 : found->first.first;
}

void RecordedSteps::replay(GpuStream& stream, std::int64_t padded_count, std::int64_t keys) const {
  const auto found = steps_.lower_bound({padded_count, keys});
  CHECK(found != steps_.end() && found->first.first == padded_count);
  stream.replay(found->second);
}

}  // namespace hearth
