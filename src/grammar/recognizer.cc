// What the numbers of a frame mean:
//   value     index: of Grammar::values; space: may white space stand before it
//   word      index: null, true or false; a: bytes read
//   text      index: of Grammar::texts; a: state of its automaton; b: characters; c: partial character
//   number    index: of Grammar::numbers; a: state
//   array     index: of Grammar::arrays; a: its state; space
//   object    index: of Grammar::objects; a: seen keys (bits); b: pending demands; c: properties; d: remembered keys;
//             e: after a key, the value to come; space
//   key       the object below; index: of Grammar::objects; a: state of its keys; b: kinds allowed (bits); c: partial
//             character; d and e: a hash of the key, where keys are remembered
//   rule      index: of Grammar::places
//   terminal  index: of Grammar::dfas; a: state; c: partial character
//   any order index: of Grammar::any_orders; a: parts that have come (bits)
#include "grammar/recognizer.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "grammar/char_reader.h"

namespace hearth {
namespace {

using Kind = GrammarFrame::Kind;

enum Phase : std::uint8_t { kOpened, kComma, kAfter, kColon };

constexpr std::uint32_t kDepthMax = 500;
constexpr std::size_t kStacksMax = 20000;
constexpr int kSettleDepthMax = 500;
constexpr std::string_view kWords[] = {"null", "true", "false"};

// White space: 0: none yet; 1: a space, after which no more may come; from 2 on: a line break and how many spaces; from
// 100 on: and how many tabs. kNoSpace: none may stand here.
constexpr std::uint16_t kNoSpace = 0xffff;
constexpr std::uint16_t kLineBreak = 2, kSpacesEnd = 66, kTabs = 100, kTabsEnd = 116;

std::uint16_t space_after(std::uint16_t space, std::uint8_t byte, bool line_breaks) {
  if (space == 0 && byte == ' ') return 1;
  if (!line_breaks) return kNoSpace;
  if (space == 0 && byte == '\n') return kLineBreak;
  if (byte == ' ' && space >= kLineBreak && space < kSpacesEnd) return static_cast<std::uint16_t>(space + 1);
  if (byte == '\t' && space == kLineBreak) return kTabs;
  if (byte == '\t' && space >= kTabs && space < kTabsEnd) return static_cast<std::uint16_t>(space + 1);
  return kNoSpace;
}

bool is_space(std::uint8_t byte) {
  return byte == ' ' || byte == '\n' || byte == '\t';
}

bool terminal_may_go_on(const Grammar& grammar, const GrammarFrame& frame) {
  return frame.c != 0 || !grammar.dfas[frame.index].edges_of(frame.a).empty();
}

std::uint64_t mixed(std::uint64_t hash, std::uint64_t value) {
  hash = (hash ^ value) * 0x9E3779B97F4A7C15u;
  return hash ^ hash >> 29;
}

}  // namespace

std::size_t Recognizer::FrameHash::operator()(const GrammarFrame& f) const {
  std::uint64_t hash =
      mixed(static_cast<std::uint64_t>(f.kind) << 32 | std::uint64_t{f.phase} << 16 | f.space, f.index);
  hash = mixed(hash, std::uint64_t{f.a} << 32 | f.b);
  hash = mixed(hash, std::uint64_t{f.c} << 32 | f.d);
  return mixed(hash, std::uint64_t{f.e} << 32 | f.below);
}

std::size_t Recognizer::StacksHash::operator()(const Stacks& stacks) const {
  std::uint64_t hash = stacks.size();
  for (const Stack stack : stacks) hash = mixed(hash, stack);
  return hash;
}

Recognizer::Recognizer(std::shared_ptr<const Grammar> grammar) : grammar_(std::move(grammar)) {
  reset();
  GrammarFrame root;
  if (grammar_->root_place != Grammar::kNone) {
    root.kind = Kind::kRule;
    root.index = grammar_->root_place;
  } else {
    root.kind = Kind::kValue;
    root.space = kNoSpace;
    root.index = grammar_->root_value;
  }
  Stacks stacks;
  settle(push(root, 0), stacks);
  start_ = intern(std::move(stacks));
}

void Recognizer::reset() {
  frames_.assign(1, {});  // the empty stack
  frame_index_.clear();
  states_.assign(1, {});  // the dead state
  state_index_.clear();
  state_index_[{}] = kDeadState;
  steps_.clear();
  bits_.clear();
  bits_index_.clear();
  allowed_.clear();
  key_sets_.assign(1, {});
  key_set_index_.clear();
  key_set_index_[{}] = 0;
}

Recognizer::Stack Recognizer::push(GrammarFrame frame, Stack below) {
  frame.below = below;
  frame.depth = frames_[below].depth + 1;
  const auto [found, is_new] = frame_index_.try_emplace(frame, static_cast<Stack>(frames_.size()));
  if (is_new) frames_.push_back(frame);
  return found->second;
}

GrammarState Recognizer::intern(Stacks stacks) {
  std::sort(stacks.begin(), stacks.end());
  stacks.erase(std::unique(stacks.begin(), stacks.end()), stacks.end());
  if (stacks.size() > kStacksMax) throw Unsupported("the grammar is too ambiguous for the text");
  const auto [found, is_new] = state_index_.try_emplace(stacks, static_cast<GrammarState>(states_.size()));
  if (is_new) {
    const bool can_end = !stacks.empty() && stacks[0] == 0;
    states_.push_back({std::move(stacks), can_end});
  }
  return found->second;
}

std::uint32_t Recognizer::intern_bits(const BitSet& bits) {
  const auto [found, is_new] = bits_index_.try_emplace(bits, static_cast<std::uint32_t>(bits_.size()));
  if (is_new) bits_.push_back(bits);
  return found->second;
}

std::uint32_t Recognizer::with_key(std::uint32_t keys, std::uint32_t low, std::uint32_t high) {
  std::vector<std::uint64_t> set = key_sets_[keys];
  const std::uint64_t key = std::uint64_t{high} << 32 | low;
  set.insert(std::lower_bound(set.begin(), set.end(), key), key);
  const auto [found, is_new] = key_set_index_.try_emplace(set, static_cast<std::uint32_t>(key_sets_.size()));
  if (is_new) key_sets_.push_back(std::move(set));
  return found->second;
}

bool Recognizer::has_key(std::uint32_t keys, std::uint32_t low, std::uint32_t high) const {
  const std::vector<std::uint64_t>& set = key_sets_[keys];
  return std::binary_search(set.begin(), set.end(), std::uint64_t{high} << 32 | low);
}

GrammarState Recognizer::advance(GrammarState state, std::uint8_t byte) {
  const std::uint64_t key = std::uint64_t{state} << 8 | byte;
  if (const auto known = steps_.find(key); known != steps_.end()) return known->second;
  Stacks next;
  const Stacks from = states_[state].stacks;
  for (const Stack stack : from) step(stack, byte, next);
  return steps_[key] = intern(std::move(next));
}

GrammarState Recognizer::advance(GrammarState state, std::string_view bytes) {
  for (const char byte : bytes) {
    if (state == kDeadState) break;
    state = advance(state, static_cast<std::uint8_t>(byte));
  }
  return state;
}

std::string Recognizer::forced_bytes(GrammarState state, std::size_t bytes_max) {
  std::string result;
  while (result.size() < bytes_max && state != kDeadState && !can_end(state)) {
    GrammarState only = kDeadState;
    int count = 0;
    char forced = 0;
    for (int byte = 0; byte < 256 && count < 2; ++byte) {
      const GrammarState next = advance(state, static_cast<std::uint8_t>(byte));
      if (next == kDeadState) continue;
      only = next;
      forced = static_cast<char>(byte);
      ++count;
    }
    if (count != 1) break;
    result += forced;
    state = only;
  }
  return result;
}

GrammarState Recognizer::changed_tops(GrammarState state, const std::function<void(GrammarFrame&)>& change) {
  Stacks stacks = states_[state].stacks;
  for (Stack& stack : stacks) {
    if (stack == 0) continue;
    GrammarFrame frame = frames_[stack];
    change(frame);
    stack = push(frame, frame.below);
  }
  return intern(std::move(stacks));
}

GrammarState Recognizer::alone(const GrammarFrame& top) {
  return intern({push(top, top.below)});
}

GrammarState Recognizer::together(std::vector<std::uint32_t> stacks) {
  return intern(std::move(stacks));
}

std::size_t Recognizer::memory_bytes() const {
  std::size_t stacks = 0;
  stacks += states_.size() * 100;  // a state has few stacks
  return frames_.size() * 2 * (sizeof(GrammarFrame) + 16) + stacks + steps_.size() * 32 + key_sets_.size() * 100;
}

GrammarState Recognizer::adopt(const Recognizer& other, GrammarState state) {
  std::unordered_map<Stack, Stack> moved{{0, 0}};
  Stacks adopted;
  for (const Stack stack : other.states_[state].stacks) {
    std::vector<Stack> path;
    for (Stack at = stack; !moved.contains(at); at = other.frames_[at].below) path.push_back(at);
    for (auto at = path.rbegin(); at != path.rend(); ++at) {
      GrammarFrame frame = other.frames_[*at];
      if (frame.kind == Kind::kObject) {
        frame.a = intern_bits(other.bits_[frame.a]);
        const auto [set, is_new] =
            key_set_index_.try_emplace(other.key_sets_[frame.d], static_cast<std::uint32_t>(key_sets_.size()));
        if (is_new) key_sets_.push_back(other.key_sets_[frame.d]);
        frame.d = set->second;
      }
      if (frame.kind == Kind::kKey) frame.b = intern_bits(other.bits_[frame.b]);
      if (frame.kind == Kind::kAnyOrder) frame.a = intern_bits(other.bits_[frame.a]);
      moved[*at] = push(frame, moved.at(frame.below));
    }
    adopted.push_back(moved.at(stack));
  }
  return intern(std::move(adopted));
}

// Follows what needs no byte: calls of rules, their ends, and the ends of what may be complete without a sign of it.
void Recognizer::settle(Stack stack, Stacks& out) {
  entered_.clear();
  settle(stack, out, 0);
}

void Recognizer::settle(Stack stack, Stacks& out, int depth) {
  if (std::find(out.begin(), out.end(), stack) != out.end()) return;
  const GrammarFrame frame = frames_[stack];
  if (frame.depth > kDepthMax || depth > kSettleDepthMax) return;
  if (frame.kind == Kind::kNumber) {
    out.push_back(stack);
    if (grammar_->numbers[frame.index].accepting[frame.a]) settle(frame.below, out, depth + 1);
    return;
  }
  if (frame.kind == Kind::kTerminal) {
    if (terminal_may_go_on(*grammar_, frame)) out.push_back(stack);
    if (terminal_may_end(*grammar_, frame)) settle(frame.below, out, depth + 1);
    return;
  }
  if (frame.kind == Kind::kAnyOrder) return settle_any_order(frame, out, depth);
  if (frame.kind != Kind::kRule) {
    out.push_back(stack);
    return;
  }
  if (std::find(entered_.begin(), entered_.end(), stack) != entered_.end()) return;
  entered_.push_back(stack);
  const Grammar::Place& place = grammar_->places[frame.index];
  if (place.may_end) settle(frame.below, out, depth + 1);
  for (const Grammar::Place::Call& call : place.calls) {
    // Where nothing follows, the place need not be returned to.
    const Grammar::Place& target = grammar_->places[call.target];
    Stack below = frame.below;
    if (!target.calls.empty()) {
      GrammarFrame after;
      after.kind = Kind::kRule;
      after.index = call.target;
      below = push(after, frame.below);
    }
    settle_call(call, below, out, depth);
  }
}

void Recognizer::settle_call(const Grammar::Place::Call& call, Stack below, Stacks& out, int depth) {
  GrammarFrame next;
  if (call.rule != Grammar::kNone) {
    next.kind = Kind::kRule;
    next.index = call.rule;
  } else if (call.value != Grammar::kNone) {
    next.kind = Kind::kValue;
    next.index = call.value;
    next.space = kNoSpace;
  } else if (call.any_order != Grammar::kNone) {
    next.kind = Kind::kAnyOrder;
    next.index = call.any_order;
    next.a = intern_bits(BitSet(grammar_->any_orders[call.any_order].parts.size()));
  } else {
    next.kind = Kind::kTerminal;
    next.index = call.terminal;
  }
  settle(push(next, below), out, depth + 1);
}

void Recognizer::settle_any_order(const GrammarFrame& frame, Stacks& out, int depth) {
  const Grammar::AnyOrder& any_order = grammar_->any_orders[frame.index];
  const std::vector<Grammar::AnyOrder::Part>& parts = any_order.parts;
  const BitSet come = bits_[frame.a];
  GrammarFrame separator;
  separator.kind = Kind::kRule;
  separator.index = any_order.separator;
  bool may_end = true;
  for (std::size_t i = 0; i < parts.size(); ++i) may_end = may_end && (!parts[i].required || come.test(i));
  if (may_end) settle(frame.below, out, depth + 1);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (come.test(i) && !parts[i].repeats) continue;
    BitSet with = come;
    with.set(i);
    GrammarFrame after = frame, next;
    after.a = intern_bits(with);
    next.kind = Kind::kRule;
    next.index = parts[i].rule;
    Stack begun = push(next, push(after, frame.below));
    if (separator.index != Grammar::kNone && come.any()) begun = push(separator, begun);
    settle(begun, out, depth + 1);
  }
}

