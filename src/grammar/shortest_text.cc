#include "grammar/shortest_text.h"

#include <algorithm>
#include <string_view>

namespace hearth {
namespace {

using Kind = GrammarFrame::Kind;

constexpr std::uint32_t kNever = ShortestTexts::kNever;
constexpr std::uint32_t kWordLengths[] = {4, 4, 5};  // null, true, false

std::uint32_t sum(std::uint32_t a, std::uint32_t b) {
  return std::min(a + b, kNever);
}

// Sets `shortest` to less, if it is; whether it was.
bool improve(std::uint32_t& shortest, std::uint32_t candidate) {
  if (candidate >= shortest) return false;
  shortest = candidate;
  return true;
}

std::vector<std::uint32_t> shortest_numbers(const ByteDfa& dfa) {
  std::vector<std::uint32_t> result(dfa.accepting.size(), kNever);
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t state = result.size(); state-- > 0;) {
      if (dfa.accepting[state] != 0) changed = improve(result[state], 0) || changed;
      for (const std::uint32_t next : dfa.next[state]) {
        if (next != ByteDfa::kDead) changed = improve(result[state], sum(result[next], 1)) || changed;
      }
    }
  }
  return result;
}

// The characters of the shortest rest of a key of each kind, from a state of its automaton.
std::vector<std::uint32_t> shortest_keys(const Grammar::Object& object, std::uint32_t from) {
  const CharDfa& dfa = object.keys.dfa;
  std::vector<std::uint32_t> result(object.kinds.size(), kNever), at{from}, distance(dfa.states(), kNever);
  if (from >= distance.size()) return result;
  distance[from] = 0;
  for (std::size_t i = 0; i < at.size(); ++i) {
    const std::uint32_t state = at[i];
    improve(result[object.keys.kind_of[state]], distance[state]);
    for (const CharDfa::Edge& edge : dfa.edges_of(state)) {
      if (improve(distance[edge.target], distance[state] + 1)) at.push_back(edge.target);
    }
  }
  return result;
}

}  // namespace

ShortestTexts::ShortestTexts(const Recognizer& recognizer) : recognizer_(recognizer), grammar_(recognizer.grammar()) {
  for (const ByteDfa& dfa : grammar_.numbers) numbers_.push_back(shortest_numbers(dfa));
  for (const Grammar::Object& object : grammar_.objects) keys_.push_back(shortest_keys(object, 0));
  values_.assign(grammar_.values.size(), kNever);
  places_.assign(grammar_.places.size(), kNever);
  for (const Grammar::Array& array : grammar_.arrays) arrays_.emplace_back(array.states.size(), kNever);
  constexpr int kRoundsMax = 1000;  // each makes something shorter, and most grammars need a few
  for (int round = 0; round < kRoundsMax; ++round) {
    const bool arrays = improve_arrays(), values = improve_values(), places = improve_places();
    if (!arrays && !values && !places) return;
  }
}

bool ShortestTexts::improve_values() {
  bool changed = false;
  for (std::size_t i = values_.size(); i-- > 0;) {
    changed = improve(values_[i], of_value(grammar_.values[i])) || changed;
  }
  return changed;
}

bool ShortestTexts::improve_arrays() {
  bool changed = false;
  for (std::size_t a = 0; a < arrays_.size(); ++a) {
    const std::vector<Grammar::Array::State>& states = grammar_.arrays[a].states;
    for (std::size_t s = states.size(); s-- > 0;) {
      if (states[s].may_end) changed = improve(arrays_[a][s], 1) || changed;
      for (const Grammar::Array::Item& item : states[s].items) {
        // With a comma, which the first has not.
        const std::uint32_t rest = sum(sum(values_[item.value], arrays_[a][item.target]), 1);
        changed = improve(arrays_[a][s], rest) || changed;
      }
    }
  }
  return changed;
}

