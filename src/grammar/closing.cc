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

// The first byte that brings the end nearer; where none does, as within a key, the one from which it is nearest. Where
// none may come, the step leads to the dead state.
ClosingStep find_step(Recognizer& recognizer, ShortestTexts& shortest, GrammarState state) {
  static const std::string kBytes = preferred_bytes();
  const std::uint32_t left = shortest.of(state);
  ClosingStep found{0, kDeadState};
  std::uint32_t found_left = ShortestTexts::kNever;
  for (const char byte : kBytes) {
    const GrammarState candidate = recognizer.advance(state, static_cast<std::uint8_t>(byte));
    if (candidate == kDeadState) continue;
    const std::uint32_t candidate_left = shortest.of(candidate);
    if (candidate_left >= found_left) continue;
    found = {byte, candidate};
    found_left = candidate_left;
    if (found_left < left) break;
  }
  return found;
}

}  // namespace

std::optional<std::string> closing_bytes(Recognizer& recognizer, ShortestTexts& shortest, ClosingSteps& steps,
                                         GrammarState state, std::size_t bytes_max) {
  std::string closing;
  while (!recognizer.can_end(state)) {
    if (closing.size() + shortest.of(state) > bytes_max || closing.size() >= bytes_max) return std::nullopt;
    auto known = steps.find(state);
    if (known == steps.end()) known = steps.emplace(state, find_step(recognizer, shortest, state)).first;
    if (known->second.next == kDeadState) return std::nullopt;
    closing += known->second.byte;
    state = known->second.next;
  }
  return closing;
}

}  // namespace hearth
