#include "grammar/dfa_classes.h"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "grammar/regex_parser.h"

namespace hearth {
namespace {

CharDfa dfa_of(std::string_view pattern) {
  WorkLimit limit(std::size_t{1} << 24);
  Expressions expressions(limit);
  return make_dfa(expressions, parse_regex(expressions, pattern, RegexScope::kWhole), 20000);
}

// What texts of at most `depth` characters out of `alphabet` do from a state, written down.
std::string behaviour(const CharDfa& dfa, std::uint32_t state, std::uint32_t depth, std::string_view alphabet) {
  std::string result(1, dfa.accepting[state] != 0 ? '+' : '-');
  for (const char character : depth == 0 ? std::string_view() : alphabet) {
    const std::uint32_t next = dfa.next(state, static_cast<char32_t>(character));
    if (next == CharDfa::kDead) {
      result += '.';
      continue;
    }
    const int nearer = static_cast<int>(dfa.shortest[state]) - static_cast<int>(dfa.shortest[next]);
    result += std::to_string(nearer) + behaviour(dfa, next, depth - 1, alphabet);
  }
  return result;
}

TEST(DfaClasses, AreWhatShortTextsTellApart) {
  for (const char* pattern :
       {"(a{1,3}b){4,9}c?", "[ab]{0,12}", "(ab|ba|c)*", "a{5}|b{7}|c{9}", "(a|b(c|a){3,5}){3}", "abcabcabc"}) {
    const CharDfa dfa = dfa_of(pattern);
    constexpr std::array<std::uint32_t, 3> kDepths{1, 3, 5};
    const DfaClasses classes(dfa, kDepths);
    for (std::size_t level = 0; level < kDepths.size(); ++level) {
      std::map<std::string, std::uint32_t> firsts;
      for (std::uint32_t state = 0; state < dfa.states(); ++state) {
        const std::uint32_t first =
            firsts.try_emplace(behaviour(dfa, state, kDepths[level], "abc"), state).first->second;
        EXPECT_EQ(classes.first_like(level, state), first) << pattern << ", " << kDepths[level] << ": " << state;
      }
    }
  }
}

// The states of a counted repetition, far from both of its bounds, are one for each place in what is repeated.
TEST(DfaClasses, DoNotCount) {
  const CharDfa dfa = dfa_of("(abc){100,1000}");
  const DfaClasses classes(dfa, std::array<std::uint32_t, 1>{9});
  std::set<std::uint32_t> firsts;
  for (std::uint32_t state = 0; state < dfa.states(); ++state) firsts.insert(classes.first_like(0, state));
  EXPECT_GT(dfa.states(), 2900u);
  EXPECT_LT(firsts.size(), 40u);
}

}  // namespace
}  // namespace hearth
