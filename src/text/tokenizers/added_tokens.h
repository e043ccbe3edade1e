// tokenizer.json's added tokens: texts that are a token before anything else happens to the text around them.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizers/byte_trie.h"
#include "text/tokenizers/normalizer.h"
#include "text/tokenizers/vocabulary.h"

namespace hearth {

struct AddedToken {
  TokenId id;
  std::string content;
  bool single_word = false;  // only where no word goes on at either side
  bool lstrip = false;       // with the white space before it
  bool rstrip = false;       // with the white space after it
  bool normalized = true;    // looked for in normalized text, in its own normalized form
  bool special = false;      // only found when special tokens are to be parsed
};

// A part of a text: an added token, or text between two of them, normalized.
struct NormalizedPart {
  TokenId token;  // kNoToken: text
  std::string text;
  bool at_start;  // the original text begins here
};

class AddedTokens {
 public:
  // `normalizer` may be null; it must outlive this object.
  AddedTokens(std::vector<AddedToken> tokens, const Normalizer* normalizer);

  // The tokens in a text and the normalized text between them; of tokens that begin at one place the longest is found.
  std::vector<NormalizedPart> split(std::string_view text, bool parse_special) const;

 private:
  struct Found {
    TokenId token;
    std::string_view text;
  };
  std::vector<Found> find(std::string_view text, const ByteTrie& trie, bool parse_special) const;

  std::vector<AddedToken> tokens_;
  const Normalizer* normalizer_;
  ByteTrie raw_;         // places in tokens_
  ByteTrie normalized_;  // the same, by normalized content
};

}  // namespace hearth