bool ShortestTexts::improve_places() {
  bool changed = false;
  for (std::size_t i = places_.size(); i-- > 0;) {
    if (grammar_.places[i].may_end) changed = improve(places_[i], 0) || changed;
    for (const Grammar::Place::Call& call : grammar_.places[i].calls) {
      changed = improve(places_[i], sum(of_call(call), places_[call.target])) || changed;
    }
  }
  return changed;
}

std::uint32_t ShortestTexts::of_call(const Grammar::Place::Call& call) const {
  if (call.rule != Grammar::kNone) return places_[call.rule];
  if (call.value != Grammar::kNone) return values_[call.value];
  if (call.any_order != Grammar::kNone) return of_any_order(grammar_.any_orders[call.any_order], {});
  const CharDfa& dfa = grammar_.dfas[call.terminal];
  return dfa.states() == 0 ? kNever : std::min(dfa.shortest[0], kNever);
}

std::uint32_t ShortestTexts::of_any_order(const Grammar::AnyOrder& any_order, const BitSet& come) const {
  std::uint32_t total = 0;
  for (std::size_t i = 0; i < any_order.parts.size(); ++i) {
    if (!any_order.parts[i].required || come.test(i)) continue;
    total = sum(total, places_[any_order.parts[i].rule]);
    if (any_order.separator != Grammar::kNone) total = sum(total, places_[any_order.separator]);
  }
  return total;
}

std::uint32_t ShortestTexts::of_text(const Grammar::Text& text, std::uint32_t state, std::uint32_t count) const {
  const CharDfa& dfa = grammar_.dfas[text.dfa];
  if (state >= dfa.states()) return kNever;
  const std::uint32_t missing = text.min > count ? text.min - count : 0;
  return sum(std::min(std::max(dfa.shortest[state], missing), kNever), 1);  // and the quote
}

std::uint32_t ShortestTexts::of_value(const Grammar::Value& value) const {
  std::uint32_t shortest = kNever;
  if (value.null || value.yes) improve(shortest, 4);
  if (value.no) improve(shortest, 5);
  for (const std::uint32_t text : value.texts) improve(shortest, sum(of_text(grammar_.texts[text], 0, 0), 1));
  for (const std::uint32_t number : value.numbers) {
    if (!numbers_[number].empty()) improve(shortest, numbers_[number][0]);
  }
  for (const std::uint32_t array : value.arrays) improve(shortest, sum(arrays_[array][0], 1));
  for (const std::uint32_t object : value.objects) {
    improve(shortest, sum(of_rest(object, {}, grammar_.objects[object].demands, 0), 1));
  }
  return shortest;
}

// Quotes, colon, comma and the value, without the key's own characters.
std::uint32_t ShortestTexts::of_property(const Grammar::Object& object, std::uint32_t kind) const {
  std::uint32_t shortest = kNever;
  for (const Grammar::Object::Choice& choice : object.kinds[kind].choices) improve(shortest, values_[choice.value]);
  return sum(shortest, 4);
}

// To an object's end: what is required, a property for each demand that is open, and as many as there must be.
std::uint32_t ShortestTexts::of_rest(std::uint32_t index, const BitSet& seen, std::uint32_t pending,
                                     std::uint32_t count) const {
  const Grammar::Object& object = grammar_.objects[index];
  std::uint32_t total = 1;
  std::uint32_t cheapest = kNever;
  for (std::uint32_t kind = 0; kind < object.kinds.size(); ++kind) {
    const Grammar::Object::Kind& of = object.kinds[kind];
    if (of.choices.empty() || (of.named && seen.test(kind))) continue;
    const std::uint32_t cost = sum(of_property(object, kind), keys_[index][kind]);
    if (!object.required.test(kind)) {
      improve(cheapest, cost);
      continue;
    }
    total = sum(total, cost);
    ++count;
    pending &= ~of.matches;  // most likely
  }
  for (; pending != 0; pending &= pending - 1) {
    const std::uint32_t demand = pending & (~pending + 1);
    std::uint32_t shortest = kNever;
    for (std::uint32_t kind = 0; kind < object.kinds.size(); ++kind) {
      if ((object.kinds[kind].matches & demand) == 0 || seen.test(kind)) continue;
      improve(shortest, sum(of_property(object, kind), keys_[index][kind]));
    }
    total = sum(total, shortest);
    ++count;
  }
  for (; count < object.min && total < kNever; ++count) total = sum(total, cheapest);
  return total;
}

