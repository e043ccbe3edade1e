#include "grammar/rules.h"

#include <gtest/gtest.h>

#include <string>

#include "base/error.h"
#include "grammar/gbnf.h"
#include "grammar/recognizer.h"

namespace hearth {
namespace {

bool gbnf_accepts(std::string_view grammar, std::string_view text) {
  return Recognizer(compile_gbnf(grammar)).accepts(text);
}

constexpr std::string_view kArithmetic = R"gbnf(
# Sums of products, with parentheses.
root  ::= sum "\n"?
sum   ::= term ([-+] term)*
term  ::= atom | atom "*"
          term
atom  ::= [0-9]+ | "(" ws sum ws ")" ws
ws    ::= [ \t]{0,2}
)gbnf";

TEST(Gbnf, FollowsRecursiveRules) {
  EXPECT_TRUE(gbnf_accepts(kArithmetic, "1+2*(3-4)"));
  EXPECT_TRUE(gbnf_accepts(kArithmetic, "((( 10 )  ))*2\n"));
  EXPECT_FALSE(gbnf_accepts(kArithmetic, "1+"));
  EXPECT_FALSE(gbnf_accepts(kArithmetic, "(1"));
  EXPECT_FALSE(gbnf_accepts(kArithmetic, "(   1)"));
  EXPECT_FALSE(gbnf_accepts(kArithmetic, "1)"));
}

TEST(Gbnf, ReadsItsNotation) {
  EXPECT_TRUE(gbnf_accepts(R"(root ::= "a\"\x41\u00e9" [^a-c\]] . "z"{2,3})", "a\"A\u00e9d\u20aczz"));
  EXPECT_FALSE(gbnf_accepts(R"(root ::= "a\"\x41\u00e9" [^a-c\]] . "z"{2,3})", "a\"A\u00e9b\u20aczz"));
  EXPECT_TRUE(gbnf_accepts("root ::= a b\na ::= \"x\"{,2}\nb ::= \"y\"{2}", "xyy"));
  EXPECT_THROW(compile_gbnf("start ::= \"a\""), InvalidInput);
  EXPECT_THROW(compile_gbnf("root ::= missing"), InvalidInput);
  EXPECT_THROW(compile_gbnf("root ::= \"a"), InvalidInput);
  EXPECT_THROW(compile_gbnf("root ::= (\"a\""), InvalidInput);
  EXPECT_THROW(compile_gbnf("root ::= \"a\"{3,1}"), InvalidInput);
}

TEST(Gbnf, LeftRecursionIsTurnedOrRefused) {
  EXPECT_TRUE(gbnf_accepts("root ::= root \"+\" n | n\nn ::= [0-9] | \"(\" root \")\"", "1+2+(3+4)"));
  EXPECT_FALSE(gbnf_accepts("root ::= root \"+\" n | n\nn ::= [0-9] | \"(\" root \")\"", "1+"));
  EXPECT_THROW(compile_gbnf("root ::= a \"x\" | \"y\"\na ::= b?\nb ::= root"), Unsupported);
}

TEST(Gbnf, EmptyLoopsEnd) {
  EXPECT_TRUE(gbnf_accepts("root ::= (a?)* \"!\"\na ::= \"(\" a \")\" | \"x\"?", "(x)x!"));
  EXPECT_FALSE(gbnf_accepts("root ::= (a?)* \"!\"\na ::= \"(\" a \")\" | \"x\"?", "(x!"));
}

TEST(Regex, IsTheWholeText) {
  Recognizer recognizer(compile_regex(R"((foo|ba[rz])\d{2,}(?<year>-\w+)?)"));
  EXPECT_TRUE(recognizer.accepts("foo12"));
  EXPECT_TRUE(recognizer.accepts("baz123-x_1"));
  EXPECT_FALSE(recognizer.accepts("foo1"));
  EXPECT_FALSE(recognizer.accepts(" foo12"));
  EXPECT_EQ(recognizer.forced_bytes(recognizer.advance(recognizer.start(), "f")), "oo");
  EXPECT_THROW(compile_regex("a("), InvalidInput);
  EXPECT_THROW(compile_regex("[b-a]"), InvalidInput);
  EXPECT_THROW(compile_regex("*a"), InvalidInput);
  EXPECT_THROW(compile_regex("(?<=a)b"), Unsupported);
}

TEST(Choices, OneOfThem) {
  Recognizer recognizer(compile_choices({"yes", "no", "not sure", "\xc3\xa9t\xc3\xa9"}));
  EXPECT_TRUE(recognizer.accepts("no"));
  EXPECT_TRUE(recognizer.accepts("not sure"));
  EXPECT_TRUE(recognizer.accepts("\xc3\xa9t\xc3\xa9"));
  EXPECT_FALSE(recognizer.accepts("not"));
  EXPECT_EQ(recognizer.advance(recognizer.start(), "\xc3\xa8"), kDeadState);
  EXPECT_EQ(recognizer.forced_bytes(recognizer.advance(recognizer.start(), "y")), "es");
}

}  // namespace
}  // namespace hearth
