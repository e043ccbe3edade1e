// The heart of a tokenizer: pieces of text become tokens. One class per algorithm; each is immutable once built.
#pragma once

#include <vector>

#include "text/tokenizers/pre_tokenizer.h"
#include "text/tokenizers/vocabulary.h"

namespace hearth {

class TokenModel {
 public:
  virtual ~TokenModel() = default;
  // Appends the tokens of the pieces, one piece after the other.
  virtual void encode(const Pieces& pieces, std::vector<TokenId>& out) const = 0;
};

// What stands for text that no token spells.
struct UnknownRule {
  TokenId unknown = kNoToken;  // kNoToken: such text is dropped
  bool byte_fallback = false;  // its bytes become <0x..> tokens, where the vocabulary has all of them
  bool fuse = false;           // neighbours become one unknown token
};

}  // namespace hearth