void Recognizer::step(Stack stack, std::uint8_t byte, Stacks& out) {
  const GrammarFrame frame = frames_[stack];
  switch (frame.kind) {
    case Kind::kValue:
      return step_value(frame, byte, out);
    case Kind::kWord:
      return step_word(frame, byte, out);
    case Kind::kText:
      return step_text(frame, byte, out);
    case Kind::kNumber:
      return step_number(frame, byte, out);
    case Kind::kTerminal:
      return step_terminal(frame, byte, out);
    case Kind::kArray:
      return step_array(frame, byte, out);
    case Kind::kObject:
      return step_object(frame, byte, out);
    case Kind::kKey:
      return step_key(frame, byte, out);
    case Kind::kBottom:
    case Kind::kRule:
    case Kind::kAnyOrder:
      return;
  }
}

bool Recognizer::step_space(const GrammarFrame& frame, std::uint8_t byte, Stacks& out) {
  if (!is_space(byte)) return false;
  if (frame.space == kNoSpace) return true;
  GrammarFrame next = frame;
  next.space = space_after(frame.space, byte, grammar_->line_breaks);
  if (next.space != kNoSpace) out.push_back(push(next, frame.below));
  return true;
}

void Recognizer::step_value(const GrammarFrame& frame, std::uint8_t byte, Stacks& out) {
  if (step_space(frame, byte, out)) return;
  const Grammar::Value& value = grammar_->values[frame.index];
  const auto begin = [&](Kind kind, std::uint32_t index) {
    GrammarFrame next;
    next.kind = kind;
    next.index = index;
    return next;
  };
  if (byte == '"') {
    for (const std::uint32_t text : value.texts) out.push_back(push(begin(Kind::kText, text), frame.below));
  } else if (byte == '[') {
    for (const std::uint32_t array : value.arrays) out.push_back(push(begin(Kind::kArray, array), frame.below));
  } else if (byte == '{') {
    for (const std::uint32_t index : value.objects) {
      const Grammar::Object& object = grammar_->objects[index];
      GrammarFrame next = begin(Kind::kObject, index);
      next.a = intern_bits(BitSet(object.kinds.size()));
      next.b = object.demands;
      out.push_back(push(next, frame.below));
    }
  } else if (byte == 'n' || byte == 't' || byte == 'f') {
    const bool allowed = byte == 'n' ? value.null : byte == 't' ? value.yes : value.no;
    GrammarFrame next = begin(Kind::kWord, byte == 'n' ? 0 : byte == 't' ? 1 : 2);
    next.a = 1;
    if (allowed) out.push_back(push(next, frame.below));
  } else {
    for (const std::uint32_t number : value.numbers) {
      GrammarFrame next = begin(Kind::kNumber, number);
      next.below = frame.below;
      step_number(next, byte, out);
    }
  }
}

