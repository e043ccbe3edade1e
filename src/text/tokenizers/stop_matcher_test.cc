// However the text is cut into pieces, the same is returned and the same stop is found.
#include "text/tokenizers/stop_matcher.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

namespace hearth {
namespace {

std::pair<std::string, std::string> run(const std::vector<std::string>& stops, const std::vector<std::string>& pieces) {
  StopMatcher matcher(stops);
  std::string text;
  for (const std::string& piece : pieces) {
    text += matcher.push(piece);
    if (matcher.found()) return {text, *matcher.found()};
  }
  text += matcher.finish();
  return {text, matcher.found().value_or("")};
}

TEST(StopMatcher, PassesTextThrough) {
  EXPECT_EQ(run({}, {"a", "b"}), (std::pair<std::string, std::string>{"ab", ""}));
  EXPECT_EQ(run({"xyz"}, {"xy", "x", "y"}), (std::pair<std::string, std::string>{"xyxy", ""}));
}

TEST(StopMatcher, HoldsBackABeginningOnly) {
  StopMatcher matcher({"\n\nUser"});
  EXPECT_EQ(matcher.push("Hello\n"), "Hello");
  EXPECT_EQ(matcher.push("you\n\nUs"), "\nyou");
  EXPECT_EQ(matcher.push("er"), "");
  EXPECT_EQ(matcher.found(), "\n\nUser");
}

TEST(StopMatcher, TheFirstPlaceWins) {
  EXPECT_EQ(run({"b", "abc"}, {"xabc"}), (std::pair<std::string, std::string>{"x", "abc"}));
  // "abcd" may stand at the second character until the "e" comes: then the complete "b" after it counts.
  EXPECT_EQ(run({"b", "abcd"}, {"xabc", "e"}), (std::pair<std::string, std::string>{"xa", "b"}));
  EXPECT_EQ(run({"b", "abcd"}, {"xabc"}), (std::pair<std::string, std::string>{"xa", "b"}));
}

TEST(StopMatcher, DoesNotDependOnThePieces) {
  std::mt19937 random(7);
  const auto text_of = [&](std::size_t length) {
    std::string text;
    for (std::size_t i = 0; i < length; ++i) text += static_cast<char>('a' + random() % 3);
    return text;
  };
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::string> stops;
    for (std::size_t i = 0; i < 1 + random() % 3; ++i) stops.push_back(text_of(1 + random() % 5));
    const std::string text = text_of(20);
    std::size_t first = std::string::npos;
    std::string stop;
    for (const std::string& candidate : stops) {
      if (text.find(candidate) < first) {
        first = text.find(candidate);
        stop = candidate;
      }
    }
    std::vector<std::string> pieces;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t count = 1 + random() % 4;
      pieces.push_back(text.substr(at, count));
      at += count;
    }
    EXPECT_EQ(run(stops, pieces), (std::pair<std::string, std::string>{text.substr(0, first), stop})) << text;
  }
}

}  // namespace
}  // namespace hearth
