// best[i] is the best spelling of the first i bytes: its score, its last token and where that begins.
#include "text/tokenizers/unigram_model.h"

#include <algorithm>
#include <limits>

#include "base/utf8.h"

namespace hearth {

UnigramModel::UnigramModel(const Vocabulary& vocabulary, std::span<const Piece> pieces, double unknown_score,
                           UnknownRule rule)
    : vocabulary_(vocabulary), scores_(vocabulary.size()), unknown_score_(unknown_score), rule_(rule) {
  std::vector<ByteTrie::Entry> entries;
  entries.reserve(pieces.size());
  for (const Piece& piece : pieces) {
    entries.push_back({vocabulary.text(piece.id), piece.id});
    scores_[static_cast<std::size_t>(piece.id)] = piece.score;
  }
  trie_ = ByteTrie(std::move(entries));
}

void UnigramModel::encode(const Pieces& pieces, std::vector<TokenId>& out) const {
  std::vector<Best> best;
  for (const Span span : pieces.spans) encode_piece(pieces.piece(span), best, out);
}

void UnigramModel::encode_piece(std::string_view piece, std::vector<Best>& best, std::vector<TokenId>& out) const {
  best.assign(piece.size() + 1, {-std::numeric_limits<double>::infinity(), kNoToken, 0});
  best[0].score = 0;
  const auto offer = [&](std::size_t begin, std::size_t end, TokenId id, double score) {
    if (best[begin].score + score > best[end].score) {
      best[end] = {best[begin].score + score, id, static_cast<std::uint32_t>(begin)};
    }
  };
  for (std::size_t position = 0; position < piece.size();) {
    const std::size_t character_bytes = decode_utf8(piece, position).bytes;
    bool character_is_token = false;
    trie_.for_each_prefix(piece.substr(position), [&](ByteTrie::Match match) {
      offer(position, position + match.bytes, match.value, scores_[static_cast<std::size_t>(match.value)]);
      character_is_token = character_is_token || match.bytes == character_bytes;
    });
    if (!character_is_token) offer(position, position + character_bytes, kNoToken, unknown_score_);
    position += character_bytes;
  }

  std::vector<Best> path;
  for (std::size_t end = piece.size(); end > 0; end = path.back().begin) path.push_back(best[end]);
  std::reverse(path.begin(), path.end());
  for (std::size_t i = 0; i < path.size();) {
    if (path[i].id != kNoToken) {
      out.push_back(path[i++].id);
      continue;
    }
    const std::size_t begin = path[i].begin;
    while (i < path.size() && path[i].id == kNoToken) ++i;
    const std::size_t end = i < path.size() ? path[i].begin : piece.size();
    add_unknown(piece.substr(begin, end - begin), out);
  }
}

void UnigramModel::add_unknown(std::string_view text, std::vector<TokenId>& out) const {
  const auto byte_token = [&](char byte) { return vocabulary_.find_byte(static_cast<unsigned char>(byte)); };
  if (rule_.byte_fallback && std::all_of(text.begin(), text.end(), [&](char c) { return byte_token(c) != kNoToken; })) {
    for (const char byte : text) out.push_back(byte_token(byte));
  } else if (rule_.unknown != kNoToken) {
    out.push_back(rule_.unknown);
  }
}

}  // namespace hearth
