#include "engine/sequence_runner.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "base/error.h"

namespace hearth {

SequenceRunner::SequenceRunner(ForwardPass& pass, Stream& stream)
    : pass_(pass),
      stream_(stream),
      memory_(pass.arena(), pass.sequence_memory_shape()),
      pool_(pass.sequence_memory_shape().kv.block_count),
      table_(pool_) {
  pass.record_decode_steps(stream, memory_);
}

std::span<const float> SequenceRunner::on_host(const float* logits, std::int64_t row_count) {
  const auto count = static_cast<std::size_t>(row_count * pass_.spec().vocabulary);
  if (stream_.device().is_cpu()) return {logits, count};
  host_logits_.resize(count);
  stream_.download(host_logits_.data(), reinterpret_cast<const std::byte*>(logits), std::ssize(host_logits_) * 4);
  stream_.synchronize();
  return host_logits_;
}

void SequenceRunner::feed(std::span<const std::int32_t> tokens, const OnLogits& on_logits) {
  const std::int64_t end = position_ + static_cast<std::int64_t>(tokens.size());
  if (end > context()) {
    throw InvalidInput(fmt::format("{} tokens do not fit the context of {}", end, context()));
  }
  for (const std::int32_t token : tokens) {
    if (token < 0 || token >= pass_.spec().vocabulary) {
      throw InvalidInput(fmt::format("token {} is not in the vocabulary of {}", token, pass_.spec().vocabulary));
    }
  }
  while (!tokens.empty()) {
    const auto count = std::min(tokens.size(), static_cast<std::size_t>(pass_.options().step_tokens_max));
    CHECK(table_.reserve(position_ + static_cast<std::int64_t>(count)));
    batch_.clear();
    batch_.add(tokens.first(count), position_, table_.blocks(), 0, Batch::Logits::kAll);
    const float* values = pass_.run(stream_, batch_, memory_);
    position_ += static_cast<std::int64_t>(count);
    tokens = tokens.subspan(count);
    on_logits(on_host(values, static_cast<std::int64_t>(count)));
  }
}

}  // namespace hearth
