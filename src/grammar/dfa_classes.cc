#include "grammar/dfa_classes.h"

#include <algorithm>
#include <map>
#include <utility>

namespace hearth {
namespace {

using StateList = std::vector<std::uint32_t>;

// Moore's algorithm, a character at a time. After n rounds states are in one class that n characters cannot tell apart;
// a round looks at those states alone from which one character leads into a class that the round before has divided.
class Refinement {
 public:
  explicit Refinement(const CharDfa& dfa) : dfa_(dfa), class_of_(dfa.states()), sources_(dfa.states()), sizes_(2) {
    for (std::uint32_t state = 0; state < dfa.states(); ++state) {
      class_of_[state] = dfa.accepting[state] != 0 ? 1 : 0;
      ++sizes_[class_of_[state]];
      touched_.push_back(state);
      for (const CharDfa::Edge& edge : dfa.edges_of(state)) sources_[edge.target].push_back(state);
    }
  }

  bool is_done() const { return touched_.empty(); }

  void refine() {
    std::map<StateList, StateList> groups;  // by signature, which begins with the class
    for (const std::uint32_t state : touched_) groups[signature(state)].push_back(state);
    StateList divided;
    for (auto group = groups.begin(); group != groups.end();) {
      const std::uint32_t old = group->first[0];
      auto end = group, largest = group;
      std::size_t count = 0;
      for (; end != groups.end() && end->first[0] == old; ++end) {
        count += end->second.size();
        if (end->second.size() > largest->second.size()) largest = end;
      }
      // The states that were not looked at keep the class's number, or else those that are most.
      const bool all = count == sizes_[old];
      for (; group != end; ++group) {
        if (all && group == largest) continue;
        const StateList& states = group->second;
        for (const std::uint32_t state : states) class_of_[state] = static_cast<std::uint32_t>(sizes_.size());
        sizes_[old] -= static_cast<std::uint32_t>(states.size());
        sizes_.push_back(static_cast<std::uint32_t>(states.size()));
        divided.insert(divided.end(), states.begin(), states.end());
      }
    }
    touched_.clear();
    for (const std::uint32_t state : divided) {
      touched_.insert(touched_.end(), sources_[state].begin(), sources_[state].end());
    }
    std::sort(touched_.begin(), touched_.end());
    touched_.erase(std::unique(touched_.begin(), touched_.end()), touched_.end());
  }

  StateList firsts() const {
    StateList first(sizes_.size(), CharDfa::kDead), result(class_of_.size());
    for (std::uint32_t state = 0; state < result.size(); ++state) {
      std::uint32_t& own = first[class_of_[state]];
      if (own == CharDfa::kDead) own = state;
      result[state] = own;
    }
    return result;
  }

 private:
  StateList signature(std::uint32_t state) const {
    StateList result{class_of_[state]};
    for (const CharDfa::Edge& edge : dfa_.edges_of(state)) {
      const std::uint32_t nearer = dfa_.shortest[state] - dfa_.shortest[edge.target];
      result.insert(result.end(), {edge.first, edge.last, nearer, class_of_[edge.target]});
    }
    return result;
  }

  const CharDfa& dfa_;
  StateList class_of_;
  std::vector<StateList> sources_;
  StateList sizes_;    // of the classes
  StateList touched_;  // the states to look at, ascending
};

}  // namespace

DfaClasses::DfaClasses(const CharDfa& dfa, std::span<const std::uint32_t> depths) {
  Refinement refinement(dfa);
  std::uint32_t rounds = 0;
  for (const std::uint32_t depth : depths) {
    for (; rounds < depth && !refinement.is_done(); ++rounds) refinement.refine();
    firsts_.push_back(refinement.firsts());
  }
}

}  // namespace hearth
