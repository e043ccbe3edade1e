#include "step/batch.h"

#include <algorithm>

#include "base/check.h"
#include "kv/paged_kv_cache.h"

namespace hearth {

void Batch::clear() {
  for (auto* array : {&tokens_, &token_types_, &positions_, &sequences_, &key_counts_, &prefix_lengths_, &logit_rows_,
                      &token_starts_, &state_slots_}) {
    array->clear();
  }
}

void Batch::add(std::span<const std::int32_t> tokens, std::int64_t first_position, std::span<const std::int32_t> blocks,
                std::int64_t prefix_length, Logits logits, std::int32_t state_slot, std::int64_t second_begin) {
  const auto sequence = static_cast<std::int32_t>(key_counts_.size());
  const std::int64_t key_count = first_position + static_cast<std::int64_t>(tokens.size());
  CHECK(static_cast<std::int64_t>(blocks.size()) >= kv_block_count(key_count));
  token_starts_.push_back(static_cast<std::int32_t>(tokens_.size()));
  state_slots_.push_back(state_slot);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (std::ssize(tokens) - static_cast<std::int64_t>(i) <= static_cast<std::int64_t>(logits)) {
      logit_rows_.push_back(static_cast<std::int32_t>(tokens_.size()));
    }
    const std::int64_t position = first_position + static_cast<std::int64_t>(i);
    tokens_.push_back(tokens[i]);
    token_types_.push_back(second_begin > 0 && position >= second_begin ? 1 : 0);
    positions_.push_back(static_cast<std::int32_t>(position));
    sequences_.push_back(sequence);
  }
  key_counts_.push_back(static_cast<std::int32_t>(key_count));
  prefix_lengths_.push_back(static_cast<std::int32_t>(prefix_length));
  if (tables_.size() < key_counts_.size()) tables_.emplace_back();
  tables_[static_cast<std::size_t>(sequence)].assign(blocks.begin(), blocks.end());
}

void Batch::assign_single_tokens(const Batch& other) {
  CHECK(other.logit_rows_.size() == other.tokens_.size());
  clear();
  for (std::size_t t = 0; t < other.tokens_.size(); ++t) {
    const auto sequence = static_cast<std::size_t>(other.sequences_[t]);
    CHECK(other.prefix_lengths_[sequence] == 0);
    add({&other.tokens_[t], 1}, other.positions_[t], other.tables_[sequence], 0, Logits::kLast);
  }
}

std::int64_t Batch::key_count_max() const {
  return key_counts_.empty() ? 0 : *std::max_element(key_counts_.begin(), key_counts_.end());
}

std::vector<SequencePart> Batch::sequence_parts() const {
  std::vector<SequencePart> parts;
  for (const std::int32_t key_count : key_counts_) parts.push_back({0, 0, key_count});
  for (std::size_t t = sequences_.size(); t-- > 0;) {
    SequencePart& part = parts[static_cast<std::size_t>(sequences_[t])];
    part.first_token = static_cast<std::int64_t>(t);
    ++part.token_count;
  }
  return parts;
}

StepView Batch::view() const {
  std::size_t stride = 0;
  for (std::size_t s = 0; s < key_counts_.size(); ++s) stride = std::max(stride, tables_[s].size());
  block_tables_.assign(stride * key_counts_.size(), -1);
  for (std::size_t s = 0; s < key_counts_.size(); ++s) {
    std::copy(tables_[s].begin(), tables_[s].end(), block_tables_.begin() + static_cast<std::ptrdiff_t>(s * stride));
  }
  starts_with_end_ = token_starts_;
  starts_with_end_.push_back(static_cast<std::int32_t>(tokens_.size()));
  StepView view;
  view.token_count = token_count();
  view.sequence_count = static_cast<std::int64_t>(key_counts_.size());
  view.positions = positions_.data();
  view.sequences = sequences_.data();
  view.key_counts = key_counts_.data();
  view.prefix_lengths = prefix_lengths_.data();
  view.block_tables = block_tables_.data();
  view.block_table_stride = static_cast<std::int64_t>(stride);
  view.token_starts = starts_with_end_.data();
  view.state_slots = state_slots_.data();
  return view;
}

}  // namespace hearth
