// Scores are turned into ranks once, so that the merge loop is the one of byte-pair encoding.
#include "text/tokenizers/spm_model.h"

#include <algorithm>
#include <functional>
#include <optional>

#include "base/check.h"
#include "base/utf8.h"

namespace hearth {

SpmModel::SpmModel(const Vocabulary& vocabulary, std::span<const float> scores, TokenId unknown)
    : vocabulary_(vocabulary), unknown_(unknown) {
  CHECK(scores.size() == vocabulary.size());
  std::vector<float> distinct(scores.begin(), scores.end());
  std::sort(distinct.begin(), distinct.end(), std::greater<>{});
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  rank_count_ = distinct.size();
  ranks_.reserve(scores.size());
  for (const float score : scores) {
    const auto place = std::lower_bound(distinct.begin(), distinct.end(), score, std::greater<>{});
    ranks_.push_back(static_cast<std::uint32_t>(place - distinct.begin()));
  }
}

TokenId SpmModel::byte_token(char byte) const {
  const TokenId id = vocabulary_.find_byte(static_cast<unsigned char>(byte));
  if (id != kNoToken) return id;
  const TokenId plain = vocabulary_.find({&byte, 1});
  return plain != kNoToken ? plain : unknown_;
}

void SpmModel::encode(const Pieces& pieces, std::vector<TokenId>& out) const {
  std::vector<Symbol> symbols;
  MergeQueue queue(rank_count_);
  for (const Span span : pieces.spans) {
    const std::string_view piece = pieces.piece(span);
    symbols.clear();
    for_each_character(piece, [&](char32_t, std::string_view text, bool) {
      symbols.push_back({static_cast<std::uint32_t>(text.data() - piece.data()),
                         static_cast<std::uint32_t>(text.size()), vocabulary_.find(text)});
    });
    merge_symbols(symbols, queue, [&](const Symbol& left, const Symbol& right) -> std::optional<Merge> {
      const TokenId id = vocabulary_.find(piece.substr(left.begin, left.bytes + right.bytes));
      if (id == kNoToken) return std::nullopt;
      return Merge{ranks_[static_cast<std::size_t>(id)], id};
    });
    for (const Symbol& symbol : symbols) {
      if (symbol.id != kNoToken) {
        out.push_back(symbol.id);
        continue;
      }
      for (const char byte : piece.substr(symbol.begin, symbol.bytes)) {
        if (const TokenId id = byte_token(byte); id != kNoToken) out.push_back(id);
      }
    }
  }
}

}  // namespace hearth
