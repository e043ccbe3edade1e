#include "grammar/char_dfa.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"

namespace hearth {
namespace {

constexpr char32_t kSurrogateFirst = 0xD800, kSurrogateLast = 0xDFFF;

// Adds an edge without its surrogates, joined to the one before where that goes on.
void push_edge(std::vector<CharDfa::Edge>& edges, std::size_t begin, CharDfa::Edge edge) {
  if (edge.first < kSurrogateFirst && edge.last > kSurrogateLast) {
    push_edge(edges, begin, {edge.first, kSurrogateFirst - 1, edge.target});
    edge.first = kSurrogateLast + 1;
  } else if (edge.first >= kSurrogateFirst && edge.first <= kSurrogateLast) {
    edge.first = kSurrogateLast + 1;
  } else if (edge.last >= kSurrogateFirst && edge.last <= kSurrogateLast) {
    edge.last = kSurrogateFirst - 1;
  }
  if (edge.first > edge.last) return;
  if (edges.size() > begin && edges.back().target == edge.target && edges.back().last + 1 == edge.first) {
    edges.back().last = edge.last;
  } else {
    edges.push_back(edge);
  }
}

Beside beside(char32_t character) {
  return Expressions::is_word(character) ? Beside::kWord : Beside::kOther;
}

// A set of languages followed through a text together.
struct Tuple {
  std::vector<Expression> languages;
  std::uint32_t trie = 0;  // a node of the names' trie
  Beside before = Beside::kNothing;

  auto operator<=>(const Tuple&) const = default;
};

struct TrieNode {
  std::map<char32_t, std::uint32_t> next;
  int name = -1;
};
constexpr std::uint32_t kOffTrie = 0xffffffff;

std::vector<TrieNode> trie_of(const std::vector<std::string>& names) {
  std::vector<TrieNode> trie(1);
  for (std::size_t i = 0; i < names.size(); ++i) {
    std::uint32_t node = 0;
    for_each_character(names[i], [&](char32_t character, std::string_view, bool) {
      const auto [found, is_new] = trie[node].next.try_emplace(character, static_cast<std::uint32_t>(trie.size()));
      node = found->second;
      if (is_new) trie.emplace_back();
    });
    trie[node].name = static_cast<int>(i);
  }
  return trie;
}

// Explores all tuples that a text can lead to.
class Explorer {
 public:
  Explorer(Expressions& expressions, const std::vector<std::string>& names, std::size_t states_max)
      : expressions_(expressions), trie_(trie_of(names)), states_max_(states_max) {}

  void run(const std::vector<Expression>& languages) {
    intern({languages, trie_.size() > 1 || trie_[0].name >= 0 ? 0 : kOffTrie, Beside::kNothing});
    dfa.edge_begin.push_back(0);
    for (std::size_t state = 0; state < tuples.size(); ++state) expand(state);
  }

  int name_at(std::uint32_t node) const { return node == kOffTrie ? -1 : trie_[node].name; }

  CharDfa dfa;
  std::vector<Tuple> tuples;

 private:
  std::uint32_t intern(Tuple tuple) {
    const auto [found, is_new] = index_.try_emplace(tuple, static_cast<std::uint32_t>(tuples.size()));
    if (is_new) {
      if (tuples.size() >= states_max_) {
        throw Unsupported("a pattern needs more than " + std::to_string(states_max_) + " states to be enforced");
      }
      tuples.push_back(std::move(tuple));
    }
    return found->second;
  }

  // Where the characters begin that lead elsewhere than the one before each.
  std::vector<char32_t> cuts_of(const Tuple& tuple, std::vector<std::uint32_t>& sets) {
    for (const Expression language : tuple.languages) expressions_.collect_first_sets(language, sets);
    std::sort(sets.begin(), sets.end());
    sets.erase(std::unique(sets.begin(), sets.end()), sets.end());
    std::vector<char32_t> cuts{0};
    for (const std::uint32_t set : sets) {
      for (const CodePointSet::Range& range : expressions_.set(set).ranges()) {
        cuts.push_back(range.first);
        if (range.last < kCodePointMax) cuts.push_back(range.last + 1);
      }
    }
    if (tuple.trie != kOffTrie) {
      for (const auto& [character, node] : trie_[tuple.trie].next) {
        cuts.push_back(character);
        if (character < kCodePointMax) cuts.push_back(character + 1);
      }
    }
    std::sort(cuts.begin(), cuts.end());
    cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
    return cuts;
  }

