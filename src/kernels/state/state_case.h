// Steps over parts of sequences, for the tests and benchmarks of operators with a state.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/state/layer_states.h"
#include "kernels/testing/kernel_testing.h"

namespace hearth::kernel_testing {

// Positions [begin, end) of a sequence, whose state is in `slot`, in one step.
struct StatePart {
  std::int32_t sequence, begin, end, slot;
};

// A step with the arrays that its view points into; on() has them where the device reads them.
class StateStep {
 public:
  explicit StateStep(std::vector<StatePart> parts) : parts_(std::move(parts)), starts_{0} {
    for (const StatePart& part : parts_) {
      for (std::int32_t position = part.begin; position < part.end; ++position) {
        positions_.push_back(position);
        sequences_.push_back(static_cast<std::int32_t>(slots_.size()));
      }
      slots_.push_back(part.slot);
      key_counts_.push_back(part.end);
      starts_.push_back(static_cast<std::int32_t>(positions_.size()));
    }
  }

  std::int64_t token_count() const { return std::ssize(positions_); }

  StepView on(Runner& run) const {
    StepView view;
    view.token_count = token_count();
    view.sequence_count = std::ssize(slots_);
    view.positions = run.in(positions_);
    view.sequences = run.in(sequences_);
    view.key_counts = run.in(key_counts_);
    view.token_starts = run.in(starts_);
    view.state_slots = run.in(slots_);
    return view;
  }

  // The step's rows of data that every sequence has for all its positions, `width` elements each.
  std::vector<float> rows(const std::vector<std::vector<float>>& of_sequences, std::int64_t width) const {
    std::vector<float> result;
    for (const StatePart& part : parts_) {
      const std::vector<float>& from = of_sequences[static_cast<std::size_t>(part.sequence)];
      result.insert(result.end(), from.begin() + part.begin * width, from.begin() + part.end * width);
    }
    return result;
  }
  // The other way: what a kernel computed goes to its sequences.
  void put_rows(std::span<const float> step_rows, std::int64_t width,
                std::vector<std::vector<float>>& of_sequences) const {
    auto from = step_rows.begin();
    for (const StatePart& part : parts_) {
      const std::int64_t count = (part.end - part.begin) * width;
      std::copy_n(from, count, of_sequences[static_cast<std::size_t>(part.sequence)].begin() + part.begin * width);
      from += count;
    }
  }

 private:
  std::vector<StatePart> parts_;
  std::vector<std::int32_t> positions_, sequences_, slots_, key_counts_, starts_;
};

}  // namespace hearth::kernel_testing
