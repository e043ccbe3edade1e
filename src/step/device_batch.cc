#include "step/device_batch.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "kv/paged_kv_cache.h"

namespace hearth {
namespace {

// Of tokens, in int32: ids, positions, sequences, logit rows; of sequences: key counts, prefix lengths, block tables;
// for states: slots, and where tokens begin, which has one more. Types of tokens are one more array of them.
constexpr std::int64_t kTokenArrays = 4, kSequenceArrays = 2, kStateArrays = 2;

}  // namespace

std::int64_t DeviceBatch::bytes(const Limits& limits) {
  const std::int64_t blocks = kv_block_count(limits.key_count_max);
  const std::int64_t states = limits.has_states ? kStateArrays * limits.sequences_max + 1 : 0;
  const std::int64_t token_arrays = kTokenArrays + (limits.has_types ? 1 : 0);
  return 4 * (token_arrays * limits.tokens_max + (kSequenceArrays + blocks) * limits.sequences_max + states);
}

void DeviceBatch::lay_out(std::int64_t tokens, std::int64_t sequences) {
  const auto* end = reinterpret_cast<const std::int32_t*>(memory_);
  const auto array = [&end](std::int64_t count) { return std::exchange(end, end + count); };
  step_ = {};
  step_.token_count = tokens;
  step_.sequence_count = sequences;
  tokens_ = array(tokens);
  step_.positions = array(tokens);
  step_.sequences = array(tokens);
  logit_rows_ = array(tokens);
  token_types_ = limits_.has_types ? array(tokens) : nullptr;
  step_.key_counts = array(sequences);
  step_.prefix_lengths = array(sequences);
  if (limits_.has_states) {
    step_.token_starts = array(sequences + 1);
    step_.state_slots = array(sequences);
  }
  step_.block_tables = end;
  step_.block_table_stride = kv_block_count(limits_.key_count_max);
}

std::int32_t* DeviceBatch::staged(const std::int32_t* place) {
  return staging_.data() + (place - reinterpret_cast<const std::int32_t*>(memory_));
}

const StepView& DeviceBatch::layout(std::int64_t sequences) {
  lay_out(sequences, sequences);
  return step_;
}

void DeviceBatch::set(Stream& stream, const Batch& batch) {
  if (memory_ != nullptr) {
    set(stream, batch, batch.sequence_count(), {});
    return;
  }
  step_ = batch.view();
  step_.key_count_max = batch.key_count_max();
  tokens_ = batch.tokens().data();
  token_types_ = batch.token_types().data();
  logit_rows_ = batch.logit_rows().data();
}

void DeviceBatch::set(Stream& stream, const Batch& batch, std::int64_t padded_count, const Padding& padding) {
  const std::int64_t padding_count = padded_count - batch.sequence_count();
  const std::int64_t tokens = batch.token_count() + padding_count;
  CHECK(padding_count >= 0 && tokens <= limits_.tokens_max && padded_count <= limits_.sequences_max &&
        batch.key_count_max() <= limits_.key_count_max);
  stream.synchronize();  // the last batch's upload has read the staging memory
  const StepView host = batch.view();
  lay_out(tokens, padded_count);
  step_.key_count_max = batch.key_count_max();
  // What follows a sequence's blocks, and a step's logit rows, is never read.
  const std::int64_t last_table = padding_count > 0 ? 1 : host.block_table_stride;
  const std::int64_t tables = padded_count == 0 ? 0 : (padded_count - 1) * step_.block_table_stride + last_table;
  staging_.resize(static_cast<std::size_t>(step_.block_tables - tokens_ + tables));

  std::copy(batch.tokens().begin(), batch.tokens().end(), staged(tokens_));
  std::copy_n(host.positions, host.token_count, staged(step_.positions));
  std::copy_n(host.sequences, host.token_count, staged(step_.sequences));
  std::copy(batch.logit_rows().begin(), batch.logit_rows().end(), staged(logit_rows_));
  if (limits_.has_types) std::copy(batch.token_types().begin(), batch.token_types().end(), staged(token_types_));
  std::copy_n(host.key_counts, host.sequence_count, staged(step_.key_counts));
  std::copy_n(host.prefix_lengths, host.sequence_count, staged(step_.prefix_lengths));
  for (std::int64_t s = 0; s < host.sequence_count; ++s) {
    std::copy_n(host.block_tables + s * host.block_table_stride, host.block_table_stride,
                staged(step_.block_tables) + s * step_.block_table_stride);
  }
  if (limits_.has_states) {
    std::copy_n(host.token_starts, host.sequence_count, staged(step_.token_starts));
    std::copy_n(host.state_slots, host.sequence_count, staged(step_.state_slots));
    staged(step_.token_starts)[padded_count] = static_cast<std::int32_t>(tokens);
  }
  stage_padding(host.token_count, host.sequence_count, padding);
  stream.upload(memory_, staging_.data(), std::ssize(staging_) * 4);
}

void DeviceBatch::stage_padding(std::int64_t first_token, std::int64_t first_sequence, const Padding& padding) {
  for (std::int64_t s = first_sequence; s < step_.sequence_count; ++s) {
    const std::int64_t token = first_token + s - first_sequence;
    staged(tokens_)[token] = 0;
    if (limits_.has_types) staged(token_types_)[token] = 0;
    staged(step_.positions)[token] = 0;
    staged(step_.sequences)[token] = static_cast<std::int32_t>(s);
    staged(logit_rows_)[token] = static_cast<std::int32_t>(token);
    staged(step_.key_counts)[s] = 1;
    staged(step_.prefix_lengths)[s] = 0;
    staged(step_.block_tables)[s * step_.block_table_stride] = padding.block;
    if (!limits_.has_states) continue;
    staged(step_.token_starts)[s] = static_cast<std::int32_t>(token);
    staged(step_.state_slots)[s] = padding.state_slot;
  }
}

}  // namespace hearth
