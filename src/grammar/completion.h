// Whether what was begun can be completed: which values there are at all, which properties an object still needs and
// may still have. A recognizer that asks never leads into a dead end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "grammar/grammar.h"

namespace hearth {

// How far an object has come.
struct ObjectProgress {
  BitSet seen;                // kinds with a name whose key has come
  std::uint32_t pending = 0;  // demands that no property has met yet
  std::uint32_t count = 0;    // properties
};

// Whether properties can follow so that the object may end.
bool completable(const Grammar::Object& object, const ObjectProgress& progress);
bool may_end(const Grammar::Object& object, const ObjectProgress& progress);
// The kinds of the keys that may come next.
BitSet allowed_kinds(const Grammar::Object& object, const ObjectProgress& progress);
ObjectProgress advanced(const Grammar::Object& object, ObjectProgress progress, std::uint32_t kind,
                        std::uint32_t fulfils);

// Fills in what follows from `keys` and `kinds`.
void finish_keys(Grammar::Object& object);
// Takes out every choice that leads to no complete value.
void prune(Grammar& grammar);
// The texts of a language that has at most `count_max`; none where it has more.
std::vector<std::string> listed_texts(const CharDfa& dfa, std::size_t count_max);

}  // namespace hearth
