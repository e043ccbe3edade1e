// The unfinished tail is at most three bytes long.
#include "text/tokenizers/stream_decoder.h"

#include "base/utf8.h"
#include "text/tokenizers/tokenizer.h"

namespace hearth {

std::string StreamDecoder::push(TokenId id) {
  if (show_special_ && tokenizer_->is_special(id)) return push_bytes(tokenizer_->token_text(id));
  return push_bytes(tokenizer_->token_bytes(id));
}

std::string StreamDecoder::push_bytes(std::string_view bytes) {
  pending_ += bytes;
  std::string out;
  std::size_t position = 0;
  while (position < pending_.size()) {
    const Utf8Char character = decode_utf8(pending_, position);
    if (character.incomplete) break;
    append_utf8(character.code_point, out);
    position += character.bytes;
  }
  pending_.erase(0, position);
  return out;
}

std::string StreamDecoder::finish() {
  std::string out = repair_utf8(pending_);
  pending_.clear();
  return out;
}

}  // namespace hearth
