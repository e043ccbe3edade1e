// Finds special tokens in text the way llama.cpp does: the longest token first, over the whole text, then the next in
// what is left; what lies between the finds is text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizers/byte_trie.h"
#include "text/tokenizers/gguf_tokens.h"
#include "text/tokenizers/vocabulary.h"
#include "text/unicode/regex.h"

namespace hearth {

// A part of a text: a token found there, or text without one.
struct Fragment {
  TokenId token;  // kNoToken: text
  Span span;
};

class SpecialSplitter {
 public:
  SpecialSplitter(const Vocabulary& vocabulary, const std::vector<GgufToken>& tokens);

  // In order; fragments of text are not empty. Special tokens count only if `parse_special`.
  std::vector<Fragment> split(std::string_view text, bool parse_special) const;

 private:
  struct Special {
    TokenId id;
    std::string text;
    bool always;  // user-defined tokens are found whatever parse_special says
    bool strips_left;
    bool strips_right;
  };

  void split_at(const Special& special, std::string_view text, std::vector<Fragment>& fragments) const;

  std::vector<Special> specials_;  // the longest first
  ByteTrie trie_;                  // their places in specials_
};

}  // namespace hearth
