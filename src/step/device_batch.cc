#include "step/device_batch.h"

#include <algorithm>

#include "base/check.h"
#include "kv/paged_kv_cache.h"

namespace hearth {
namespace {

// Of tokens, in int32: ids, positions, sequences, logit rows; of sequences: key counts, prefix lengths, block tables.
constexpr std::int64_t kTokenArrays = 4, kSequenceArrays = 2;

}  // namespace

std::int64_t DeviceBatch::bytes(const Limits& limits) {
  const std::int64_t blocks = kv_block_count(limits.key_count_max);
  return 4 * (kTokenArrays * limits.tokens_max + (kSequenceArrays + blocks) * limits.sequences_max);
}

void DeviceBatch::set(Stream& stream, const Batch& batch) {
  const StepView host = batch.view();
  const std::int64_t key_count_max =
      host.sequence_count == 0 ? 0 : *std::max_element(host.key_counts, host.key_counts + host.sequence_count);
  if (memory_ == nullptr) {
    step_ = host;
    step_.key_count_max = key_count_max;
    tokens_ = batch.tokens().data();
    logit_rows_ = batch.logit_rows().data();
    return;
  }
  CHECK(host.token_count <= limits_.tokens_max && host.sequence_count <= limits_.sequences_max &&
        key_count_max <= limits_.key_count_max);
  stream.synchronize();  // the last batch's upload has read the staging memory
  const std::int64_t stride = kv_block_count(limits_.key_count_max);
  staging_.clear();
  const auto* device = reinterpret_cast<const std::int32_t*>(memory_);
  // Appends an array in a field of `size` elements; where it will be on the device.
  const auto append = [&](const std::int32_t* from, std::int64_t count, std::int64_t size) {
    const std::int32_t* place = device + std::ssize(staging_);
    staging_.insert(staging_.end(), from, from + count);
    staging_.resize(staging_.size() + static_cast<std::size_t>(size - count));
    return place;
  };
  const std::int64_t tokens = host.token_count, sequences = host.sequence_count;
  step_ = host;
  step_.key_count_max = key_count_max;
  tokens_ = append(batch.tokens().data(), tokens, tokens);
  step_.positions = append(host.positions, tokens, tokens);
  step_.sequences = append(host.sequences, tokens, tokens);
  logit_rows_ = append(batch.logit_rows().data(), std::ssize(batch.logit_rows()), tokens);
  step_.key_counts = append(host.key_counts, sequences, sequences);
  step_.prefix_lengths = append(host.prefix_lengths, sequences, sequences);
  step_.block_tables = device + std::ssize(staging_);
  step_.block_table_stride = stride;
  for (std::int64_t s = 0; s < sequences; ++s) {
    // What follows the last sequence's blocks is never read.
    append(host.block_tables + s * host.block_table_stride, host.block_table_stride,
           s + 1 < sequences ? stride : host.block_table_stride);
  }
  stream.upload(memory_, staging_.data(), std::ssize(staging_) * 4);
}

}  // namespace hearth
