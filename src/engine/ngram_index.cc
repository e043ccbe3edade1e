#include "engine/ngram_index.h"

#include <algorithm>

#include "base/check.h"

namespace hearth {
namespace {

constexpr std::size_t kPlacesMin = 256;

}  // namespace

std::size_t NgramIndex::place(std::int64_t end, std::int64_t length) const {
  std::uint64_t hash = 0;
  for (std::int64_t i = end - length; i < end; ++i) {
    hash = (hash + static_cast<std::uint32_t>(tokens_[static_cast<std::size_t>(i)]) + 1) * 0x9E3779B97F4A7C15ULL;
    hash ^= hash >> 32;
  }
  return static_cast<std::size_t>(hash) & (short_.size() - 1);
}

void NgramIndex::note(std::int64_t end) {
  const auto position = static_cast<std::int32_t>(end);
  if (end >= kLengthMin) short_[place(end, kLengthMin)] = position;
  if (end < kChained) return;
  std::int32_t& newest = chained_[place(end, kChained)];
  older_[static_cast<std::size_t>(end)] = newest;
  newest = position;
}

// Both tables anew, with twice the places.
void NgramIndex::grow() {
  const std::size_t places = std::max(kPlacesMin, short_.size() * 2);
  short_.assign(places, 0);
  chained_.assign(places, 0);
  older_.resize(places);
  for (std::int64_t end = 1; end < token_count(); ++end) note(end);
}

void NgramIndex::push(std::int32_t token) {
  if (tokens_.size() >= short_.size()) grow();
  if (!tokens_.empty()) note(token_count());
  tokens_.push_back(token);
}

std::int64_t NgramIndex::common_length(std::int64_t end) const {
  std::int64_t length = 0;
  while (length < std::min(end, kLengthMax) && tokens_[static_cast<std::size_t>(end - 1 - length)] ==
                                                   tokens_[tokens_.size() - 1 - static_cast<std::size_t>(length)]) {
    ++length;
  }
  return length;
}

std::optional<NgramIndex::Match> NgramIndex::find() const {
  Match best;
  const auto look_at = [&](std::int64_t end) {
    if (const std::int64_t length = common_length(end); length > best.length) best = {end, length};
  };
  if (token_count() > kChained) {
    std::int32_t end = chained_[place(token_count(), kChained)];
    for (std::int64_t i = 0; i < kCandidates && end > 0 && best.length < kLengthMax; ++i) {
      look_at(end);
      end = older_[static_cast<std::size_t>(end)];
    }
  }
  if (best.length < kLengthMin && token_count() > kLengthMin) {
    if (const std::int32_t end = short_[place(token_count(), kLengthMin)]; end > 0) look_at(end);
  }
  if (best.length < kLengthMin) return std::nullopt;  // none, or only another one's hash
  return best;
}

std::vector<std::int32_t> NgramIndex::continuation(const Match& match, std::int64_t count) const {
  CHECK(match.next > 0 && match.next < token_count());
  std::vector<std::int32_t> tokens;
  const std::int64_t period = token_count() - match.next;
  for (std::int64_t i = 0; i < count; ++i) {
    tokens.push_back(tokens_[static_cast<std::size_t>(match.next + i % period)]);
  }
  return tokens;
}

std::int64_t NgramIndex::bytes() const {
  const std::size_t words = tokens_.capacity() + short_.capacity() + chained_.capacity() + older_.capacity();
  return static_cast<std::int64_t>(words * sizeof(std::int32_t));
}

}  // namespace hearth
