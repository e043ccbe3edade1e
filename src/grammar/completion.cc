#include "grammar/completion.h"

#include <algorithm>

#include "base/utf8.h"

namespace hearth {
namespace {

// Kinds with a name that have not come yet and could.
std::size_t names_left(const Grammar::Object& object, const ObjectProgress& progress) {
  std::size_t count = 0;
  for (std::size_t kind = 0; kind < object.kinds.size(); ++kind) {
    if (object.kinds[kind].named && !object.kinds[kind].choices.empty() && !progress.seen.test(kind)) ++count;
  }
  return count;
}

bool has_more_keys(const Grammar::Object& object) {
  return std::any_of(object.kinds.begin(), object.kinds.end(),
                     [](const Grammar::Object::Kind& kind) { return !kind.named && !kind.choices.empty(); });
}

bool demands_nothing_more(const Grammar::Object& object, const ObjectProgress& progress) {
  const BitSet missing = object.required.without(progress.seen);
  for (std::size_t kind = 0; kind < object.kinds.size(); ++kind) {
    if (missing.test(kind) && object.kinds[kind].choices.empty()) return false;
  }
  if (object.max != kUnbounded && progress.count + missing.count() > object.max) return false;
  if (progress.count >= object.min || has_more_keys(object)) return true;
  return progress.count + names_left(object, progress) >= object.min;
}

bool is_productive(const Grammar::Value& value) {
  return value.null || value.yes || value.no || !value.texts.empty() || !value.numbers.empty();
}

// Whether an array of values that are known to exist can end; `live` is filled with its states from which it can.
bool can_end(const Grammar::Array& array, const std::vector<bool>& productive, std::vector<bool>& live) {
  live.assign(array.states.size(), false);
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t state = array.states.size(); state-- > 0;) {
      if (live[state]) continue;
      const Grammar::Array::State& from = array.states[state];
      live[state] = from.may_end || std::any_of(from.items.begin(), from.items.end(), [&](const auto& item) {
                      return productive[item.value] && live[item.target];
                    });
      changed = changed || live[state];
    }
  }
  return live[0];
}

Grammar::Object with_productive(const Grammar::Object& object, const std::vector<bool>& productive) {
  Grammar::Object result;
  result.required = object.required;
  result.demands = object.demands;
  result.min = object.min;
  result.max = object.max;
  result.kinds = object.kinds;
  for (Grammar::Object::Kind& kind : result.kinds) {
    std::erase_if(kind.choices, [&](const Grammar::Object::Choice& choice) { return !productive[choice.value]; });
  }
  return result;
}

std::vector<bool> productive_values(const Grammar& grammar) {
  std::vector<bool> productive(grammar.values.size());
  std::vector<bool> live;
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t i = grammar.values.size(); i-- > 0;) {
      if (productive[i]) continue;
      const Grammar::Value& value = grammar.values[i];
      productive[i] =
          is_productive(value) ||
          std::any_of(value.arrays.begin(), value.arrays.end(),
                      [&](std::uint32_t array) { return can_end(grammar.arrays[array], productive, live); }) ||
          std::any_of(value.objects.begin(), value.objects.end(), [&](std::uint32_t object) {
            const Grammar::Object usable = with_productive(grammar.objects[object], productive);
            return completable(usable, {{}, usable.demands, 0});
          });
      changed = changed || productive[i];
    }
  }
  return productive;
}

// Tries every property that meets the first demand. A search without end counts as a success, which at worst leads a
// writer into a dead end.
bool can_complete(const Grammar::Object& object, const ObjectProgress& progress, std::size_t& steps) {
  constexpr std::size_t kStepsMax = 10000;
  if (progress.pending == 0 || ++steps > kStepsMax) return demands_nothing_more(object, progress);
  if (object.max != kUnbounded && progress.count >= object.max) return false;
  const std::uint32_t first = progress.pending & (~progress.pending + 1);
  for (std::uint32_t kind = 0; kind < object.kinds.size(); ++kind) {
    if ((object.kinds[kind].matches & first) == 0 || progress.seen.test(kind)) continue;
    for (const Grammar::Object::Choice& choice : object.kinds[kind].choices) {
      if ((choice.fulfils & first) == 0) continue;
      if (can_complete(object, advanced(object, progress, kind, choice.fulfils), steps)) return true;
    }
  }
  return false;
}

}  // namespace

