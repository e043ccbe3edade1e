// Deterministic automata over code points, made from expressions. How a code point is spelled in bytes (UTF-8, JSON's
// escapes) is not their concern (char_reader.h), which keeps them small.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "grammar/expressions.h"

namespace hearth {

struct CharDfa {
  static constexpr std::uint32_t kDead = 0xffffffff;
  struct Edge {
    char32_t first, last;
    std::uint32_t target;
    bool operator==(const Edge&) const = default;
  };

  std::vector<std::uint32_t> edge_begin;  // [states + 1]
  std::vector<Edge> edges;                // ascending within a state, none a surrogate
  std::vector<std::uint8_t> accepting;    // [states]
  // How many characters lead to acceptance at least, and at most (kUnbounded); [states].
  std::vector<std::uint32_t> shortest, longest;

  std::size_t states() const { return accepting.size(); }  // 0: no text is in the language; else it begins at 0
  std::span<const Edge> edges_of(std::uint32_t state) const {
    return {edges.data() + edge_begin[state], edges.data() + edge_begin[state + 1]};
  }
  std::uint32_t next(std::uint32_t state, char32_t character) const;
  // Whether an edge takes one of the characters first to last.
  bool any_between(std::uint32_t state, char32_t first, char32_t last) const;
  // Every text goes on from this state, and is accepted.
  bool takes_everything(std::uint32_t state) const;
  bool accepts(std::string_view utf8) const;
};

// States from which nothing is accepted are left out.
CharDfa make_dfa(Expressions& expressions, Expression language, std::size_t states_max);

// Which of several languages a text belongs to, and which of several names it is: for the keys of an object.
struct KeyClassifier {
  struct Kind {
    int name = -1;              // which name; -1: none
    std::vector<bool> matches;  // [languages]
    bool operator<(const Kind& other) const { return std::tie(name, matches) < std::tie(other.name, other.matches); }
  };
  CharDfa dfa;                         // accepts everything
  std::vector<std::uint32_t> kind_of;  // [states]
  std::vector<Kind> kinds;
};
KeyClassifier make_classifier(Expressions& expressions, const std::vector<std::string>& names,
                              const std::vector<Expression>& languages, std::size_t states_max);

}  // namespace hearth
