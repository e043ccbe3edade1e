// What a schema allows, apart by type: for each type a list of alternatives, each of which says everything that holds
// of a value. Schemas are combined as such forms (allOf intersects, anyOf unites), and references to the schemas of
// parts stay references (`Claim`), so that recursion needs nothing special.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "grammar/expressions.h"
#include "grammar/number_set.h"

namespace hearth {

// A schema that a value must meet, or must not: an index that the compiler hands out.
using Claim = std::uint32_t;
inline constexpr Claim kAnything = 0;
inline constexpr Claim kNothing = 1;

// Some of an object's keys.
struct KeySelector {
  bool others = false;  // all keys but these
  std::vector<std::string> names;
  std::vector<Expression> languages;
  bool operator==(const KeySelector&) const = default;
};
KeySelector one_key(std::string name);
KeySelector keys_in(Expression language);
KeySelector all_keys();

struct TextForm {
  Expression language = kAnyText;
  std::uint32_t min = 0, max = kUnbounded;  // characters
  bool operator==(const TextForm&) const = default;
};

struct ArrayForm {
  struct Items {  // those from one index to before another
    std::uint32_t from, to;
    Claim claim;
    bool operator==(const Items&) const = default;
  };
  struct Contains {  // how many of those meet a claim
    std::uint32_t from, to;
    Claim claim;
    std::uint32_t min, max;
    bool operator==(const Contains&) const = default;
  };
  std::vector<Items> items;
  std::vector<Contains> contains;
  std::uint32_t min = 0, max = kUnbounded;
  bool unique = false;
  // Those that a keyword has looked at, for unevaluatedItems: the first ones, and what meets one of the claims.
  std::uint32_t seen = 0;
  std::vector<Claim> seen_claims;
  bool operator==(const ArrayForm&) const = default;
};

struct ObjectForm {
  struct Property {
    KeySelector keys;
    Claim claim;
    bool operator==(const Property&) const = default;
  };
  std::vector<Property> all;     // every property with such a key meets the claim
  std::vector<Property> exists;  // there is one with such a key that does
  std::uint32_t min = 0, max = kUnbounded;
  // The keys that a keyword has looked at, for unevaluatedProperties; `others` where that is every key.
  KeySelector seen;
  bool operator==(const ObjectForm&) const = default;
};

struct NormalForm {
  bool null = false, yes = false, no = false;
  std::vector<TextForm> texts;
  std::vector<NumberSet> numbers;
  std::vector<ArrayForm> arrays;
  std::vector<ObjectForm> objects;

  bool empty() const {
    return !null && !yes && !no && texts.empty() && numbers.empty() && arrays.empty() && objects.empty();
  }
};

NormalForm everything();
// The alternatives of a list grow with every combination; past a limit this throws Unsupported.
NormalForm intersection(Expressions& expressions, const NormalForm& a, const NormalForm& b);
void unite(Expressions& expressions, NormalForm& form, NormalForm other);
// Takes away what says which parts were looked at.
void forget_seen(NormalForm& form);

}  // namespace hearth