  void expand(std::size_t state) {
    const Tuple tuple = tuples[state];
    std::vector<std::uint32_t> sets;
    const std::vector<char32_t> cuts = cuts_of(tuple, sets);
    const std::size_t begin = dfa.edges.size();
    std::map<std::pair<std::vector<bool>, std::uint32_t>, std::uint32_t> targets;
    for (std::size_t i = 0; i < cuts.size(); ++i) {
      const char32_t last = i + 1 < cuts.size() ? cuts[i + 1] - 1 : std::max(cuts[i], kCodePointMax);
      std::vector<bool> signature;
      for (const std::uint32_t set : sets) signature.push_back(expressions_.set(set).contains(cuts[i]));
      std::uint32_t trie = kOffTrie;
      if (tuple.trie != kOffTrie) {
        const auto found = trie_[tuple.trie].next.find(cuts[i]);
        if (found != trie_[tuple.trie].next.end()) trie = found->second;
      }
      const auto [target, is_new] = targets.try_emplace({std::move(signature), trie}, 0);
      if (is_new) target->second = step(tuple, cuts[i], trie);
      push_edge(dfa.edges, begin, {cuts[i], last, target->second});
    }
    dfa.edge_begin.push_back(static_cast<std::uint32_t>(dfa.edges.size()));
  }

  std::uint32_t step(const Tuple& tuple, char32_t character, std::uint32_t trie) {
    Tuple next{{}, trie, Beside::kOther};
    bool anchors = false;
    for (const Expression language : tuple.languages) {
      const Expression rest = expressions_.derivative(language, character, {tuple.before, beside(character)});
      anchors = anchors || expressions_.has_anchors(rest);
      next.languages.push_back(rest);
    }
    if (anchors) next.before = beside(character);
    return intern(std::move(next));
  }

