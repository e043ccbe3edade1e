#include "grammar/token_mask.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "base/json_value.h"
#include "grammar/gbnf.h"
#include "grammar/grammar_source.h"
#include "grammar/schema_compiler.h"

namespace hearth {
namespace {

// Every byte, and what a tokenizer would have joined: pieces of words, of JSON, and characters cut in two.
std::shared_ptr<const GrammarVocabulary> vocabulary() {
  std::vector<std::string> tokens{""};
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  for (const char* text : {"ab",
                           "abc",
                           "name",
                           "na",
                           "me\"",
                           "\":",
                           "\": ",
                           "\": \"",
                           "\",",
                           "\", \"",
                           "\"}",
                           "\"},",
                           "{\"",
                           "{\"na",
                           "[{",
                           "}]",
                           "12",
                           "123",
                           ".5",
                           "e+",
                           "true",
                           "tru",
                           "null,",
                           "\\\"",
                           "\\n",
                           "\\u00",
                           "\\ud83d",
                           "\xf0\x9f",
                           "\x98\x80",
                           "a\xc3",
                           "\xa9",
                           " \"",
                           "\n  ",
                           "x\":1",
                           "name\":",
                           "b\",\"c",
                           "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}) {
    tokens.emplace_back(text);
  }
  return std::make_shared<GrammarVocabulary>(std::move(tokens), std::vector<std::uint32_t>{0});
}

// A random way through a grammar: at each step, every token's bit is what following its bytes says.
void expect_exact(const std::shared_ptr<const Grammar>& grammar, std::uint32_t seed, int step_count = 60) {
  const auto tokens = vocabulary();
  auto masks = std::make_unique<TokenMasks>(tokens, grammar);
  std::mt19937 random(seed);
  GrammarState state = masks->recognizer().start();
  std::string text;
  for (int step = 0; step < step_count; ++step) {
    const auto kept = masks->mask(state);
    const TokenMask& mask = *kept;
    std::vector<std::uint32_t> possible;
    for (std::uint32_t token = 0; token < tokens->size(); ++token) {
      const bool allowed = (mask[token / 32] >> token % 32 & 1) != 0;
      const bool expected = token == 0 ? masks->recognizer().can_end(state) : masks->after(state, token) != kDeadState;
      ASSERT_EQ(allowed, expected) << "after " << text << ": " << tokens->token(token);
      if (allowed) possible.push_back(token);
    }
    ASSERT_FALSE(possible.empty()) << "a dead end after " << text;
    const std::uint32_t token = possible[random() % possible.size()];
    if (token == 0) return;
    text += tokens->token(token);
    state = masks->after(state, token);
    if (step % 10 != 9) continue;
    auto others = std::make_unique<TokenMasks>(tokens, grammar);
    state = others->recognizer().adopt(masks->recognizer(), state);
    masks = std::move(others);
  }
}

TEST(TokenMask, IsWhatFollowingTheBytesSays) {
  for (const char* schema :
       {R"(true)", R"({"type":"object"})",
        R"({"type":"object","properties":{"name":{"type":"string","maxLength":40},"na":{"type":"integer"},"x":true},
            "required":["name"]})",
        R"({"type":"object","properties":{"name":{"type":"string","minLength":3,"maxLength":5}},"required":["name"],
            "additionalProperties":false})",
        R"({"type":"array","items":{"enum":["abc","ab","name",12,123,true]},"minItems":1})",
        R"({"type":"object","patternProperties":{"^na":{"type":"number"}},"additionalProperties":{"type":"null"},
            "minProperties":2})",
        R"({"type":"array","items":{"type":"string","pattern":"^[a-c\\u00e9\"]+$"},"contains":{"minLength":4}})"}) {
    for (std::uint32_t seed = 1; seed <= 3; ++seed) {
      expect_exact(compile_schema(parse_json(schema, 100, BigIntegers::kKeepDigits).value), seed);
    }
  }
  for (std::uint32_t seed = 1; seed <= 3; ++seed) {
    expect_exact(compile_gbnf("root ::= \"[\" (root | [a-c]+) (\",\" root)* \"]\""), seed);
    // Terminals that end where others of the same characters begin.
    expect_exact(compile_gbnf("root ::= [a-cn]+ ([b-e\u00e9]* \"name\"? [0-9]+)* [a-z\u00e9]*"), seed);
  }
}

