#include "grammar/closing.h"

#include <cstdint>
#include <string_view>
#include <utility>

namespace hearth {
namespace {

// What closes comes first, then what goes on to the next part, then the shortest values, then all else.
constexpr std::string_view kFirstBytes = "}])\"',:0123456789ntf[{-";

std::string preferred_bytes() {
  std::string bytes(kFirstBytes);
  for (int byte = 'a'; byte <= 'z'; ++byte) bytes += static_cast<char>(byte);
  for (int byte = 0; byte < 256; ++byte) {
    if (bytes.find(static_cast<char>(byte)) == std::string::npos) bytes += static_cast<char>(byte);
  }
  return bytes;
}

}  // namespace

std::optional<std::string> closing_bytes(Recognizer& recognizer, ShortestTexts& shortest, GrammarState state,
                                         std::size_t bytes_max) {
  static const std::string kBytes = preferred_bytes();
  std::string closing;
  std::uint32_t left = shortest.of(state);
  while (!recognizer.can_end(state)) {
    if (closing.size() + left > bytes_max || closing.size() >= bytes_max) return std::nullopt;
    // The first byte that brings the end nearer; where none does, as within a key, the one from which it is nearest.
    GrammarState next = kDeadState;
    std::uint32_t next_left = ShortestTexts::kNever;
    char chosen = 0;
    for (const char byte : kBytes) {
      const GrammarState candidate = recognizer.advance(state, static_cast<std::uint8_t>(byte));
      if (candidate == kDeadState) continue;
      const std::uint32_t candidate_left = shortest.of(candidate);
      if (candidate_left >= next_left) continue;
      next = candidate;
      next_left = candidate_left;
      chosen = byte;
      if (next_left < left) break;
    }
    if (next == kDeadState) return std::nullopt;
    closing += chosen;
    state = next;
    left = next_left;
  }
  return closing;
}

}  // namespace hearth
