// Follows bytes through a grammar: a set of stacks of what was begun (values, arrays, objects, rules), whose common
// parts are stored once. A state is a number; equal states are the same number, and every step from one is computed
// once. From no state that is not dead does every way lead into a dead end.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/completion.h"
#include "grammar/grammar.h"

namespace hearth {

using GrammarState = std::uint32_t;
inline constexpr GrammarState kDeadState = 0;

// Part of a stack; of what its numbers mean, recognizer.cc tells.
struct GrammarFrame {
  enum class Kind : std::uint8_t {
    kBottom,
    kValue,
    kWord,
    kText,
    kNumber,
    kArray,
    kObject,
    kKey,
    kRule,
    kTerminal,
    kAnyOrder
  };
  Kind kind = Kind::kBottom;
  std::uint8_t phase = 0;
  std::uint16_t space = 0;
  std::uint32_t index = 0, a = 0, b = 0, c = 0, d = 0, e = 0;
  std::uint32_t below = 0;  // the stack under it
  std::uint32_t depth = 0;
  bool operator==(const GrammarFrame&) const = default;
};

// Within a JSON string: whether its quote may come, and whether another byte may, with which the frame goes on.
bool text_may_end(const Grammar& grammar, const GrammarFrame& frame);
bool step_in_text(const Grammar& grammar, GrammarFrame& frame, std::uint8_t byte);
// Within a terminal of a rule: the same two.
bool terminal_may_end(const Grammar& grammar, const GrammarFrame& frame);
bool step_in_terminal(const Grammar& grammar, GrammarFrame& frame, std::uint8_t byte);
// A character more of a key.
void step_over(const Grammar::Object& object, GrammarFrame& key, char32_t character);
// The same within a key of one of the kinds `allowed`.
bool step_in_key(const Grammar& grammar, const BitSet& allowed, GrammarFrame& frame, std::uint8_t byte);

// One thread's. Not safe to share.
class Recognizer {
 public:
  explicit Recognizer(std::shared_ptr<const Grammar> grammar);

  GrammarState start() const { return start_; }
  GrammarState advance(GrammarState state, std::uint8_t byte);
  GrammarState advance(GrammarState state, std::string_view bytes);
  // Whether the bytes so far are complete.
  bool can_end(GrammarState state) const { return states_[state].can_end; }
  // Whether they are, and nothing may follow.
  bool is_over(GrammarState state) const { return states_[state].can_end && states_[state].stacks.size() == 1; }
  bool accepts(std::string_view bytes) { return can_end(advance(start_, bytes)); }
  // The bytes that follow wherever there is only one that can, and no end; at most `bytes_max`.
  std::string forced_bytes(GrammarState state, std::size_t bytes_max = 256);

  const Grammar& grammar() const { return *grammar_; }
  // The stacks of a state, each as an index for frame().
  const std::vector<std::uint32_t>& stacks(GrammarState state) const { return states_[state].stacks; }
  const GrammarFrame& frame(std::uint32_t stack) const { return frames_[stack]; }
  const BitSet& bits(std::uint32_t index) const { return bits_[index]; }
  // The state that has the same stacks but for the frame on top of each, as `change` leaves it.
  GrammarState changed_tops(GrammarState state, const std::function<void(GrammarFrame&)>& change);
  // The state of one stack alone, by the frame on its top; and of some stacks of a state.
  GrammarState alone(const GrammarFrame& top);
  GrammarState together(std::vector<std::uint32_t> stacks);
  // Whether the object has a key that is remembered and equal to the one that this frame has read.
  bool is_used(const GrammarFrame& key) const;
  // The state once what the frame says is complete: after the quote that ends a string, and at a terminal's end.
  GrammarState below(const GrammarFrame& frame);

  std::size_t memory_bytes() const;
  // The number that a state of another recognizer of the same grammar has here.
  GrammarState adopt(const Recognizer& other, GrammarState state);

 private:
  using Stack = std::uint32_t;
  using Stacks = std::vector<Stack>;
  struct State {
    Stacks stacks;
    bool can_end = false;
  };
  struct FrameHash {
    std::size_t operator()(const GrammarFrame& frame) const;
  };
  struct StacksHash {
    std::size_t operator()(const Stacks& stacks) const;
  };

  void reset();
  Stack push(GrammarFrame frame, Stack below);
  GrammarState intern(Stacks stacks);
  std::uint32_t intern_bits(const BitSet& bits);
  std::uint32_t with_key(std::uint32_t keys, std::uint32_t low, std::uint32_t high);
  bool has_key(std::uint32_t keys, std::uint32_t low, std::uint32_t high) const;

  void settle(Stack stack, Stacks& out);
  void settle(Stack stack, Stacks& out, int depth);
  void settle_call(const Grammar::Place::Call& call, Stack below, Stacks& out, int depth);
  void settle_any_order(const GrammarFrame& frame, Stacks& out, int depth);
  void step(Stack stack, std::uint8_t byte, Stacks& out);
  void step_value(const GrammarFrame& frame, std::uint8_t byte, Stacks& out);
  void step_word(const GrammarFrame& frame, std::uint8_t byte, Stacks& out);
  void step_text(const GrammarFrame& frame, std::uint8_t byte, Stacks& out);
  void step_number(const GrammarFrame& frame, std::uint8_t byte, Stacks& out);
  void step_terminal(const GrammarFrame& frame, std::uint8_t byte, Stacks& out);
  void step_array(const GrammarFrame& frame, std::uint8_t byte, Stacks& out);
  void step_object(const GrammarFrame& frame, std::uint8_t byte, Stacks& out);
  void step_key(const GrammarFrame& frame, std::uint8_t byte, Stacks& out);
  void end_key(const GrammarFrame& frame, Stacks& out);
  bool step_space(const GrammarFrame& frame, std::uint8_t byte, Stacks& out);
  void begin_key(const GrammarFrame& frame, Stacks& out);
  ObjectProgress progress(const GrammarFrame& frame) const;
  std::uint32_t allowed(const GrammarFrame& frame);

  std::shared_ptr<const Grammar> grammar_;
  std::vector<GrammarFrame> frames_;
  boost::unordered_flat_map<GrammarFrame, Stack, FrameHash> frame_index_;
  std::vector<State> states_;
  boost::unordered_flat_map<Stacks, GrammarState, StacksHash> state_index_;
  boost::unordered_flat_map<std::uint64_t, GrammarState> steps_;
  std::vector<BitSet> bits_;
  std::map<BitSet, std::uint32_t> bits_index_;
  std::map<std::array<std::uint32_t, 5>, std::uint32_t> allowed_;
  std::vector<std::vector<std::uint64_t>> key_sets_;
  std::map<std::vector<std::uint64_t>, std::uint32_t> key_set_index_;
  Stacks entered_;  // the rules' places that the settling of one stack has been at
  GrammarState start_ = 0;
};

}  // namespace hearth
