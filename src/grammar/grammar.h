// A compiled grammar: immutable tables that any number of recognizers (recognizer.h) read. Of JSON, what a value, an
// array, an object may be; of other grammars, rules; and the automata of the texts and numbers within them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "grammar/bit_set.h"
#include "grammar/char_dfa.h"
#include "grammar/number_set.h"

namespace hearth {

struct Grammar {
  static constexpr std::uint32_t kNone = 0xffffffff;

  // The characters of a JSON string, decoded.
  struct Text {
    std::uint32_t dfa;
    std::uint32_t min, max;  // characters
  };

  // All that may stand where a value is expected: indices into the tables below.
  struct Value {
    bool null = false, yes = false, no = false;
    std::vector<std::uint32_t> texts, numbers, arrays, objects;
  };

  // The items of an array as an automaton whose transitions are values; it begins in state 0.
  struct Array {
    struct Item {
      std::uint32_t value;
      std::uint32_t target;
    };
    struct State {
      bool may_end;
      std::vector<Item> items;
    };
    std::vector<State> states;
    bool unique = false;  // no two items are equal
  };

  // The properties of an object in any order. Keys of one kind are treated alike; a kind with a name is one key.
  struct Object {
    struct Choice {
      std::uint32_t fulfils;  // which demands the property meets, as bits
      std::uint32_t value;
    };
    struct Kind {
      bool named = false;
      bool required = false;
      std::vector<Choice> choices;  // empty: there is no such property
      std::uint32_t matches = 0;    // the demands that a property with such a key could meet
    };
    KeyClassifier keys;
    std::vector<BitSet> reachable;  // [states of keys]: the kinds of the keys that go on from there
    std::vector<Kind> kinds;
    BitSet required;            // kinds
    std::uint32_t demands = 0;  // bits: there must be a property that meets each
    std::uint32_t min = 0, max = kUnbounded;
    bool remembers_keys = false;  // keys of kinds without a name may not come twice
    // A state of `keys` that every text leads to in the end, and stays in; kNone if there is none.
    std::uint32_t sink = kNone;
  };

  // A place within a rule of a context-free grammar.
  struct Place {
    struct Call {
      std::uint32_t rule;               // a place: the rule's beginning; kNone: a terminal
      std::uint32_t target;             // where it goes on
      std::uint32_t terminal = kNone;   // a text without quotes, indices of dfas
      std::uint32_t value = kNone;      // or a JSON value
      std::uint32_t any_order = kNone;  // or one of `any_orders`
    };
    std::vector<Call> calls;
    bool may_end = false;
  };

  // Rules that follow each other in any order.
  struct AnyOrder {
    struct Part {
      std::uint32_t rule;  // a place
      bool required;       // it must come
      bool repeats;        // it may come again
    };
    std::vector<Part> parts;
    std::uint32_t separator = kNone;  // a place: what stands between two of them
  };

  std::vector<CharDfa> dfas;
  std::vector<Text> texts;
  std::vector<ByteDfa> numbers;
  std::vector<Value> values;
  std::vector<Array> arrays;
  std::vector<Object> objects;
  std::vector<Place> places;
  std::vector<AnyOrder> any_orders;

  // Where it begins: a value, or a place.
  std::uint32_t root_value = kNone;
  std::uint32_t root_place = kNone;
  bool line_breaks = true;
};

}  // namespace hearth
