// The "decoder" of tokenizer.json, as far as it can be said token by token: what each adds to a text. The rest becomes
// rules for the text's two ends.
#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizers/tokenizer.h"

namespace hearth {

class HuggingFaceDecoder {
 public:
  // `decoder` may be null: then tokens are words, with spaces between them. Throws Unsupported for unknown decoders.
  explicit HuggingFaceDecoder(const boost::json::object* decoder);

  std::string bytes(std::string_view token_text) const;
  const DecodeRules& rules() const { return rules_; }

 private:
  void add(const boost::json::object& step);
  void add_strip(const boost::json::object& step);
  void add_word_piece(const boost::json::object& step);

  std::vector<std::function<std::string(std::string)>> steps_;
  DecodeRules rules_;
  bool fused_ = false;  // later steps see the whole text
};

}  // namespace hearth
