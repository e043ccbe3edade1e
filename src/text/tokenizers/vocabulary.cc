// A hash table of token numbers beside the block of texts.
#include "text/tokenizers/vocabulary.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "base/error.h"

namespace hearth {
namespace {

std::uint64_t hash_text(std::string_view text) {
  return XXH3_64bits(text.data(), text.size());
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

Vocabulary::Vocabulary(std::span<const std::string_view> texts) {
  std::size_t block_bytes = 0;
  for (const std::string_view text : texts) block_bytes += text.size();
  block_.reserve(block_bytes);
  tokens_.reserve(texts.size());
  slots_.assign(std::bit_ceil(std::max<std::size_t>(texts.size() * 2, 16)), Slot{0, kNoToken});
  const std::size_t mask = slots_.size() - 1;
  for (const std::string_view text : texts) {
    const auto id = static_cast<TokenId>(tokens_.size());
    tokens_.push_back({block_.size(), text.size()});
    block_ += text;
    text_bytes_max_ = std::max(text_bytes_max_, text.size());
    if (text.empty()) continue;
    const std::uint64_t hash = hash_text(text);
    std::size_t slot = hash & mask;
    bool present = false;
    while (slots_[slot].id != kNoToken && !present) {
      present = slots_[slot].hash == static_cast<std::uint32_t>(hash >> 32) && this->text(slots_[slot].id) == text;
      slot = (slot + 1) & mask;
    }
    if (!present) slots_[slot] = {static_cast<std::uint32_t>(hash >> 32), id};
  }
  byte_tokens_.resize(256);
  for (unsigned byte = 0; byte < 256; ++byte) byte_tokens_[byte] = find(fmt::format("<0x{:02X}>", byte));
}

TokenId Vocabulary::find(std::string_view text) const {
  if (text.empty() || text.size() > text_bytes_max_) return kNoToken;
  const std::uint64_t hash = hash_text(text);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t slot = hash & mask; slots_[slot].id != kNoToken; slot = (slot + 1) & mask) {
    if (slots_[slot].hash == static_cast<std::uint32_t>(hash >> 32) && this->text(slots_[slot].id) == text) {
      return slots_[slot].id;
    }
  }
  return kNoToken;
}

int byte_of_token_text(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return -1;
  const int high = hex_value(text[3]);
  const int low = hex_value(text[4]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

}  // namespace hearth
