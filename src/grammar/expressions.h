// Regular languages over code points as expressions with intersection and complement, and their derivatives
// (Brzozowski 1964; Owens, Reppy and Turon 2009). Equal expressions are stored once, unions and intersections are
// sorted, so a language has finitely many derivatives and they are the states of an automaton (char_dfa.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>
#include <tuple>
#include <vector>

#include "text/unicode/code_point_set.h"

namespace hearth {

using Expression = std::uint32_t;
inline constexpr Expression kNoText = 0;     // the empty language
inline constexpr Expression kEmptyText = 1;  // the language of the empty text
inline constexpr Expression kAnyText = 2;    // every text
inline constexpr std::uint32_t kUnbounded = 0xffffffff;

// What stands on a side of a place in a text; anchors and word boundaries go by it.
enum class Beside : std::uint8_t { kNothing, kWord, kOther };

struct Place {
  Beside before;
  Beside after;
};

// What one grammar may cost: steps of work, and states of one of its automata.
inline constexpr std::size_t kGrammarWorkMax = 4000000;
inline constexpr std::size_t kGrammarStatesMax = 20000;

// A context-free bound on work: throws Unsupported when it is used up.
class WorkLimit {
 public:
  explicit WorkLimit(std::size_t steps) : left_(steps) {}
  void spend(std::size_t steps);

 private:
  std::size_t left_;
};

class Expressions {
 public:
  explicit Expressions(WorkLimit& limit);

  Expression characters(const CodePointSet& set);
  Expression any_character();
  Expression literal(std::string_view utf8);
  Expression concatenation(Expression first, Expression second);
  Expression alternation(std::vector<Expression> parts);
  Expression intersection(std::vector<Expression> parts);
  Expression complement(Expression inner);
  Expression repetition(Expression inner, std::uint32_t min, std::uint32_t max);
  Expression begin_anchor();
  Expression end_anchor();
  Expression word_boundary(bool negated);
  // Texts of a number of characters.
  Expression length(std::uint32_t min, std::uint32_t max);

  bool has_anchors(Expression expression) const { return nodes_[expression].anchors; }
  bool matches_empty(Expression expression, Place place) const;
  // What may follow a character at a place: the texts t such that the character and t are in the language.
  Expression derivative(Expression expression, char32_t character, Place place);
  // The sets of characters that the derivatives of an expression tell apart.
  void collect_first_sets(Expression expression, std::vector<std::uint32_t>& sets);
  const CodePointSet& set(std::uint32_t index) const { return sets_[index]; }
  std::uint32_t word_set_index();
  static bool is_word(char32_t character);

 private:
  enum class Kind : std::uint8_t {
    kNothing,
    kEmpty,
    kCharacters,
    kConcatenation,
    kAlternation,
    kIntersection,
    kComplement,
    kRepetition,
    kBegin,
    kEnd,
    kBoundary,
    kNoBoundary,
  };
  struct Node {
    Kind kind;
    bool anchors;  // an anchor stands somewhere within
    bool empty;    // matches the empty text, where `anchors` is false
    std::uint32_t a = 0, b = 0, c = 0;
    std::vector<Expression> parts;
    std::uint32_t visited = 0;
  };

  Expression add(Node node);
  std::uint32_t add_set(const CodePointSet& set);
  void collect(Expression expression, std::vector<std::uint32_t>& sets);
  Expression derivative_of_parts(Expression expression, char32_t character, Place place);

  using Key = std::tuple<std::uint8_t, std::uint32_t, std::uint32_t, std::uint32_t, std::vector<Expression>>;
  WorkLimit& limit_;
  std::vector<Node> nodes_;
  std::vector<CodePointSet> sets_;
  std::map<Key, Expression> index_;
  std::map<std::vector<std::pair<char32_t, char32_t>>, std::uint32_t> set_index_;
  std::uint32_t visit_ = 0;
};

}  // namespace hearth