// Tokens are left out behind which the text would take more bytes than there are tokens left, unless all are such.
void expect_short(const std::shared_ptr<const Grammar>& grammar, std::uint32_t seed, int step_count) {
  const auto tokens = vocabulary();
  TokenMasks masks(tokens, grammar);
  std::mt19937 random(seed);
  GrammarState state = masks.recognizer().start();
  for (int step = 0; step < step_count; ++step) {
    const auto all = masks.mask(state);
    const std::int64_t shortest = masks.shortest().of(state);
    const std::int64_t left = std::max<std::int64_t>(1, shortest - 3 + static_cast<std::int64_t>(random() % 12));
    const auto near = masks.mask(state, left);
    std::vector<std::uint32_t> possible;
    bool any = false, differ = false;
    for (std::uint32_t token = 0; token < tokens->size(); ++token) {
      if (((*all)[token / 32] >> token % 32 & 1) == 0) continue;
      possible.push_back(token);
      const bool fits = token == 0 || masks.shortest().of(masks.after(state, token)) <= left - 1;
      any = any || fits;
      differ = differ || fits != (((*near)[token / 32] >> token % 32 & 1) != 0);
    }
    ASSERT_FALSE(possible.empty());
    ASSERT_TRUE(any ? !differ : *near == *all) << "step " << step;
    const std::uint32_t token = possible[random() % possible.size()];
    if (token == 0) return;
    state = masks.after(state, token);
  }
}

// Repetitions that are counted far, whose states share masks wherever no token can tell them apart.
TEST(TokenMask, CountedRepetitionsAreExact) {
  const auto regex = [](const char* text) { return compile_grammar({GrammarSource::Kind::kRegex, text}); };
  const auto schema = [](const char* text) {
    return compile_schema(parse_json(text, 100, BigIntegers::kKeepDigits).value);
  };
  for (std::uint32_t seed = 1; seed <= 3; ++seed) {
    for (const auto& grammar : {regex("([a-cn]{2,9}[ \"]){20,30}(name)?"), regex("[ab\u00e9]{0,130}c?"),
                                regex("(abc|a){40,}"), regex("[a-z]{1,70}:[a-z]{70}(x|\U0001f600)+")}) {
      expect_exact(grammar, seed, 300);
      expect_short(grammar, seed, 300);
    }
    expect_exact(schema(R"({"type":"string","pattern":"^(ab|[a-c]c?)*$","minLength":80,"maxLength":160})"), seed, 300);
    expect_exact(schema(R"({"type":"string","pattern":"^[a-c\u00e9]{70,}n*$","maxLength":140})"), seed, 300);
    expect_exact(schema(R"({"type":"array","items":{"type":"string","minLength":90,"maxLength":95},"minItems":2})"),
                 seed, 300);
    expect_exact(schema(R"({"type":"string","pattern":"[a-c]{3}$","minLength":200})"), seed, 300);
  }
}

// A long text of a bounded number of characters needs new states all the way; whoever follows it changes masks in time.
TEST(TokenMask, MemoryIsBounded) {
  const auto grammar =
      compile_schema(parse_json(R"({"type":"string","maxLength":9000000})", 100, BigIntegers::kKeepDigits).value);
  const auto tokens = vocabulary();
  TokenMaskPool pool;
  auto masks = pool.masks(tokens, grammar);
  EXPECT_EQ(pool.masks(tokens, grammar), masks);
  GrammarState state = masks->recognizer().advance(masks->recognizer().start(), std::uint8_t{'"'});
  int changes = 0;
  for (int i = 0; i < 600000; ++i) {
    state = masks->after(state, 1 + 'a');
    if (!masks->is_full()) continue;
    const auto others = pool.masks(tokens, grammar);
    EXPECT_NE(others, masks);
    state = others->recognizer().adopt(masks->recognizer(), state);
    masks = others;
    ++changes;
  }
  EXPECT_NE(state, kDeadState);
  EXPECT_GT(changes, 0);
  EXPECT_LT(masks->recognizer().memory_bytes(), std::size_t{70} << 20);
}

}  // namespace
}  // namespace hearth
