// Two passes, as in the original: over the text as it is, then over its normalized parts.
#include "text/tokenizers/added_tokens.h"

#include <algorithm>
#include <optional>

#include "base/utf8.h"
#include "text/unicode/unicode.h"

namespace hearth {
namespace {

// Where the last character of text[0, end) begins; `end` is positive.
std::size_t last_character(std::string_view text, std::size_t end) {
  std::size_t begin = end - 1;
  while (begin > 0 && end - begin < 4 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) --begin;
  return begin;
}

bool word_ends_at(std::string_view text, std::size_t position) {
  return position > 0 && is_word_character(decode_utf8(text, last_character(text, position)).code_point);
}

bool word_begins_at(std::string_view text, std::size_t position) {
  return position < text.size() && is_word_character(decode_utf8(text, position).code_point);
}

std::size_t without_space_before(std::string_view text, std::size_t end, std::size_t limit) {
  while (end > limit) {
    const std::size_t begin = last_character(text, end);
    if (begin < limit || !is_white_space(decode_utf8(text, begin).code_point)) break;
    end = begin;
  }
  return end;
}

std::size_t after_space(std::string_view text, std::size_t position) {
  while (position < text.size()) {
    const Utf8Char character = decode_utf8(text, position);
    if (!is_white_space(character.code_point)) break;
    position += character.bytes;
  }
  return position;
}

}  // namespace

AddedTokens::AddedTokens(std::vector<AddedToken> tokens, const Normalizer* normalizer)
    : tokens_(std::move(tokens)), normalizer_(normalizer) {
  std::vector<ByteTrie::Entry> raw;
  std::vector<ByteTrie::Entry> normalized;
  std::vector<std::string> contents;
  contents.reserve(tokens_.size());
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    const AddedToken& token = tokens_[i];
    const auto place = static_cast<std::int32_t>(i);
    if (!token.normalized) {
      raw.push_back({token.content, place});
      continue;
    }
    contents.push_back(normalizer_ == nullptr ? token.content : normalizer_->apply(token.content));
    normalized.push_back({contents.back(), place});
  }
  raw_ = ByteTrie(std::move(raw));
  normalized_ = ByteTrie(std::move(normalized));
}

std::vector<AddedTokens::Found> AddedTokens::find(std::string_view text, const ByteTrie& trie,
                                                  bool parse_special) const {
  std::vector<Found> found;
  std::size_t done = 0;
  const auto add_text = [&](std::size_t end) {
    if (end > done) found.push_back({kNoToken, text.substr(done, end - done)});
  };
  for (std::size_t position = 0; position < text.size();) {
    const std::optional<ByteTrie::Match> match = trie.longest_prefix(text.substr(position));
    if (!match) {
      ++position;
      continue;
    }
    const AddedToken& token = tokens_[static_cast<std::size_t>(match->value)];
    std::size_t begin = position;
    std::size_t end = position + match->bytes;
    position = end;
    if (token.special && !parse_special) continue;
    if (token.single_word && (word_ends_at(text, begin) || word_begins_at(text, end))) continue;
    if (begin < done) continue;
    if (token.lstrip) begin = without_space_before(text, begin, done);
    if (token.rstrip) end = after_space(text, end);
    add_text(begin);
    found.push_back({token.id, text.substr(begin, end - begin)});
    done = end;
    position = std::max(position, done);
  }
  add_text(text.size());
  return found;
}

std::vector<NormalizedPart> AddedTokens::split(std::string_view text, bool parse_special) const {
  std::vector<NormalizedPart> parts;
  for (const Found& raw : find(text, raw_, parse_special)) {
    const bool at_start = raw.text.data() == text.data();
    if (raw.token != kNoToken) {
      parts.push_back({raw.token, {}, at_start});
      continue;
    }
    const std::string normalized =
        normalizer_ == nullptr ? std::string(raw.text) : normalizer_->apply(std::string(raw.text));
    for (const Found& part : find(normalized, normalized_, parse_special)) {
      const bool first = at_start && part.text.data() == normalized.data();
      parts.push_back({part.token, part.token == kNoToken ? std::string(part.text) : std::string(), first});
    }
  }
  return parts;
}

}  // namespace hearth
