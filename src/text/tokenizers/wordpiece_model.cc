// Two tries, one for how a word may begin and one for how it may go on, make the longest match a walk.
#include "text/tokenizers/wordpiece_model.h"

#include <optional>

#include "base/utf8.h"

namespace hearth {
namespace {

ByteTrie tokens_after_prefix(const Vocabulary& vocabulary, std::string_view prefix) {
  std::vector<ByteTrie::Entry> entries;
  for (TokenId id = 0; vocabulary.contains(id); ++id) {
    const std::string_view text = vocabulary.text(id);
    if (text.starts_with(prefix)) entries.push_back({text.substr(prefix.size()), id});
  }
  return ByteTrie(std::move(entries));
}

bool longer_than(std::string_view text, std::size_t characters_max) {
  if (text.size() <= characters_max) return false;
  std::size_t count = 0;
  for_each_character(text, [&](char32_t, std::string_view, bool) { ++count; });
  return count > characters_max;
}

}  // namespace

WordPieceModel::WordPieceModel(const Vocabulary& vocabulary, WordPieceOptions options)
    : options_(std::move(options)),
      first_(tokens_after_prefix(vocabulary, "")),
      continuing_(tokens_after_prefix(vocabulary, options_.continuing_prefix)) {}

bool WordPieceModel::encode_word(std::string_view word, std::vector<TokenId>& out) const {
  if (longer_than(word, options_.word_characters_max)) return false;
  const std::string text = options_.word_prefix + std::string(word);
  for (std::size_t position = 0; position < text.size();) {
    const ByteTrie& trie = position == 0 ? first_ : continuing_;
    const std::optional<ByteTrie::Match> match = trie.longest_prefix(std::string_view(text).substr(position));
    if (!match) return false;
    out.push_back(match->value);
    position += match->bytes;
  }
  return true;
}

void WordPieceModel::encode(const Pieces& pieces, std::vector<TokenId>& out) const {
  for (const Span span : pieces.spans) {
    const std::size_t count = out.size();
    if (encode_word(pieces.piece(span), out)) continue;
    out.resize(count);
    if (options_.unknown != kNoToken) out.push_back(options_.unknown);
  }
}

void WordLevelModel::encode(const Pieces& pieces, std::vector<TokenId>& out) const {
  for (const Span span : pieces.spans) {
    const TokenId id = vocabulary_.find(pieces.piece(span));
    if (id != kNoToken) {
      out.push_back(id);
    } else if (unknown_ != kNoToken) {
      out.push_back(unknown_);
    }
  }
}

}  // namespace hearth