void Recognizer::step_word(const GrammarFrame& frame, std::uint8_t byte, Stacks& out) {
  const std::string_view word = kWords[frame.index];
  if (byte != static_cast<std::uint8_t>(word[frame.a])) return;
  if (frame.a + 1 == word.size()) return settle(frame.below, out);
  GrammarFrame next = frame;
  ++next.a;
  out.push_back(push(next, frame.below));
}

void Recognizer::step_number(const GrammarFrame& frame, std::uint8_t byte, Stacks& out) {
  const std::uint32_t symbol = number_byte(byte);
  GrammarFrame next = frame;
  next.a = grammar_->numbers[frame.index].next[frame.a][symbol];
  if (next.a != ByteDfa::kDead) settle(push(next, frame.below), out);
}

void Recognizer::step_terminal(const GrammarFrame& frame, std::uint8_t byte, Stacks& out) {
  GrammarFrame next = frame;
  if (step_in_terminal(*grammar_, next, byte)) settle(push(next, frame.below), out);
}

bool step_in_terminal(const Grammar& grammar, GrammarFrame& frame, std::uint8_t byte) {
  const CharDfa& dfa = grammar.dfas[frame.index];
  const CharReading reading = read_utf8(frame.c, byte);
  frame.c = reading.partial;
  if (reading.kind == CharReading::Kind::kInvalid) return false;
  if (reading.kind != CharReading::Kind::kCharacter) {
    return dfa.any_between(frame.a, reading.ranges[0].first, reading.ranges[0].last);
  }
  frame.a = dfa.next(frame.a, reading.character);
  return frame.a != CharDfa::kDead;
}

