// The merge loop against its definition, the trie against a search.
#include "text/tokenizers/merge_symbols.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "text/tokenizers/byte_trie.h"

namespace hearth {
namespace {

using Rules = std::map<std::pair<TokenId, TokenId>, Merge>;

std::vector<Symbol> symbols_of(const std::vector<TokenId>& ids) {
  std::vector<Symbol> symbols;
  for (std::size_t i = 0; i < ids.size(); ++i) symbols.push_back({static_cast<std::uint32_t>(i), 1, ids[i]});
  return symbols;
}

// The definition: look at all neighbours, merge the best, start again.
std::vector<TokenId> merge_slowly(std::vector<TokenId> ids, const Rules& rules) {
  for (;;) {
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
      const auto rule = rules.find({ids[i], ids[i + 1]});
      if (rule == rules.end()) continue;
      if (!best || rule->second.rank < rules.at({ids[*best], ids[*best + 1]}).rank) best = i;
    }
    if (!best) return ids;
    ids[*best] = rules.at({ids[*best], ids[*best + 1]}).id;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(*best) + 1);
  }
}

std::vector<TokenId> merge_quickly(const std::vector<TokenId>& ids, const Rules& rules, MergeQueue& queue) {
  std::vector<Symbol> symbols = symbols_of(ids);
  merge_symbols(symbols, queue, [&](const Symbol& left, const Symbol& right) -> std::optional<Merge> {
    const auto rule = rules.find({left.id, right.id});
    return rule == rules.end() ? std::nullopt : std::optional(rule->second);
  });
  std::vector<TokenId> result;
  for (const Symbol& symbol : symbols) result.push_back(symbol.id);
  return result;
}

TEST(MergeSymbols, AgreesWithTheDefinitionForRulesInAnyOrderAndWithTies) {
  std::mt19937 random(7);
  const auto below = [&](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
  for (int round = 0; round < 600; ++round) {
    // Ranks drawn from a few values tie often, and results of merges merge again at lower ranks.
    const std::uint32_t rank_count = 1 + below(12);
    Rules rules;
    for (std::uint32_t i = 0; i < 30; ++i) {
      const TokenId left = static_cast<TokenId>(below(8));
      const TokenId right = static_cast<TokenId>(below(8));
      rules[{left, right}] = {below(rank_count), static_cast<TokenId>(below(10))};
    }
    MergeQueue queue(rank_count);
    for (int text = 0; text < 3; ++text) {  // the queue is reused
      std::vector<TokenId> ids;
      for (std::uint32_t i = 0, n = below(60); i < n; ++i) ids.push_back(static_cast<TokenId>(below(4)));
      ASSERT_EQ(merge_quickly(ids, rules, queue), merge_slowly(ids, rules)) << "round " << round;
    }
  }
}

TEST(ByteTrie, FindsEveryPrefix) {
  std::mt19937 random(3);
  std::vector<std::string> keys = {"", "a", "ab", "ab", "\xFF", std::string("\0x", 2)};
  for (int i = 0; i < 200; ++i) {
    std::string key;
    for (std::uint64_t n = 1 + random() % 6; n > 0; --n) key.push_back(static_cast<char>('a' + random() % 3));
    keys.push_back(key);
  }
  std::map<std::string, std::int32_t> first;
  std::vector<ByteTrie::Entry> entries;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    entries.push_back({keys[i], static_cast<std::int32_t>(i)});
    if (!keys[i].empty()) first.emplace(keys[i], static_cast<std::int32_t>(i));
  }
  const ByteTrie trie(entries);
  for (const std::string text : {"abcabc", "bbbbbbbb", "", "\xFF", "cab", "zab"}) {
    std::map<std::string, std::int32_t> expected;
    for (const auto& [key, value] : first) {
      if (text.starts_with(key)) expected[key] = value;
    }
    std::map<std::string, std::int32_t> found;
    trie.for_each_prefix(text, [&](ByteTrie::Match match) { found[text.substr(0, match.bytes)] = match.value; });
    EXPECT_EQ(found, expected) << text;
    const auto longest = trie.longest_prefix(text);
    EXPECT_EQ(longest.has_value(), !expected.empty());
    if (longest) {
      EXPECT_EQ(text.substr(0, longest->bytes), expected.rbegin()->first);
    }
  }
}

}  // namespace
}  // namespace hearth
