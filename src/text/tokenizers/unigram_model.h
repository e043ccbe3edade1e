// The unigram language model (Kudo, 2018): of all ways to spell a piece with tokens, the one whose tokens'
// log-probabilities have the largest sum, found by the Viterbi algorithm.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "text/tokenizers/byte_trie.h"
#include "text/tokenizers/token_model.h"

namespace hearth {

class UnigramModel : public TokenModel {
 public:
  struct Piece {
    TokenId id;
    double score;
  };
  // `pieces`: the tokens that text may be spelt with. `unknown_score`: of a character that no token spells; neighbours
  // of that kind become one unknown token (or bytes), whatever rule.fuse says. The vocabulary must outlive the model.
  UnigramModel(const Vocabulary& vocabulary, std::span<const Piece> pieces, double unknown_score, UnknownRule rule);
  void encode(const Pieces& pieces, std::vector<TokenId>& out) const override;

 private:
  struct Best {
    double score;
    TokenId id;
    std::uint32_t begin;
  };
  void encode_piece(std::string_view piece, std::vector<Best>& best, std::vector<TokenId>& out) const;
  void add_unknown(std::string_view text, std::vector<TokenId>& out) const;

  const Vocabulary& vocabulary_;
  ByteTrie trie_;
  std::vector<double> scores_;  // by token
  double unknown_score_;
  UnknownRule rule_;
};

}  // namespace hearth