bool terminal_may_end(const Grammar& grammar, const GrammarFrame& frame) {
  return frame.c == 0 && grammar.dfas[frame.index].accepting[frame.a] != 0;
}

bool text_may_end(const Grammar& grammar, const GrammarFrame& frame) {
  const Grammar::Text& text = grammar.texts[frame.index];
  return frame.c == 0 && grammar.dfas[text.dfa].accepting[frame.a] && frame.b >= text.min;
}

bool step_in_text(const Grammar& grammar, GrammarFrame& frame, std::uint8_t byte) {
  const Grammar::Text& text = grammar.texts[frame.index];
  const CharDfa& dfa = grammar.dfas[text.dfa];
  const CharReading reading = read_json_char(frame.c, byte);
  frame.c = reading.partial;
  // A character more; of a count that is bounded below only, no more is kept than the bound needs.
  const std::uint32_t count = text.max != kUnbounded ? frame.b + 1 : std::min(frame.b + 1, text.min);
  const auto fits = [&](std::uint32_t state) {
    if (text.max != kUnbounded && (count > text.max || dfa.shortest[state] > text.max - count)) return false;
    return dfa.longest[state] == kUnbounded || count + dfa.longest[state] >= text.min;
  };
  if (reading.kind == CharReading::Kind::kCharacter) {
    frame.a = dfa.next(frame.a, reading.character);
    frame.b = count;
    return frame.a != CharDfa::kDead && fits(frame.a);
  }
  if (reading.kind == CharReading::Kind::kInvalid) return false;
  for (std::size_t i = 0; i < reading.range_count; ++i) {
    for (const CharDfa::Edge& edge : dfa.edges_of(frame.a)) {
      if (edge.last < reading.ranges[i].first || edge.first > reading.ranges[i].last) continue;
      if (fits(edge.target)) return true;
    }
  }
  return false;
}

