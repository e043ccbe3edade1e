// A unit of the double array: bits 0-7 the byte that leads here (bit 31: a value instead), bit 8 whether a value hangs
// below, bits 10-30 the offset to the children, shifted by 8 more where bit 9 is set.
#include "text/tokenizers/charsmap.h"

#include "base/error.h"

namespace hearth {
namespace {

constexpr std::uint32_t kValueBit = 1U << 31;

std::uint32_t children_offset(std::uint32_t unit) {
  return (unit >> 10) << ((unit & (1U << 9)) >> 6);
}
bool has_value(std::uint32_t unit) {
  return (unit >> 8 & 1) != 0;
}
std::uint32_t label(std::uint32_t unit) {
  return unit & (kValueBit | 0xFF);
}

}  // namespace

Charsmap::Charsmap(std::string_view data) {
  const auto read_u32 = [&](std::size_t offset) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value |= std::uint32_t{static_cast<unsigned char>(data[offset + i])} << (8 * i);
    return value;
  };
  if (data.size() < 4) throw InvalidInput("The tokenizer's precompiled_charsmap is shorter than its own header.");
  const std::size_t trie_bytes = read_u32(0);
  if (trie_bytes % 4 != 0 || trie_bytes == 0 || trie_bytes > data.size() - 4) {
    throw InvalidInput("The tokenizer's precompiled_charsmap has a trie of impossible size.");
  }
  units_.reserve(trie_bytes / 4);
  for (std::size_t offset = 4; offset < 4 + trie_bytes; offset += 4) units_.push_back(read_u32(offset));
  replacements_ = data.substr(4 + trie_bytes);
  if (!replacements_.empty() && replacements_.back() != '\0') {
    throw InvalidInput("The tokenizer's precompiled_charsmap ends within a replacement.");
  }
}

std::string_view Charsmap::replacement_at(std::size_t offset) const {
  if (offset >= replacements_.size()) {
    throw InvalidInput("The tokenizer's precompiled_charsmap refers to a replacement past its end.");
  }
  return replacements_.c_str() + offset;
}

std::optional<Charsmap::Match> Charsmap::search(std::string_view text, bool shortest) const {
  std::optional<Match> found;
  std::size_t node = children_offset(units_[0]);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    node ^= byte;
    if (byte == 0 || node >= units_.size() || label(units_[node]) != byte) break;
    const std::uint32_t unit = units_[node];
    node ^= children_offset(unit);
    if (!has_value(unit)) continue;
    if (node >= units_.size()) break;
    found = Match{i + 1, replacement_at(units_[node] & ~kValueBit)};
    if (shortest) break;
  }
  return found;
}

}  // namespace hearth
