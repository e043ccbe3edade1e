// Follows one sequence's tokens through the grammar that its answer must obey, and says which may come next.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "engine/request.h"
#include "grammar/token_mask.h"
#include "text/tokenizers/tokenizer.h"

namespace hearth {

// The tokens of a model as grammars need them; made once, which takes a fraction of a second. `rows`: how many logits
// the model has, which may be more than there are tokens.
std::shared_ptr<const GrammarVocabulary> grammar_vocabulary(const Tokenizer& tokenizer, std::int64_t rows);

class GrammarFollower {
 public:
  // The tokenizer outlives it.
  GrammarFollower(const GrammarRequest& request, const Tokenizer& tokenizer,
                  std::shared_ptr<const GrammarVocabulary> vocabulary);

  // The tokens that may come now: before the grammar is binding, all that do not end the answer. Throws Unsupported
  // where the text is too ambiguous to be followed. Valid until the next call.
  std::span<const std::uint32_t> mask();
  // A token was chosen.
  void accept(TokenId token);
  // Whether the text is complete and nothing may follow.
  bool is_over() const { return over_; }

 private:
  void enter(std::string_view bytes);

  const Tokenizer& tokenizer_;
  std::string begin_after_;  // empty: it has begun
  std::string waiting_;      // the last bytes before it begins
  TokenMask free_mask_;      // until then
  TokenMasks masks_;
  GrammarState state_;
  bool over_ = false;
};

}  // namespace hearth
