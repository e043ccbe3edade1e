// How many bytes what was begun still takes at least: of every part of a grammar, its shortest text, and of a state the
// sum over its best stack. An estimate that is nearly exact; what no text completes has none.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "grammar/recognizer.h"

namespace hearth {

class ShortestTexts {
 public:
  static constexpr std::uint32_t kNever = std::numeric_limits<std::uint32_t>::max() / 4;

  // The recognizer outlives it.
  explicit ShortestTexts(const Recognizer& recognizer);

  // Bytes from the state to where the text can end: 0 where it can.
  std::uint32_t of(GrammarState state);
  // From a stack with this frame on top.
  std::uint32_t of_top(const GrammarFrame& frame);

 private:
  bool improve_values();
  bool improve_arrays();
  bool improve_places();
  std::uint32_t of_value(const Grammar::Value& value) const;
  std::uint32_t of_text(const Grammar::Text& text, std::uint32_t state, std::uint32_t count) const;
  std::uint32_t of_property(const Grammar::Object& object, std::uint32_t kind) const;
  std::uint32_t of_rest(std::uint32_t object, const BitSet& seen, std::uint32_t pending, std::uint32_t count) const;
  std::uint32_t of_any_order(const Grammar::AnyOrder& any_order, const BitSet& come) const;
  std::uint32_t of_call(const Grammar::Place::Call& call) const;
  std::uint32_t of_key(const GrammarFrame& frame);
  std::uint32_t of_frame(const GrammarFrame& frame);
  std::uint32_t of_stack(std::uint32_t stack);

  const Recognizer& recognizer_;
  const Grammar& grammar_;
  std::vector<std::vector<std::uint32_t>> numbers_;  // by state
  std::vector<std::vector<std::uint32_t>> keys_;     // of an object, by kind: characters of its shortest key
  std::vector<std::uint32_t> values_, places_;
  std::vector<std::vector<std::uint32_t>> arrays_;                                           // by state
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<std::uint32_t>> key_rests_;  // by object and state
  std::vector<std::uint32_t> stacks_;  // known ones; kNever + 1: not known
};

}  // namespace hearth
