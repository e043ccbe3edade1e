#include "grammar/closing.h"

#include <cstdint>
#include <string_view>
#include <utility>

namespace hearth {
namespace {

// What closes comes first, then what goes on to the next part, then the shortest values, then all else. Within a text
// only its quote closes anything.
constexpr std::string_view kFirstBytes = "}])\"',:0123456789ntf[{-", kFirstBytesInText = "\"";

std::string preferred_bytes(std::string_view first) {
  std::string bytes(first);
  for (int byte = 'a'; byte <= 'z'; ++byte) bytes += static_cast<char>(byte);
  for (int byte = 0; byte < 256; ++byte) {
    if (bytes.find(static_cast<char>(byte)) == std::string::npos) bytes += static_cast<char>(byte);
  }
  return bytes;
}

bool is_in_text(const Recognizer& recognizer, GrammarState state) {
  for (const std::uint32_t stack : recognizer.stacks(state)) {
    const GrammarFrame::Kind kind = recognizer.frame(stack).kind;
    if (kind != GrammarFrame::Kind::kText && kind != GrammarFrame::Kind::kKey) return false;
  }
  return true;
}

}  // namespace

std::optional<std::string> closing_bytes(Recognizer& recognizer, GrammarState state, std::size_t bytes_max) {
  static const std::string kBytes = preferred_bytes(kFirstBytes), kBytesInText = preferred_bytes(kFirstBytesInText);
  std::string closing;
  while (state != kDeadState && !recognizer.can_end(state)) {
    if (closing.size() >= bytes_max) return std::nullopt;
    GrammarState next = kDeadState;
    for (const char byte : is_in_text(recognizer, state) ? kBytesInText : kBytes) {
      next = recognizer.advance(state, static_cast<std::uint8_t>(byte));
      if (next == kDeadState) continue;
      closing += byte;
      break;
    }
    state = next;
  }
  return state == kDeadState ? std::nullopt : std::optional(std::move(closing));
}

}  // namespace hearth