// The rest of the cheapest property whose key it can become.
std::uint32_t ShortestTexts::of_key(const GrammarFrame& frame) {
  const Grammar::Object& object = grammar_.objects[frame.index];
  const BitSet& allowed = recognizer_.bits(frame.b);
  const GrammarFrame& below = recognizer_.frame(frame.below);
  const auto [rests, is_new] = key_rests_.try_emplace({frame.index, frame.a});
  if (is_new) rests->second = shortest_keys(object, frame.a);
  std::uint32_t shortest = kNever;
  for (std::uint32_t kind = 0; kind < object.kinds.size(); ++kind) {
    if (!allowed.test(kind) || rests->second[kind] == kNever) continue;
    // What is required counts already, in the object below.
    const bool counts = object.required.test(kind) && !recognizer_.bits(below.a).test(kind);
    improve(shortest, counts ? 0 : sum(of_property(object, kind), rests->second[kind]));
  }
  // A character that has begun may lead to other keys than those: a way that is taken where there is no other.
  constexpr std::uint32_t kDetour = 64;
  return frame.c == 0 ? shortest : sum(shortest, kDetour);
}

std::uint32_t ShortestTexts::of_frame(const GrammarFrame& frame) {
  switch (frame.kind) {
    case Kind::kBottom:
      return 0;
    case Kind::kValue:
      return values_[frame.index];
    case Kind::kWord:
      return kWordLengths[frame.index] - frame.a;
    case Kind::kText:
      return of_text(grammar_.texts[frame.index], frame.a, frame.b);
    case Kind::kNumber:
      return numbers_[frame.index][frame.a];
    case Kind::kArray:
      return arrays_[frame.index][frame.a];
    case Kind::kObject: {
      const std::uint32_t rest = of_rest(frame.index, recognizer_.bits(frame.a), frame.b, frame.c);
      return frame.e == 0 ? rest : sum(rest, sum(values_[frame.e], 1));  // behind a key, its value too
    }
    case Kind::kKey:
      return of_key(frame);
    case Kind::kRule:
      return places_[frame.index];
    case Kind::kTerminal:
      return std::min(grammar_.dfas[frame.index].shortest[frame.a], kNever);
    case Kind::kAnyOrder:
      return of_any_order(grammar_.any_orders[frame.index], recognizer_.bits(frame.a));
  }
  return kNever;
}

std::uint32_t ShortestTexts::of_stack(std::uint32_t stack) {
  constexpr std::uint32_t kUnknown = kNever + 1;
  std::vector<std::uint32_t> path;
  for (; stack != 0; stack = recognizer_.frame(stack).below) {
    if (stack >= stacks_.size()) stacks_.resize(stack + stack / 2 + 1, kUnknown);
    if (stacks_[stack] != kUnknown) break;
    path.push_back(stack);
  }
  std::uint32_t total = stack == 0 ? 0 : stacks_[stack];
  for (auto at = path.rbegin(); at != path.rend(); ++at) {
    total = sum(total, of_frame(recognizer_.frame(*at)));
    stacks_[*at] = total;
  }
  return total;
}

std::uint32_t ShortestTexts::of_top(const GrammarFrame& frame) {
  return sum(of_stack(frame.below), of_frame(frame));
}

std::uint32_t ShortestTexts::of(GrammarState state) {
  if (state == kDeadState) return kNever;
  if (recognizer_.can_end(state)) return 0;
  std::uint32_t shortest = kNever;
  for (const std::uint32_t stack : recognizer_.stacks(state)) improve(shortest, of_stack(stack));
  return shortest;
}

}  // namespace hearth
