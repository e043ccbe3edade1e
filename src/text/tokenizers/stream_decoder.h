// Text from tokens one at a time: a token may end within a character, and a reader must never see half of one.
#pragma once

#include <string>
#include <string_view>

#include "text/tokenizers/vocabulary.h"

namespace hearth {

class Tokenizer;

// Holds back the bytes of an unfinished character until the token that completes it. What can be no character any more
// becomes U+FFFD, one per maximal subpart. All outputs together do not depend on where the tokens' boundaries lie.
class StreamDecoder {
 public:
  // `show_special`: control tokens are spelt out; otherwise they are silent. The tokenizer must outlive the decoder.
  explicit StreamDecoder(const Tokenizer& tokenizer, bool show_special = false)
      : tokenizer_(&tokenizer), show_special_(show_special) {}

  // The text that the token completes: valid UTF-8, often empty. Throws InvalidInput if the id is not in the
  // vocabulary.
  std::string push(TokenId id);
  // The same for bytes.
  std::string push_bytes(std::string_view bytes);
  // The text's end: what is held back cannot be completed any more.
  std::string finish();

 private:
  const Tokenizer* tokenizer_;
  bool show_special_;
  std::string pending_;
};

}  // namespace hearth
