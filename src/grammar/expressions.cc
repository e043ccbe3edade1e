#include "grammar/expressions.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"

namespace hearth {
namespace {

// What one expression costs to make, against a step of another kind: it stays in memory.
constexpr std::size_t kNodeCost = 4;

}  // namespace

void WorkLimit::spend(std::size_t steps) {
  if (steps > left_) throw Unsupported("the schema or expression needs too many states to be enforced");
  left_ -= steps;
}

Expressions::Expressions(WorkLimit& limit) : limit_(limit) {
  nodes_.push_back({.kind = Kind::kNothing, .anchors = false, .empty = false, .parts = {}});
  nodes_.push_back({.kind = Kind::kEmpty, .anchors = false, .empty = true, .parts = {}});
  // The complement of nothing is the one spelling of "every text".
  nodes_.push_back({.kind = Kind::kComplement, .anchors = false, .empty = true, .a = kNoText, .parts = {}});
  index_[{static_cast<std::uint8_t>(Kind::kComplement), kNoText, 0, 0, {}}] = kAnyText;
}

Expression Expressions::add(Node node) {
  Key key{static_cast<std::uint8_t>(node.kind), node.a, node.b, node.c, node.parts};
  const auto [found, is_new] = index_.try_emplace(std::move(key), static_cast<Expression>(nodes_.size()));
  if (is_new) {
    limit_.spend(kNodeCost + node.parts.size());
    nodes_.push_back(std::move(node));
  }
  return found->second;
}

std::uint32_t Expressions::add_set(const CodePointSet& set) {
  std::vector<std::pair<char32_t, char32_t>> key;
  for (const CodePointSet::Range& range : set.ranges()) key.emplace_back(range.first, range.last);
  const auto [found, is_new] = set_index_.try_emplace(std::move(key), static_cast<std::uint32_t>(sets_.size()));
  if (is_new) sets_.push_back(set);
  return found->second;
}

Expression Expressions::characters(const CodePointSet& set) {
  if (set.empty()) return kNoText;
  return add({.kind = Kind::kCharacters, .anchors = false, .empty = false, .a = add_set(set), .parts = {}});
}

Expression Expressions::any_character() {
  return characters(CodePointSet::all());
}

Expression Expressions::literal(std::string_view utf8) {
  std::vector<char32_t> text;
  for_each_character(utf8, [&](char32_t character, std::string_view, bool) { text.push_back(character); });
  Expression result = kEmptyText;
  for (auto at = text.rbegin(); at != text.rend(); ++at) {
    result = concatenation(characters(CodePointSet::of(*at)), result);
  }
  return result;
}

Expression Expressions::concatenation(Expression first, Expression second) {
  if (first == kNoText || second == kNoText) return kNoText;
  if (first == kEmptyText) return second;
  if (second == kEmptyText) return first;
  if (first == kAnyText && second == kAnyText) return kAnyText;
  if (nodes_[first].kind == Kind::kConcatenation) {
    const std::uint32_t a = nodes_[first].a;
    return concatenation(a, concatenation(nodes_[first].b, second));
  }
  const Node& a = nodes_[first];
  const Node& b = nodes_[second];
  return add({.kind = Kind::kConcatenation,
              .anchors = a.anchors || b.anchors,
              .empty = a.empty && b.empty,
              .a = first,
              .b = second,
              .parts = {}});
}

Expression Expressions::alternation(std::vector<Expression> parts) {
  std::vector<Expression> flat;
  CodePointSet united;
  for (const Expression part : parts) {
    if (part == kAnyText) return kAnyText;
    const Node& node = nodes_[part];
    if (node.kind == Kind::kAlternation) {
      for (const Expression inner : node.parts) {
        if (nodes_[inner].kind == Kind::kCharacters) {
          united = united.united(sets_[nodes_[inner].a]);
        } else {
          flat.push_back(inner);
        }
      }
    } else if (node.kind == Kind::kCharacters) {
      united = united.united(sets_[node.a]);
    } else if (part != kNoText) {
      flat.push_back(part);
    }
  }
  if (!united.empty()) flat.push_back(characters(united));
  std::sort(flat.begin(), flat.end());
  flat.erase(std::unique(flat.begin(), flat.end()), flat.end());
  limit_.spend(flat.size());
  if (flat.empty()) return kNoText;
  if (flat.size() == 1) return flat[0];
  Node node{.kind = Kind::kAlternation, .anchors = false, .empty = false, .parts = {}};
  for (const Expression part : flat) {
    node.anchors = node.anchors || nodes_[part].anchors;
    node.empty = node.empty || nodes_[part].empty;
  }
  node.parts = std::move(flat);
  return add(std::move(node));
}

Expression Expressions::intersection(std::vector<Expression> parts) {
  std::vector<Expression> flat;
  for (const Expression part : parts) {
    if (part == kNoText) return kNoText;
    if (nodes_[part].kind == Kind::kIntersection) {
      flat.insert(flat.end(), nodes_[part].parts.begin(), nodes_[part].parts.end());
    } else if (part != kAnyText) {
      flat.push_back(part);
    }
  }
  std::sort(flat.begin(), flat.end());
  flat.erase(std::unique(flat.begin(), flat.end()), flat.end());
  limit_.spend(flat.size());
  if (flat.empty()) return kAnyText;
  if (flat.size() == 1) return flat[0];
  Node node{.kind = Kind::kIntersection, .anchors = false, .empty = true, .parts = {}};
  for (const Expression part : flat) {
    node.anchors = node.anchors || nodes_[part].anchors;
    node.empty = node.empty && nodes_[part].empty;
  }
  node.parts = std::move(flat);
  return add(std::move(node));
}

Expression Expressions::complement(Expression inner) {
  const Node& node = nodes_[inner];
  if (node.kind == Kind::kComplement) return node.a;
  return add({.kind = Kind::kComplement, .anchors = node.anchors, .empty = !node.empty, .a = inner, .parts = {}});
}

Expression Expressions::repetition(Expression inner, std::uint32_t min, std::uint32_t max) {
  if (max < min) return kNoText;
  if (max == 0 || inner == kEmptyText) return kEmptyText;
  if (inner == kNoText) return min == 0 ? kEmptyText : kNoText;
  if (min == 1 && max == 1) return inner;
  const Node& node = nodes_[inner];
  if (min == 0 && max == kUnbounded) {
    if (node.kind == Kind::kCharacters && sets_[node.a] == CodePointSet::all()) return kAnyText;
    if (inner == kAnyText) return kAnyText;
    if (node.kind == Kind::kRepetition && node.b == 0 && node.c == kUnbounded) return inner;
  }
  return add({.kind = Kind::kRepetition,
              .anchors = node.anchors,
              .empty = min == 0 || node.empty,
              .a = inner,
              .b = min,
              .c = max,
              .parts = {}});
}

Expression Expressions::begin_anchor() {
  return add({.kind = Kind::kBegin, .anchors = true, .empty = false, .parts = {}});
}

Expression Expressions::end_anchor() {
  return add({.kind = Kind::kEnd, .anchors = true, .empty = false, .parts = {}});
}

Expression Expressions::word_boundary(bool negated) {
  const Kind kind = negated ? Kind::kNoBoundary : Kind::kBoundary;
  return add({.kind = kind, .anchors = true, .empty = false, .parts = {}});
}

Expression Expressions::length(std::uint32_t min, std::uint32_t max) {
  return repetition(any_character(), min, max);
}

bool Expressions::is_word(char32_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::uint32_t Expressions::word_set_index() {
  return add_set(CodePointSet({{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}));
}

bool Expressions::matches_empty(Expression expression, Place place) const {
  const Node& node = nodes_[expression];
  if (!node.anchors) return node.empty;
  const auto matches = [&](Expression part) { return matches_empty(part, place); };
  switch (node.kind) {
    case Kind::kConcatenation:
      return matches(node.a) && matches(node.b);
    case Kind::kAlternation:
      return std::any_of(node.parts.begin(), node.parts.end(), matches);
    case Kind::kIntersection:
      return std::all_of(node.parts.begin(), node.parts.end(), matches);
    case Kind::kComplement:
      return !matches(node.a);
    case Kind::kRepetition:
      return node.b == 0 || matches(node.a);
    case Kind::kBegin:
      return place.before == Beside::kNothing;
    case Kind::kEnd:
      return place.after == Beside::kNothing;
    case Kind::kBoundary:
      return (place.before == Beside::kWord) != (place.after == Beside::kWord);
    case Kind::kNoBoundary:
      return (place.before == Beside::kWord) == (place.after == Beside::kWord);
    case Kind::kNothing:
    case Kind::kEmpty:
    case Kind::kCharacters:
      break;
  }
  return node.empty;
}

Expression Expressions::derivative_of_parts(Expression expression, char32_t character, Place place) {
  const bool all = nodes_[expression].kind == Kind::kIntersection;
  std::vector<Expression> parts;
  for (std::size_t i = 0; i < nodes_[expression].parts.size(); ++i) {
    const Expression part = derivative(nodes_[expression].parts[i], character, place);
    if (all ? part == kNoText : part == kAnyText) return part;
    parts.push_back(part);
  }
  return all ? intersection(std::move(parts)) : alternation(std::move(parts));
}

Expression Expressions::derivative(Expression expression, char32_t character, Place place) {
  limit_.spend(1);
  const Kind kind = nodes_[expression].kind;
  const std::uint32_t a = nodes_[expression].a, b = nodes_[expression].b, c = nodes_[expression].c;
  switch (kind) {
    case Kind::kCharacters:
      return sets_[a].contains(character) ? kEmptyText : kNoText;
    case Kind::kConcatenation: {
      const Expression first = concatenation(derivative(a, character, place), b);
      if (!matches_empty(a, place)) return first;
      return alternation({first, derivative(b, character, place)});
    }
    case Kind::kAlternation:
    case Kind::kIntersection:
      return derivative_of_parts(expression, character, place);
    case Kind::kComplement:
      return complement(derivative(a, character, place));
    case Kind::kRepetition: {
      // Parts that match nothing here may stand before the one that begins.
      const std::uint32_t min = b == 0 || matches_empty(a, place) ? 0 : b - 1;
      const std::uint32_t max = c == kUnbounded ? kUnbounded : c - 1;
      return concatenation(derivative(a, character, place), repetition(a, min, max));
    }
    case Kind::kNothing:
    case Kind::kEmpty:
    case Kind::kBegin:
    case Kind::kEnd:
    case Kind::kBoundary:
    case Kind::kNoBoundary:
      break;
  }
  return kNoText;
}

void Expressions::collect_first_sets(Expression expression, std::vector<std::uint32_t>& sets) {
  ++visit_;
  collect(expression, sets);
}

void Expressions::collect(Expression expression, std::vector<std::uint32_t>& sets) {
  Node& node = nodes_[expression];
  if (node.visited == visit_) return;
  node.visited = visit_;
  switch (node.kind) {
    case Kind::kCharacters:
      sets.push_back(node.a);
      break;
    case Kind::kConcatenation:
      collect(node.a, sets);
      if (nodes_[node.a].anchors || nodes_[node.a].empty) collect(node.b, sets);
      break;
    case Kind::kComplement:
    case Kind::kRepetition:
      collect(node.a, sets);
      break;
    case Kind::kBoundary:
    case Kind::kNoBoundary:
      sets.push_back(word_set_index());
      break;
    case Kind::kAlternation:
    case Kind::kIntersection:
      for (const Expression part : node.parts) collect(part, sets);
      break;
    case Kind::kNothing:
    case Kind::kEmpty:
    case Kind::kBegin:
    case Kind::kEnd:
      break;
  }
}

}  // namespace hearth
