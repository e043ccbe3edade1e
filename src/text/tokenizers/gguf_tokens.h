// What a GGUF file says of each token (tokenizer.ggml.token_type and the special ids), completed by what its text says:
// files leave much of it out, and llama.cpp goes by the well-known spellings.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "text/tokenizers/vocabulary.h"
#include "weights/metadata.h"

namespace hearth {

struct GgufToken {
  bool normal = false;
  bool unknown = false;
  bool control = false;
  bool user_defined = false;
  bool byte = false;
  bool unused = false;
  bool ends_generation = false;
  bool strips_left = false;   // where it is found in text, the white space before it goes with it
  bool strips_right = false;  // and the white space after it

  // Not part of what a reader sees.
  bool is_special() const { return control || unknown; }
  // Found in text before anything else happens to it; special tokens only if they are to be parsed.
  bool is_found_in_text() const { return control || unknown || user_defined; }
};

// One entry per token. Throws InvalidInput if the lists are shorter than the vocabulary.
std::vector<GgufToken> gguf_tokens(const Metadata& metadata, const Vocabulary& vocabulary);

// The id that a key names; nullopt if the key is absent or the id no token's.
std::optional<TokenId> gguf_token_id(const Metadata& metadata, std::string_view key, const Vocabulary& vocabulary);

}  // namespace hearth
