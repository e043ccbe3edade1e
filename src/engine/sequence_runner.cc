#include "engine/sequence_runner.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "base/error.h"

namespace hearth {

SequenceRunner::SequenceRunner(ForwardPass& pass, Stream& stream)
    : pass_(pass),
      stream_(stream),
      cache_(pass.arena(), pass.kv_cache_shape()),
      pool_(pass.kv_cache_shape().block_count),
      table_(pool_) {
  pass.record_decode_steps(stream, cache_);
}

bool SequenceRunner::feed(std::span<const std::int32_t> tokens, Batch::Logits logits, const OnLogits& on_logits,
                          const std::function<bool()>& keep_going) {
  const auto on_host = [&](const float* values, std::int64_t row_count) {
    const auto count = static_cast<std::size_t>(row_count * pass_.spec().vocabulary);
    if (!stream_.device().is_cpu()) {
      host_logits_.resize(count);
      stream_.download(host_logits_.data(), reinterpret_cast<const std::byte*>(values), std::ssize(host_logits_) * 4);
      stream_.synchronize();
      values = host_logits_.data();
    }
    on_logits({values, count});
  };
  return feed_on_device(tokens, logits, on_logits ? OnDeviceLogits(on_host) : OnDeviceLogits(), keep_going);
}

bool SequenceRunner::feed_on_device(std::span<const std::int32_t> tokens, Batch::Logits logits,
                                    const OnDeviceLogits& on_logits, const std::function<bool()>& keep_going) {
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
    if (keep_going && !keep_going()) return false;
    const auto count = std::min(tokens.size(), static_cast<std::size_t>(pass_.options().step_tokens_max));
    const bool last = count == tokens.size();
    CHECK(table_.reserve(position_ + static_cast<std::int64_t>(count)));
    batch_.clear();
    batch_.add(tokens.first(count), position_, table_.blocks(), 0,
               logits == Batch::Logits::kLast && !last ? Batch::Logits::kNone : logits);
    const float* values = pass_.run(stream_, batch_, cache_);
    position_ += static_cast<std::int64_t>(count);
    tokens = tokens.subspan(count);
    const std::int64_t rows = std::ssize(batch_.logit_rows());
    if (on_logits && rows > 0) on_logits(values, rows);
  }
  return true;
}

}  // namespace hearth
