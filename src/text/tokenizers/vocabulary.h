// The tokens of a vocabulary by id and by text. Texts are copied into one block, so that a quarter of a million of them
// cost a few milliseconds and keep no file open.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hearth {

using TokenId = std::int32_t;
inline constexpr TokenId kNoToken = -1;

class Vocabulary {
 public:
  // The id of a token is its place. Empty texts are tokens that no text finds; of equal texts the first is found.
  explicit Vocabulary(std::span<const std::string_view> texts);

  std::size_t size() const { return tokens_.size(); }
  bool contains(std::int64_t id) const { return id >= 0 && id < static_cast<std::int64_t>(tokens_.size()); }
  std::string_view text(TokenId id) const {  // id < size()
    const Token& token = tokens_[static_cast<std::size_t>(id)];
    return {block_.data() + token.offset, token.bytes};
  }
  std::size_t text_bytes_max() const { return text_bytes_max_; }

  // kNoToken if there is none.
  TokenId find(std::string_view text) const;
  // The token "<0x0A>" for 0x0A, and so on; kNoToken if there is none.
  TokenId find_byte(unsigned char byte) const { return byte_tokens_[byte]; }

 private:
  struct Token {
    std::size_t offset;
    std::size_t bytes;
  };
  struct Slot {
    std::uint32_t hash;
    TokenId id;
  };

  std::string block_;
  std::vector<Token> tokens_;
  std::vector<Slot> slots_;  // open addressing; a power of two, at most half full
  std::size_t text_bytes_max_ = 0;
  std::vector<TokenId> byte_tokens_;
};

// The byte that a token text of the form <0x0A> stands for; -1 for any other text.
int byte_of_token_text(std::string_view text);

}  // namespace hearth
