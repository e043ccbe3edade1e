// The pre-tokenizers that GGUF's tokenizer.ggml.pre names: how byte-pair encoding's text is cut into pieces, and the
// settings that llama.cpp ties to the name.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizers/pre_tokenizer.h"

namespace hearth {

struct GgufPreTokenizer {
  std::unique_ptr<const PreTokenizer> steps;
  bool adds_bos = false;  // unless the file says otherwise
  bool ignore_merges = false;
  bool byte_level = true;  // false: characters as they are, the space as U+2581, <0x..> tokens for the rest
  bool needs_merges = true;
  bool whole_newline_runs = false;  // a piece of newlines that is a token is that token, whatever the merges say
  bool forces_bos = false;          // even if the file says otherwise
};

// Throws Unsupported, listing the known names, if `name` is none of them.
GgufPreTokenizer gguf_pre_tokenizer(std::string_view name);

}  // namespace hearth