GrammarState Recognizer::below(const GrammarFrame& frame) {
  Stacks stacks;
  settle(frame.below, stacks);
  return intern(std::move(stacks));
}

void Recognizer::step_text(const GrammarFrame& frame, std::uint8_t byte, Stacks& out) {
  if (byte == '"' && frame.c == 0) {
    if (text_may_end(*grammar_, frame)) settle(frame.below, out);
    return;
  }
  GrammarFrame next = frame;
  if (step_in_text(*grammar_, next, byte)) out.push_back(push(next, frame.below));
}

void Recognizer::step_array(const GrammarFrame& frame, std::uint8_t byte, Stacks& out) {
  const Grammar::Array::State& state = grammar_->arrays[frame.index].states[frame.a];
  const bool closes = state.may_end && frame.phase != kComma;
  if (frame.phase == kAfter) {
    if (byte == ']' && closes) return settle(frame.below, out);
    if (is_space(byte) && closes) step_space(frame, byte, out);
    if (byte != ',' || frame.space != 0 || state.items.empty()) return;
    GrammarFrame next = frame;
    next.phase = kComma;
    out.push_back(push(next, frame.below));
    return;
  }
  if (step_space(frame, byte, out)) return;
  if (byte == ']' && closes) return settle(frame.below, out);
  for (const Grammar::Array::Item& item : state.items) {
    GrammarFrame after = frame;
    after.phase = kAfter;
    after.space = 0;
    after.a = item.target;
    GrammarFrame value;
    value.kind = Kind::kValue;
    value.index = item.value;
    value.space = kNoSpace;
    value.below = push(after, frame.below);
    if (frames_[value.below].depth < kDepthMax) step_value(value, byte, out);
  }
}