  Expressions& expressions_;
  std::vector<TrieNode> trie_;
  std::size_t states_max_;
  std::map<Tuple, std::uint32_t> index_;
};

// The states from which an accepting one can be reached.
std::vector<bool> live_states(const CharDfa& dfa) {
  std::vector<std::vector<std::uint32_t>> sources(dfa.states());
  for (std::uint32_t state = 0; state < dfa.states(); ++state) {
    for (const CharDfa::Edge& edge : dfa.edges_of(state)) sources[edge.target].push_back(state);
  }
  std::vector<bool> live(dfa.states());
  std::vector<std::uint32_t> open;
  for (std::uint32_t state = 0; state < dfa.states(); ++state) {
    if (dfa.accepting[state]) {
      live[state] = true;
      open.push_back(state);
    }
  }
  while (!open.empty()) {
    const std::uint32_t state = open.back();
    open.pop_back();
    for (const std::uint32_t source : sources[state]) {
      if (live[source]) continue;
      live[source] = true;
      open.push_back(source);
    }
  }
  return live;
}

CharDfa without_dead_states(const CharDfa& dfa) {
  const std::vector<bool> live = live_states(dfa);
  CharDfa result;
  if (dfa.states() == 0 || !live[0]) return result;
  std::vector<std::uint32_t> number(dfa.states(), CharDfa::kDead);
  std::uint32_t count = 0;
  for (std::size_t state = 0; state < dfa.states(); ++state) {
    if (live[state]) number[state] = count++;
  }
  result.edge_begin.push_back(0);
  for (std::uint32_t state = 0; state < dfa.states(); ++state) {
    if (!live[state]) continue;
    const std::size_t begin = result.edges.size();
    for (const CharDfa::Edge& edge : dfa.edges_of(state)) {
      if (live[edge.target]) push_edge(result.edges, begin, {edge.first, edge.last, number[edge.target]});
    }
    result.edge_begin.push_back(static_cast<std::uint32_t>(result.edges.size()));
    result.accepting.push_back(dfa.accepting[state]);
  }
  return result;
}

// Breadth first from the accepting states for the shortest; for the longest, states in an order in which targets come
// first, where a state within a cycle or before one is unbounded (every state is live).
void measure(CharDfa& dfa) {
  const std::size_t n = dfa.states();
  dfa.shortest.assign(n, kUnbounded);
  dfa.longest.assign(n, kUnbounded);
  std::vector<std::vector<std::uint32_t>> sources(n);
  std::vector<std::uint32_t> left(n, 0), order, done;
  for (std::uint32_t state = 0; state < n; ++state) {
    for (const CharDfa::Edge& edge : dfa.edges_of(state)) {
      sources[edge.target].push_back(state);
      ++left[state];
    }
    if (dfa.accepting[state]) {
      dfa.shortest[state] = 0;
      order.push_back(state);
    }
    if (left[state] == 0) {
      dfa.longest[state] = 0;
      done.push_back(state);
    }
  }
  for (std::size_t i = 0; i < order.size(); ++i) {
    for (const std::uint32_t source : sources[order[i]]) {
      if (dfa.shortest[source] != kUnbounded) continue;
      dfa.shortest[source] = dfa.shortest[order[i]] + 1;
      order.push_back(source);
    }
  }
  std::vector<std::uint32_t> longest(n, 0);
  for (std::size_t i = 0; i < done.size(); ++i) {
    dfa.longest[done[i]] = longest[done[i]];
    for (const std::uint32_t source : sources[done[i]]) {
      longest[source] = std::max(longest[source], longest[done[i]] + 1);
      if (--left[source] == 0) done.push_back(source);
    }
  }
}

}  // namespace

std::uint32_t CharDfa::next(std::uint32_t state, char32_t character) const {
  const std::span<const Edge> from = edges_of(state);
  const auto edge = std::lower_bound(from.begin(), from.end(), character,
                                     [](const Edge& each, char32_t value) { return each.last < value; });
  return edge != from.end() && edge->first <= character ? edge->target : kDead;
}

bool CharDfa::any_between(std::uint32_t state, char32_t first, char32_t last) const {
  const std::span<const Edge> from = edges_of(state);
  const auto edge = std::lower_bound(from.begin(), from.end(), first,
                                     [](const Edge& each, char32_t value) { return each.last < value; });
  return edge != from.end() && edge->first <= last;
}

bool CharDfa::takes_everything(std::uint32_t state) const {
  const std::span<const Edge> from = edges_of(state);
  return accepting[state] && from.size() == 2 && from[0].target == state && from[1].target == state &&
         from[0].first == 0 && from[1].last == kCodePointMax;
}

bool CharDfa::accepts(std::string_view utf8) const {
  std::uint32_t state = states() == 0 ? kDead : 0;
  for_each_character(utf8, [&](char32_t character, std::string_view, bool valid) {
    if (state != kDead) state = valid ? next(state, character) : kDead;
  });
  return state != kDead && accepting[state];
}

CharDfa make_dfa(Expressions& expressions, Expression language, std::size_t states_max) {
  Explorer explorer(expressions, {}, states_max);
  explorer.run({language});
  for (const Tuple& tuple : explorer.tuples) {
    explorer.dfa.accepting.push_back(expressions.matches_empty(tuple.languages[0], {tuple.before, Beside::kNothing}));
  }
  CharDfa dfa = without_dead_states(explorer.dfa);
  measure(dfa);
  return dfa;
}

KeyClassifier make_classifier(Expressions& expressions, const std::vector<std::string>& names,
                              const std::vector<Expression>& languages, std::size_t states_max) {
  Explorer explorer(expressions, names, states_max);
  explorer.run(languages);
  KeyClassifier result;
  std::map<KeyClassifier::Kind, std::uint32_t> index;
  for (const Tuple& tuple : explorer.tuples) {
    KeyClassifier::Kind kind{explorer.name_at(tuple.trie), {}};
    for (const Expression language : tuple.languages) {
      kind.matches.push_back(expressions.matches_empty(language, {tuple.before, Beside::kNothing}));
    }
    const auto [found, is_new] = index.try_emplace(kind, static_cast<std::uint32_t>(result.kinds.size()));
    if (is_new) result.kinds.push_back(kind);
    result.kind_of.push_back(found->second);
    explorer.dfa.accepting.push_back(1);
  }
  result.dfa = std::move(explorer.dfa);
  return result;
}

}  // namespace hearth
