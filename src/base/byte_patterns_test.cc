// Against looking for each pattern on its own.
#include "base/byte_patterns.h"

#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace hearth {
namespace {

std::set<std::string> ending_at(const BytePatterns& patterns, const std::vector<std::string>& texts,
                                BytePatterns::State state) {
  std::set<std::string> found;
  for (; patterns.ending(state) != BytePatterns::kNone; state = patterns.shorter(state)) {
    found.insert(texts[static_cast<std::size_t>(patterns.ending(state))]);
  }
  return found;
}

TEST(BytePatterns, FindsWhatEndsAtEveryByte) {
  std::mt19937 random(3);
  const auto text_of = [&](std::size_t length) {
    std::string text;
    for (std::size_t i = 0; i < length; ++i) text += static_cast<char>('a' + random() % 2);
    return text;
  };
  for (int round = 0; round < 500; ++round) {
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < 1 + random() % 6; ++i) texts.push_back(text_of(1 + random() % 6));
    const BytePatterns patterns(texts);
    const std::string text = text_of(40);
    BytePatterns::State state = BytePatterns::kStart;
    for (std::size_t end = 1; end <= text.size(); ++end) {
      state = patterns.next(state, text[end - 1]);
      const std::string_view seen = std::string_view(text).substr(0, end);
      std::set<std::string> expected;
      std::size_t depth = 0;
      for (const std::string& pattern : texts) {
        if (seen.ends_with(pattern)) expected.insert(pattern);
        for (std::size_t length = 1; length <= pattern.size(); ++length) {
          if (seen.ends_with(std::string_view(pattern).substr(0, length))) depth = std::max(depth, length);
        }
      }
      EXPECT_EQ(ending_at(patterns, texts, state), expected) << text << ' ' << end;
      EXPECT_EQ(patterns.depth(state), depth);
    }
    EXPECT_EQ(patterns.is_in(text), std::any_of(texts.begin(), texts.end(), [&](const std::string& pattern) {
                return text.find(pattern) != std::string::npos;
              }));
  }
}

TEST(BytePatterns, NoneIsInNothing) {
  EXPECT_FALSE(BytePatterns().is_in("abc"));
  EXPECT_EQ(BytePatterns().ending(BytePatterns::kStart), BytePatterns::kNone);
}

// One long pattern and many short ones, in a text that nearly has all of them everywhere.
TEST(BytePatterns, CostsTheSameForManyLongOnes) {
  std::vector<std::string> texts{std::string(4000, 'a') + 'b'};
  for (std::size_t i = 1; i < 1000; ++i) texts.push_back(std::string(i % 50 + 1, 'a') + 'c');
  const BytePatterns patterns(texts);
  const std::string text(1 << 20, 'a');
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(patterns.is_in(text));
  // One by one it would be billions of comparisons.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

}  // namespace
}  // namespace hearth
