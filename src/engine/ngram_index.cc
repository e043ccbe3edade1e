#include "engine/ngram_index.h"

#include <algorithm>

#include "base/check.h"

namespace hearth {
namespace {

constexpr std::size_t kPlacesMin = 256;

}  // namespace

std::size_t NgramIndex::place(std::int64_t end, std::int64_t length, std::size_t places) const {
  std::uint64_t hash = 0;
  for (std::int64_t i = end - length; i < end; ++i) {
    hash = (hash + static_cast<std::uint32_t>(tokens_[static_cast<std::size_t>(i)]) + 1) * 0x9E3779B97F4A7C15ULL;
    hash ^= hash >> 32;
  }
  return static_cast<std::size_t>(hash) & (places - 1);
}

std::size_t NgramIndex::pair_place(std::int64_t end) const {
  const auto before = [this](std::int64_t position, std::int64_t i) {
    return tokens_[static_cast<std::size_t>(position - i)];
  };
  std::size_t at = place(end, kLengthMin, pairs_.size());
  while (pairs_[at] != 0 && (before(pairs_[at], 1) != before(end, 1) || before(pairs_[at], 2) != before(end, 2))) {
    at = (at + 1) & (pairs_.size() - 1);
  }
  return at;
}

void NgramIndex::note(std::int64_t end) {
  const auto position = static_cast<std::int32_t>(end);
  if (end >= kLengthMin) pairs_[pair_place(end)] = position;
  if (end < kChained) return;
  std::int32_t& newest = chained_[place(end, kChained, chained_.size())];
  older_[static_cast<std::size_t>(end)] = newest;
  newest = position;
}

// Both tables anew, with twice the places.
void NgramIndex::grow() {
  const std::size_t places = std::max(kPlacesMin, chained_.size() * 2);
  pairs_.assign(places * 2, 0);  // at least half of them stay free
  chained_.assign(places, 0);
  older_.resize(places);
  for (std::int64_t end = 1; end < token_count(); ++end) note(end);
}

void NgramIndex::push(std::int32_t token) {
  if (tokens_.size() >= chained_.size()) grow();
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
    std::int32_t end = chained_[place(token_count(), kChained, chained_.size())];
    for (std::int64_t i = 0; i < kCandidates && end > 0 && best.length < kLengthMax; ++i) {
      look_at(end);
      end = older_[static_cast<std::size_t>(end)];
    }
  }
  if (best.length < kLengthMin && token_count() > kLengthMin) {
    if (const std::int32_t end = pairs_[pair_place(token_count())]; end > 0) look_at(end);
  }
  if (best.length < kLengthMin) return std::nullopt;
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
  const std::size_t words = tokens_.capacity() + pairs_.capacity() + chained_.capacity() + older_.capacity();
  return static_cast<std::int64_t>(words * sizeof(std::int32_t));
}

}  // namespace hearth
