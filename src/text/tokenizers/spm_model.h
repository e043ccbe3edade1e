// SentencePiece's BPE as GGUF files carry it: there is no list of merges; two neighbours merge when their texts
// together are a token, the one of the highest score first. What stays unspelt becomes <0x..> tokens.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "text/tokenizers/merge_symbols.h"
#include "text/tokenizers/token_model.h"

namespace hearth {

class SpmModel : public TokenModel {
 public:
  // One score per token. `unknown`: for a byte that has no token; kNoToken drops it. The vocabulary must outlive the
  // model.
  SpmModel(const Vocabulary& vocabulary, std::span<const float> scores, TokenId unknown);
  void encode(const Pieces& pieces, std::vector<TokenId>& out) const override;

 private:
  TokenId byte_token(char byte) const;

  const Vocabulary& vocabulary_;
  std::vector<std::uint32_t> ranks_;  // by token: how many distinct scores are higher
  std::size_t rank_count_ = 0;
  TokenId unknown_;
};

}  // namespace hearth