ObjectProgress advanced(const Grammar::Object& object, ObjectProgress progress, std::uint32_t kind,
                        std::uint32_t fulfils) {
  if (object.kinds[kind].named) progress.seen.set(kind);
  progress.pending &= ~fulfils;
  // Beyond the bounds, a count does not matter.
  const std::uint32_t most = object.max != kUnbounded ? object.max : object.min;
  progress.count = std::min(progress.count + 1, most);
  return progress;
}

bool may_end(const Grammar::Object& object, const ObjectProgress& progress) {
  return progress.pending == 0 && progress.count >= object.min && !object.required.without(progress.seen).any();
}

bool completable(const Grammar::Object& object, const ObjectProgress& progress) {
  std::size_t steps = 0;
  return can_complete(object, progress, steps);
}

BitSet allowed_kinds(const Grammar::Object& object, const ObjectProgress& progress) {
  BitSet result(object.kinds.size());
  if (object.max != kUnbounded && progress.count >= object.max) return result;
  for (std::uint32_t kind = 0; kind < object.kinds.size(); ++kind) {
    if (progress.seen.test(kind)) continue;
    for (const Grammar::Object::Choice& choice : object.kinds[kind].choices) {
      if (!completable(object, advanced(object, progress, kind, choice.fulfils))) continue;
      result.set(kind);
      break;
    }
  }
  return result;
}

void finish_keys(Grammar::Object& object) {
  const CharDfa& dfa = object.keys.dfa;
  object.reachable.assign(dfa.states(), BitSet(object.kinds.size()));
  for (std::size_t state = 0; state < dfa.states(); ++state) object.reachable[state].set(object.keys.kind_of[state]);
  for (bool changed = true; changed;) {
    changed = false;
    for (std::uint32_t state = static_cast<std::uint32_t>(dfa.states()); state-- > 0;) {
      for (const CharDfa::Edge& edge : dfa.edges_of(state)) {
        if (object.reachable[state].unite(object.reachable[edge.target])) changed = true;
      }
    }
  }
  for (std::uint32_t state = 0; state < dfa.states() && object.sink == Grammar::kNone; ++state) {
    if (!dfa.takes_everything(state)) continue;
    const std::uint32_t kind = object.keys.kind_of[state];
    const bool everywhere = std::all_of(object.reachable.begin(), object.reachable.end(),
                                        [&](const BitSet& kinds) { return kinds.test(kind); });
    if (everywhere && !object.kinds[kind].named) object.sink = state;
  }
}

void prune(Grammar& grammar) {
  const std::vector<bool> productive = productive_values(grammar);
  std::vector<bool> live, array_lives(grammar.arrays.size()), object_lives(grammar.objects.size());
  for (std::size_t i = 0; i < grammar.arrays.size(); ++i) {
    Grammar::Array& array = grammar.arrays[i];
    array_lives[i] = can_end(array, productive, live);
    for (Grammar::Array::State& state : array.states) {
      std::erase_if(state.items,
                    [&](const Grammar::Array::Item& item) { return !productive[item.value] || !live[item.target]; });
    }
  }
  for (std::size_t i = 0; i < grammar.objects.size(); ++i) {
    Grammar::Object& object = grammar.objects[i];
    object.kinds = with_productive(object, productive).kinds;
    object_lives[i] = completable(object, {{}, object.demands, 0});
  }
  for (Grammar::Value& value : grammar.values) {
    std::erase_if(value.arrays, [&](std::uint32_t array) { return !array_lives[array]; });
    std::erase_if(value.objects, [&](std::uint32_t object) { return !object_lives[object]; });
  }
}

std::vector<std::string> listed_texts(const CharDfa& dfa, std::size_t count_max) {
  struct Open {
    std::uint32_t state;
    std::string text;
  };
  std::vector<std::string> result;
  if (dfa.states() == 0 || dfa.longest[0] == kUnbounded) return result;
  std::vector<Open> open{{0, ""}};
  while (!open.empty()) {
    const Open next = std::move(open.back());
    open.pop_back();
    if (dfa.accepting[next.state]) result.push_back(next.text);
    for (const CharDfa::Edge& edge : dfa.edges_of(next.state)) {
      if (edge.last - edge.first >= count_max) return {};
      for (char32_t c = edge.first; c <= edge.last; ++c) open.push_back({edge.target, next.text + to_utf8(c)});
    }
    if (result.size() + open.size() > count_max) return {};
  }
  return result;
}

}  // namespace hearth
