// WordPiece (BERT): each word is covered by the longest tokens from left to right, or is unknown as a whole.
// WordLevel is its limit: a word is a token or unknown.
#pragma once

#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "text/tokenizers/byte_trie.h"
#include "text/tokenizers/token_model.h"

namespace hearth {

struct WordPieceOptions {
  std::string word_prefix;        // before a word's first token in the vocabulary
  std::string continuing_prefix;  // before its other tokens: "##"
  std::size_t word_characters_max = std::numeric_limits<std::size_t>::max();  // a longer word is unknown
  TokenId unknown = kNoToken;                                                 // kNoToken: an unknown word is dropped
};

class WordPieceModel : public TokenModel {
 public:
  WordPieceModel(const Vocabulary& vocabulary, WordPieceOptions options);
  void encode(const Pieces& pieces, std::vector<TokenId>& out) const override;

 private:
  bool encode_word(std::string_view word, std::vector<TokenId>& out) const;

  WordPieceOptions options_;
  ByteTrie first_;
  ByteTrie continuing_;
};

class WordLevelModel : public TokenModel {
 public:
  // The vocabulary must outlive the model.
  WordLevelModel(const Vocabulary& vocabulary, TokenId unknown) : vocabulary_(vocabulary), unknown_(unknown) {}
  void encode(const Pieces& pieces, std::vector<TokenId>& out) const override;

 private:
  const Vocabulary& vocabulary_;
  TokenId unknown_;
};

}  // namespace hearth
