// Oniguruma's dialect on PCRE2, and the pre-tokenizers' ways to cut.
#include "text/unicode/regex.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "text/tokenizers/byte_alphabet.h"
#include "text/tokenizers/gguf_pre_tokenizers.h"
#include "text/tokenizers/pre_tokenizer.h"

namespace hearth {
namespace {

using Parts = std::vector<std::string>;

Parts matches(std::string_view pattern, std::string_view text) {
  const Regex regex(pattern);
  RegexMatcher matcher(regex);
  Parts found;
  matcher.for_each(text, [&](Span span) { found.emplace_back(text.substr(span.begin, span.end - span.begin)); });
  return found;
}

Parts pieces_of(const Pieces& pieces) {
  Parts parts;
  for (std::size_t i = 0; i < pieces.spans.size(); ++i) parts.emplace_back(pieces.piece(i));
  return parts;
}

Parts split(std::string_view pattern, SplitBehavior behavior, std::string text, bool invert = false) {
  Pieces pieces = Pieces::of(std::move(text), true);
  SplitStep(Regex(pattern), behavior, invert).apply(pieces);
  return pieces_of(pieces);
}

// How a named pre-tokenizer cuts; the characters of the byte alphabet are turned back.
Parts pre_tokenize(std::string_view name, std::string text) {
  Pieces pieces = Pieces::of(std::move(text), true);
  gguf_pre_tokenizer(name).steps->apply(pieces);
  Parts parts;
  for (const std::string& piece : pieces_of(pieces)) parts.push_back(bytes_from_alphabet(piece).value_or(piece));
  return parts;
}

TEST(Regex, ShorthandsHaveUnicodesMeaning) {
  EXPECT_EQ(matches(R"(\s+)", "a\u0085\u3000b\u180Ec"), (Parts{"\u0085\u3000"}));
  EXPECT_EQ(matches(R"([^\s]+)", "a\u2028b"), (Parts{"a", "b"}));
  EXPECT_EQ(matches(R"([\S]+)", "a\u2028b"), (Parts{"a", "b"}));
  EXPECT_EQ(matches(R"(\w+)", "a\u0301_\u0663 \u2460"), (Parts{"a\u0301_\u0663"}));
  EXPECT_EQ(matches(R"(\w+)", "\u00BD"), (Parts{"\u00BD"}));  // Oniguruma's own: Latin-1's numbers, but not in classes
  EXPECT_TRUE(matches(R"([\w]+)", "\u00BD").empty());
  EXPECT_EQ(matches(R"(\W+)", "a-b"), (Parts{"-"}));
  EXPECT_EQ(matches(R"(\d)", "1\u0663\u00B2"), (Parts{"1", "\u0663"}));
  EXPECT_EQ(matches(R"(\h+)", "xAf9g"), (Parts{"Af9"}));
  EXPECT_EQ(matches(R"((?i:'S))", "'s"), (Parts{"'s"}));
}

TEST(Regex, ClassesMayHoldClassesAndIntersections) {
  EXPECT_EQ(matches(R"([a[bc]]+)", "abcd"), (Parts{"abc"}));
  EXPECT_EQ(matches(R"([\p{L}&&[^\p{Han}]]+)", "ab\u4E2Dc"), (Parts{"ab", "c"}));
  EXPECT_EQ(matches(R"([^\p{L}&&[a-c]]+)", "xa1\nb"), (Parts{"x", "1\n"}));
  EXPECT_EQ(matches(R"([]a]+)", "]a["), (Parts{"]a"}));
  EXPECT_EQ(matches(R"([\^a]+)", "a^b"), (Parts{"a^"}));
  EXPECT_EQ(matches(R"([[:alpha:]]+)", "ab1"), (Parts{"ab"}));
  EXPECT_EQ(matches(R"([a[^b]]+)", "abca"), (Parts{"a", "ca"}));
  EXPECT_EQ(matches(R"([a-c&&b-d&&[^c]]+)", "abcd"), (Parts{"b"}));
  EXPECT_EQ(matches(R"([\p{Script=Greek}]+)", "a\u03B1"), (Parts{"\u03B1"}));
}

TEST(Regex, QuantifiersFollowOniguruma) {
  EXPECT_EQ(matches(R"(\d{1,3}+)", "12345"), (Parts{"12345"}));  // a repeat of a repeat
  EXPECT_EQ(matches(R"((?:ab){2}+)", "abababab"), (Parts{"abababab"}));
  EXPECT_EQ(matches(R"(a++b|a)", "aaab"), (Parts{"aaab"}));
  EXPECT_EQ(matches(R"(x{,2})", "xxx"), (Parts{"xx", "x"}));  // no empty match where another ended
  EXPECT_EQ(matches(R"(a{b)", "a{b"), (Parts{"a{b"}));
}

TEST(Regex, AnchorsAreThoseOfLinesAndEscapesOfCodePoints) {
  EXPECT_EQ(matches("^a$", "a\na"), (Parts{"a", "a"}));
  EXPECT_EQ(matches(R"(\u4e00|\x{41})", "\u4E00A"), (Parts{"\u4E00", "A"}));
}

TEST(Regex, BadPatternsAreRefusedWithTheirText) {
  for (const char* pattern : {"(", "[a", "a)", R"(\)", R"(\p{Nonsense})", R"(\u12)", "[]", "[^]", "[a&&]", "[b-a]",
                              R"((a)\1)", R"((?<n>a)\k<n>)", R"(\X)", "(?~a)", "(?W:a)", R"([[:nonsense:]])"}) {
    EXPECT_THROW(Regex{pattern}, Unsupported) << pattern;
  }
}

TEST(Regex, EndlessBacktrackingStops) {
  EXPECT_THROW(matches("(?:a|aa|aaa)+c", std::string(200, 'a') + "bc"), Unsupported);
}

TEST(Regex, EmptyMatchesAdvance) {
  EXPECT_EQ(matches("(?=b)", "abcb"), (Parts{"", ""}));
  EXPECT_EQ(split("(?=b)", SplitBehavior::kIsolated, "abcb"), (Parts{"a", "bc", "b"}));
}

TEST(Split, BehaviorsOfTheDelimiter) {
  const std::string text = "the-final--countdown";
  EXPECT_EQ(split("-", SplitBehavior::kRemoved, text), (Parts{"the", "final", "countdown"}));
  EXPECT_EQ(split("-", SplitBehavior::kIsolated, text), (Parts{"the", "-", "final", "-", "-", "countdown"}));
  EXPECT_EQ(split("-", SplitBehavior::kMergedWithPrevious, text), (Parts{"the-", "final-", "-", "countdown"}));
  EXPECT_EQ(split("-", SplitBehavior::kMergedWithNext, text), (Parts{"the", "-final", "-", "-countdown"}));
  EXPECT_EQ(split("-", SplitBehavior::kContiguous, text), (Parts{"the", "-", "final", "--", "countdown"}));
  EXPECT_EQ(split(R"(\w+)", SplitBehavior::kRemoved, text, true), (Parts{"the", "final", "countdown"}));
}

TEST(Split, IllFormedBytesAreApartAndKept) {
  EXPECT_EQ(split(R"(\w+)", SplitBehavior::kIsolated, "ab\xFF\xFE cd"), (Parts{"ab", "\xFF\xFE", " ", "cd"}));
}

TEST(GgufPreTokenizers, CutAsTheModelsDo) {
  EXPECT_EQ(pre_tokenize("gpt-2", "I'm  ok!\n\n x1"), (Parts{"I", "'m", " ", " ok", "!", "\n\n", " x", "1"}));
  EXPECT_EQ(pre_tokenize("llama-bpe", "I'M 12345 ok!\n\n x"),
            (Parts{"I", "'M", " ", "123", "45", " ok", "!\n\n", " x"}));
  EXPECT_EQ(pre_tokenize("qwen2", "a123"), (Parts{"a", "1", "2", "3"}));
  EXPECT_EQ(pre_tokenize("qwen35", "e\u0301a"), (Parts{"e\u0301a"}));
  EXPECT_EQ(pre_tokenize("qwen2", "e\u0301a"), (Parts{"e", "\u0301a"}));
  EXPECT_EQ(pre_tokenize("default", "a 12345(+b"), (Parts{"a", " ", "123", "45", "(+", "b"}));
  EXPECT_EQ(pre_tokenize("falcon", "a`12345"), (Parts{"a", "`", "123", "45"}));
  EXPECT_EQ(pre_tokenize("starcoder", "a 12"), (Parts{"a", " ", "1", "2"}));
  EXPECT_EQ(pre_tokenize("tekken", "HelloWorld ABc 12"), (Parts{"Hello", "World", " ABc", " ", "1", "2"}));
  EXPECT_EQ(pre_tokenize("gpt-4o", "HelloWorld's 1234"), (Parts{"Hello", "World's", " ", "123", "4"}));
  EXPECT_EQ(pre_tokenize("deepseek-coder", "ab 12\n\u4E2D\u6587"), (Parts{"ab", " ", "1", "2", "\n", "\u4E2D\u6587"}));
  EXPECT_EQ(pre_tokenize("deepseek-llm", "ab.\u3002 12  "), (Parts{"ab", ".", "\u3002", " ", "12", "  "}));
  EXPECT_EQ(pre_tokenize("deepseek-v3", "a \u4E2D\u6587b 1234=x"),
            (Parts{"a", " ", "\u4E2D\u6587", "b", " ", "123", "4", "=x"}));
  EXPECT_EQ(pre_tokenize("kimi-k2", "ab\u4E2D\u6587cd's"), (Parts{"ab", "\u4E2D\u6587", "cd's"}));
  EXPECT_EQ(pre_tokenize("bloom", "ab cd, ef"), (Parts{"ab", " cd", ",", " ef"}));
  EXPECT_EQ(pre_tokenize("viking", "ab.12"), (Parts{"ab", ".", "1", "2"}));
  EXPECT_EQ(pre_tokenize("superbpe", "ab 1234567 c"), (Parts{"ab ", "1", "234", "567", " c"}));
  EXPECT_EQ(pre_tokenize("tiny_aya", "ab1234567"), (Parts{"ab", "1", "234", "567"}));
  EXPECT_EQ(pre_tokenize("chameleon", "<sentinel:1>IMGIMGABZx"),
            (Parts{"<", "sentinel", ":", "1", ">", "IMGIMGABZ", "x"}));
  EXPECT_EQ(pre_tokenize("exaone-moe", "a b 12"), (Parts{"a b", " ", "1", "2"}));
  EXPECT_EQ(pre_tokenize("gemma4", "a b\n\nc"), (Parts{"a b", "\n\n", "c"}));
  EXPECT_EQ(pre_tokenize("jais-2", std::string(6, ' ') + "x"), (Parts{"    ", " ", " x"}));
}

TEST(GgufPreTokenizers, EveryListedNameWorksAndUnknownNamesListThem) {
  try {
    gguf_pre_tokenizer("no-such");
    FAIL();
  } catch (const Unsupported& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("\"no-such\""), std::string::npos);
    for (const char* name : {"default", "llama-bpe", "deepseek-r1-qwen", "glm4", "bailingmoe", "youtu", "afmoe",
                             "minicpm5", "seed-coder", "granite-embed-multi-97m", "spark2_5", "laguna", "ufakzeka"}) {
      EXPECT_NE(message.find(name), std::string::npos) << name;
      EXPECT_EQ(pre_tokenize(name, "a b").size(), 2U) << name;
    }
  }
}

TEST(Metaspace, PrependsAndSplits) {
  const auto apply = [](MetaspaceStep::Prepend prepend, bool do_split, std::string text, bool at_start) {
    Pieces pieces = Pieces::of(std::move(text), at_start);
    MetaspaceStep("_", prepend, do_split).apply(pieces);
    return pieces_of(pieces);
  };
  using Prepend = MetaspaceStep::Prepend;
  EXPECT_EQ(apply(Prepend::kAlways, true, "a b", true), (Parts{"_a", "_b"}));
  EXPECT_EQ(apply(Prepend::kAlways, false, " a b", true), (Parts{"_a_b"}));
  EXPECT_EQ(apply(Prepend::kFirst, false, "a b", false), (Parts{"a_b"}));
  EXPECT_EQ(apply(Prepend::kNever, true, "a b", true), (Parts{"a", "_b"}));
}

}  // namespace
}  // namespace hearth