ObjectProgress Recognizer::progress(const GrammarFrame& frame) const {
  return {bits_[frame.a], frame.b, frame.c};
}

std::uint32_t Recognizer::allowed(const GrammarFrame& frame) {
  const std::array<std::uint32_t, 5> key{frame.index, frame.a, frame.b, frame.c, 0};
  const auto known = allowed_.find(key);
  if (known != allowed_.end()) return known->second;
  const std::uint32_t bits = intern_bits(allowed_kinds(grammar_->objects[frame.index], progress(frame)));
  allowed_[key] = bits;
  return bits;
}

void Recognizer::begin_key(const GrammarFrame& frame, Stacks& out) {
  GrammarFrame key;
  key.kind = Kind::kKey;
  key.index = frame.index;
  key.b = allowed(frame);
  if (!bits_[key.b].any()) return;
  GrammarFrame object = frame;
  object.space = 0;
  out.push_back(push(key, push(object, frame.below)));
}

void Recognizer::step_object(const GrammarFrame& frame, std::uint8_t byte, Stacks& out) {
  const Grammar::Object& object = grammar_->objects[frame.index];
  if (frame.phase == kColon) {
    if (byte != ':') return;
    GrammarFrame after = frame, value;
    after.phase = kAfter;
    after.e = 0;
    value.kind = Kind::kValue;
    value.index = frame.e;
    const Stack below = push(after, frame.below);
    if (frames_[below].depth < kDepthMax) out.push_back(push(value, below));
    return;
  }
  const bool closes = frame.phase != kComma && may_end(object, progress(frame));
  if (byte == '}') {
    if (closes) settle(frame.below, out);
    return;
  }
  if (frame.phase == kAfter) {
    if (is_space(byte) && closes) step_space(frame, byte, out);
    if (byte != ',' || frame.space != 0 || !bits_[allowed(frame)].any()) return;
    GrammarFrame next = frame;
    next.phase = kComma;
    out.push_back(push(next, frame.below));
    return;
  }
  if (step_space(frame, byte, out)) return;
  if (byte == '"') begin_key(frame, out);
}

