// Byte-pair encoding (Sennrich et al., 2016): characters merge in the order in which the training merged them. Serves
// byte-level vocabularies, whose pieces arrive in the alphabet of bytes, and SentencePiece-like ones alike.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/tokenizers/merge_symbols.h"
#include "text/tokenizers/token_model.h"

namespace hearth {

struct MergePair {
  std::string_view left;
  std::string_view right;
};

struct BpeOptions {
  bool ignore_merges = false;       // a piece that is a token is that token, whatever the merges say
  bool whole_newline_runs = false;  // the same for pieces of newlines only
  bool merges_name_tokens = false;  // what a merge joins and makes must be a token
  UnknownRule unknown;
  std::string continuing_subword_prefix;  // before every character of a piece but the first
  std::string end_of_word_suffix;         // after a piece's last character
};

class BpeModel : public TokenModel {
 public:
  // The merges' rank is their order. What a merge joins or makes need not be a token unless the options say so
  // (InvalidInput), as long as further merges make one of it; what is none in the end is spelt by its characters. The
  // vocabulary must outlive the model.
  BpeModel(const Vocabulary& vocabulary, std::span<const MergePair> merges, BpeOptions options);

  // Merges that no text can reach: what they join is no token and no character, and no merge makes it.
  std::size_t unreachable_merge_count() const { return unreachable_count_; }
  // False where not one merge joins two tokens: the merges belong to another vocabulary.
  bool joins_tokens() const { return joins_tokens_; }
  void encode(const Pieces& pieces, std::vector<TokenId>& out) const override;

 private:
  struct Slot {
    std::uint64_t pair;
    Merge merge;
  };

  // The token of this text, or a number past all tokens for a text that only merges know.
  TokenId find_symbol(std::string_view text) const;
  TokenId find_or_add_symbol(std::string_view text);
  // The symbols that a merge is about: left, right, and what it makes.
  std::array<TokenId, 3> merge_symbols_of(const MergePair& merge);
  void count_unreachable(std::span<const MergePair> merges);
  bool is_token(TokenId id) const { return vocabulary_.contains(id); }
  void add_merge(TokenId left, TokenId right, Merge merge);
  std::optional<Merge> find_merge(TokenId left, TokenId right) const;
  void read_symbols(std::string_view piece, std::vector<Symbol>& symbols) const;
  TokenId find_character(std::string_view character, char32_t code_point, bool first, bool last) const;
  void spell(std::string_view text, std::vector<TokenId>& out) const;
  TokenId whole_token(std::string_view piece) const;
  void add_unknown(std::string_view text, std::uint32_t begin, std::vector<Symbol>& symbols) const;

  const Vocabulary& vocabulary_;
  BpeOptions options_;
  std::size_t rank_count_;
  std::size_t unreachable_count_ = 0;
  bool joins_tokens_ = true;
  std::unordered_map<std::string, TokenId> intermediates_;  // texts of symbols that are no tokens
  std::vector<Slot> slots_;             // open addressing by pair; a power of two, at most half full
  std::vector<TokenId> small_symbols_;  // those of the characters below U+0800
};

}  // namespace hearth
