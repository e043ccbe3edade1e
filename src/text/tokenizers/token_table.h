// What is known of every token of a vocabulary, apart from how text becomes tokens: its spelling, the bytes it adds to
// a text, whether it is special, whether it ends a generation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizers/vocabulary.h"

namespace hearth {

class TokenTable {
 public:
  // All tokens begin ordinary, and add no bytes.
  explicit TokenTable(std::unique_ptr<const Vocabulary> vocabulary);

  // Sets the bytes of the tokens, in order of their ids: call it once for each token.
  void append_bytes(std::string_view bytes);
  void set_special(TokenId id) { special_[static_cast<std::size_t>(id)] = true; }
  void set_end_of_generation(TokenId id) { ends_[static_cast<std::size_t>(id)] = true; }

  // Stays where it is when the table moves.
  const Vocabulary& vocabulary() const { return *vocabulary_; }
  std::string_view bytes(TokenId id) const {
    const auto index = static_cast<std::size_t>(id);
    return std::string_view(block_).substr(offsets_[index], offsets_[index + 1] - offsets_[index]);
  }
  bool is_special(TokenId id) const { return special_[static_cast<std::size_t>(id)]; }
  bool is_end_of_generation(TokenId id) const { return ends_[static_cast<std::size_t>(id)]; }

  // What stands around two texts that are read as one, a query and a document.
  struct PairFrame {
    std::vector<TokenId> before, between, after;
    bool second_has_type = false;  // tokens from the second text on are of the second type
  };
  std::optional<PairFrame> pair;  // nullopt: the vocabulary does not say

  std::optional<TokenId> bos;
  std::optional<TokenId> eos;
  bool adds_bos = false;  // encoding with add_special begins with bos

 private:
  std::unique_ptr<const Vocabulary> vocabulary_;
  std::string block_;
  std::vector<std::size_t> offsets_;
  std::vector<bool> special_;
  std::vector<bool> ends_;
};

}  // namespace hearth