void step_over(const Grammar::Object& object, GrammarFrame& key, char32_t character) {
  key.a = object.keys.dfa.next(key.a, character);
  if (!object.remembers_keys) return;
  const std::uint64_t hash = mixed(std::uint64_t{key.e} << 32 | key.d, character);
  key.d = static_cast<std::uint32_t>(hash);
  key.e = static_cast<std::uint32_t>(hash >> 32);
}

bool step_in_key(const Grammar& grammar, const BitSet& allowed, GrammarFrame& frame, std::uint8_t byte) {
  const Grammar::Object& object = grammar.objects[frame.index];
  const CharReading reading = read_json_char(frame.c, byte);
  frame.c = reading.partial;
  const auto leads_on = [&](std::uint32_t state) { return object.reachable[state].intersects(allowed); };
  if (reading.kind == CharReading::Kind::kCharacter) {
    step_over(object, frame, reading.character);
    return leads_on(frame.a);
  }
  if (reading.kind == CharReading::Kind::kInvalid) return false;
  for (std::size_t i = 0; i < reading.range_count; ++i) {
    for (const CharDfa::Edge& edge : object.keys.dfa.edges_of(frame.a)) {
      if (edge.last < reading.ranges[i].first || edge.first > reading.ranges[i].last) continue;
      if (leads_on(edge.target)) return true;
    }
  }
  return false;
}

bool Recognizer::is_used(const GrammarFrame& key) const {
  const Grammar::Object& object = grammar_->objects[key.index];
  const bool remembered = object.remembers_keys && !object.kinds[object.keys.kind_of[key.a]].named;
  return remembered && has_key(frames_[key.below].d, key.d, key.e);
}

void Recognizer::step_key(const GrammarFrame& frame, std::uint8_t byte, Stacks& out) {
  if (byte == '"' && frame.c == 0) return end_key(frame, out);
  GrammarFrame next = frame;
  if (step_in_key(*grammar_, bits_[frame.b], next, byte)) out.push_back(push(next, frame.below));
}

// The choices that a finished key leaves: which demands its property meets.
void Recognizer::end_key(const GrammarFrame& frame, Stacks& out) {
  const Grammar::Object& object = grammar_->objects[frame.index];
  const std::uint32_t kind_index = object.keys.kind_of[frame.a];
  if (!bits_[frame.b].test(kind_index)) return;
  const Grammar::Object::Kind& kind = object.kinds[kind_index];
  const GrammarFrame below = frames_[frame.below];
  const bool remembered = object.remembers_keys && !kind.named;
  if (is_used(frame)) return;
  const std::uint32_t keys = remembered ? with_key(below.d, frame.d, frame.e) : below.d;
  const ObjectProgress before = progress(below);
  for (const Grammar::Object::Choice& choice : kind.choices) {
    // What is met already need not be met again.
    if ((choice.fulfils & ~before.pending) != 0) continue;
    const ObjectProgress after = advanced(object, before, kind_index, choice.fulfils);
    if (!completable(object, after)) continue;
    GrammarFrame next = below;
    next.phase = kColon;
    next.a = intern_bits(after.seen);
    next.b = after.pending;
    next.c = after.count;
    next.d = keys;
    next.e = choice.value;
    out.push_back(push(next, below.below));
  }
}

}  // namespace hearth
