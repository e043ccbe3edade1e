// What may come next: in thoughts that have a bound, in free text, in calls once they have begun, and in a text of a
// form that has thoughts or calls beside it.
#include "engine/grammar_follower.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "text/answers/known_syntaxes.h"
#include "text/tokenizers/gguf_metadata_builder.h"

namespace hearth {
namespace {

constexpr TokenId kEnd = 7, kControl = 256;  // bytes; then <tool_call>, </tool_call>, ">x" and ">{"
constexpr std::string_view kPing = R"({"name": "ping", "arguments": {"n": 3}})";

std::unique_ptr<Tokenizer> tokenizer_with_marks() {
  GgufMetadataBuilder builder;
  std::vector<std::string> tokens = byte_level_tokens();
  std::vector<std::int32_t> types(tokens.size(), 1);
  constexpr std::int32_t kNormal = 1, kControlType = 3;
  for (const char* mark : {"<tool_call>", "</tool_call>"}) {
    tokens.emplace_back(mark);
    types.push_back(kControlType);
  }
  for (const char* piece : {">x", ">{"}) {
    tokens.emplace_back(piece);
    types.push_back(kNormal);
  }
  builder.text("tokenizer.ggml.model", "gpt2").text("tokenizer.ggml.pre", "gpt-2");
  builder.texts("tokenizer.ggml.tokens", tokens).texts("tokenizer.ggml.merges", {});
  builder.integers("tokenizer.ggml.token_type", types);
  builder.id("tokenizer.ggml.eos_token_id", kEnd);
  return Tokenizer::from_gguf(builder.metadata());
}

CallGrammar ping_calls(std::string_view marks, bool one_call = false) {
  CallGrammar calls;
  calls.syntaxes = known_call_syntaxes(marks);
  calls.one_call = one_call;
  calls.tools = {{{"ping"},
                  boost::json::parse(R"({"type": "object", "properties": {"n": {"type": "integer"}},
                                         "required": ["n"], "additionalProperties": false})"),
                  true}};
  return calls;
}

Request calling(const CallGrammar& calls) {
  Request request;
  request.calls = CallGrammarRequest{source_of(calls), compile_calls(calls), call_marks(calls), {}, calls.one_call};
  return request;
}

Request thinking(std::int64_t tokens_max, bool is_open = true) {
  Request request;
  request.thinking = {.open = "<think>", .close = "</think>", .is_open = is_open, .token_count_max = tokens_max};
  return request;
}

class Follow {
 public:
  explicit Follow(const Request& request)
      : tokenizer_(tokenizer_with_marks()),
        follower_(request, *tokenizer_, grammar_vocabulary(*tokenizer_, tokenizer_->vocab_size())) {}

  bool allows(TokenId token) {
    const auto mask = follower_.mask();
    const auto index = static_cast<std::uint32_t>(token);
    return mask.empty() || (mask[index / 32] >> index % 32 & 1) != 0;
  }
  bool allows(char byte) { return allows(token_of(byte)); }
  void take(TokenId token) {
    EXPECT_TRUE(allows(token)) << token;
    follower_.accept(token);
  }
  // Byte by byte: how much of it is allowed.
  std::size_t say(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (is_over() || !allows(text[i])) return i;
      follower_.accept(token_of(text[i]));
    }
    return text.size();
  }
  void expect(std::string_view text) { EXPECT_EQ(text.substr(0, say(text)), text); }
  // The one token that may come; -1: there are several.
  TokenId only() {
    TokenId found = -1;
    for (TokenId token = 0; token < tokenizer_->vocab_size(); ++token) {
      if (!allows(token)) continue;
      if (found >= 0) return -1;
      found = token;
    }
    return found;
  }
  std::string forced() {
    std::string text;
    for (TokenId token = only(); token >= 0 && !is_over(); token = only()) {
      text += tokenizer_->token_bytes(token);
      follower_.accept(token);
    }
    return text;
  }
  // One of the tokens that may come, quotes and brackets seldom; the text of it.
  std::string take_any(std::mt19937& random) {
    std::vector<TokenId> tokens;
    for (TokenId token = 0; token < kControl; ++token) {
      if (token != kEnd && allows(token)) tokens.push_back(token);
    }
    if (tokens.empty()) return {};
    const TokenId chosen = tokens[random() % tokens.size()];
    follower_.accept(chosen);
    return std::string(tokenizer_->token_bytes(chosen));
  }
  bool is_over() const { return follower_.is_over(); }

 private:
  TokenId token_of(char byte) const { return tokenizer_->encode(std::string(1, byte), {.add_special = false}).front(); }

  std::unique_ptr<Tokenizer> tokenizer_;
  GrammarFollower follower_;
};

TEST(GrammarFollower, ACallIsBoundFromItsMarkOn) {
  Follow follow(calling(ping_calls("<tool_call>")));
  EXPECT_TRUE(follow.allows(kEnd));
  follow.expect("A <tool> is {\"name\": \"other\"}.\n<tool_call>\n{\"name\": \"");
  EXPECT_FALSE(follow.allows(kEnd) || follow.allows('o'));
  follow.expect("ping\", \"arguments\": {\"n\": ");
  EXPECT_FALSE(follow.allows('"') || follow.allows('}'));
  follow.expect("3}}\n</tool_call>");
  EXPECT_TRUE(follow.allows(kEnd) && follow.allows('x'));
  follow.expect("And:<tool_call>");  // another one
  EXPECT_FALSE(follow.allows('x') || follow.is_over());
}

TEST(GrammarFollower, MarksAreSpecialTokensOrText) {
  Follow follow(calling(ping_calls("<tool_call>")));
  follow.take(kControl);
  EXPECT_FALSE(follow.allows('x') || follow.allows(kControl));
  follow.expect(kPing);
  follow.take(kControl + 1);
  EXPECT_TRUE(follow.allows('x'));
  Follow pieces(calling(ping_calls("<tool_call>")));
  pieces.expect("<tool_call");
  // A token that ends the mark goes on as a call does.
  EXPECT_FALSE(pieces.allows(kControl + 2));
  pieces.take(kControl + 3);
  EXPECT_FALSE(pieces.allows('x'));
}

TEST(GrammarFollower, OneCallEndsTheAnswer) {
  Follow follow(calling(ping_calls("<tool_call>", true)));
  follow.expect("Well. <tool_call>" + std::string(kPing) + "</tool_call>");
  EXPECT_TRUE(follow.is_over());
}

TEST(GrammarFollower, ACallThatThePromptHasBegun) {
  Request request = calling(ping_calls("<tool_call>"));
  request.calls->begun = "<tool_call>\n{\"name\": \"ping\", \"arguments\": ";
  Follow follow(request);
  EXPECT_FALSE(follow.allows(kEnd) || follow.allows('x'));
  follow.expect("{\"n\": 3}}</tool_call>");
  EXPECT_TRUE(follow.allows(kEnd));
}

TEST(GrammarFollower, ACallWithoutAMarkBeginsTheAnswer) {
  Follow follow(calling(ping_calls("ipython")));
  follow.expect(" {\"name\":  \"ping\"");
  EXPECT_FALSE(follow.allows('x') || follow.allows(kEnd));
  follow.expect(", \"arguments\": {\"n\": 1}}");
  EXPECT_TRUE(follow.allows(kEnd));
  Follow text(calling(ping_calls("ipython")));
  text.expect("So {\"name\": \"ping\" or {\"name\": \"x\"");
  Follow other(calling(ping_calls("ipython")));
  other.expect("{\"name\": \"Ann\", \"age\": 3}");
}

TEST(GrammarFollower, ThoughtsHaveABound) {
  Follow follow(thinking(3));
  follow.expect("abc");
  EXPECT_EQ(follow.forced(), "</think>");
  follow.expect("abcdefgh");
  EXPECT_EQ(Follow(thinking(0)).forced(), "</think>");
  Follow early(thinking(9));
  early.expect("ab</think>cdefghijklm");
  // Thoughts that the model opens.
  Follow own(thinking(2, false));
  own.expect("\n<think>ab");
  EXPECT_EQ(own.forced(), "</think>");
  Follow none(thinking(2, false));
  none.expect("So <think>abcdefgh");
  Follow unbounded(thinking(-1));
  unbounded.expect("abcdefgh");
}

TEST(GrammarFollower, ATextInAFormHasThoughtsOrCallsBesideIt) {
  const auto calls = std::make_shared<CallGrammar>(ping_calls("<tool_call>"));
  const AnswerGrammar answer{{GrammarSource::Kind::kRegex, "[0-9]+!"}, "<think>", calls};
  Request request = thinking(100, false);
  request.grammar = GrammarRequest{source_of(answer), compile_answer(answer), {}};
  Follow follow(request);
  EXPECT_FALSE(follow.allows('x') || follow.allows(kEnd));
  follow.expect("<think>anything <tool_call> 1");
  EXPECT_FALSE(follow.allows(kEnd));
  follow.expect("</think>12!");
  EXPECT_TRUE(follow.is_over());
  Follow call(request);
  call.expect("<think></think><tool_call>" + std::string(kPing) + "</tool_call>");
  EXPECT_TRUE(call.allows(kEnd));
  EXPECT_FALSE(call.allows('1'));
}

TEST(GrammarFollower, ATextIsClosedWhileItCanBe) {
  Request request;
  request.grammar = GrammarRequest{
      {},
      compile_grammar({GrammarSource::Kind::kSchema,
                       R"({"type": "object", "properties": {"a": {"type": "array", "items": {"type": "string"}}},
                               "required": ["a"], "additionalProperties": false})"}),
      {}};
  request.token_count_max = 24;
  Follow follow(request);
  const std::string begun = "{\"a\":[\"bcdefghijklm";
  EXPECT_LT(follow.say(begun), begun.size());
  EXPECT_TRUE(follow.forced().ends_with("\"]}"));
  EXPECT_TRUE(follow.is_over());
  request.token_count_max = 5;  // too few for anything
  Follow shorter(request);
  EXPECT_EQ(shorter.say("{\"a\":"), 5u);
}

// Whatever is written, and however much a token opens: the text is complete with the last one.
TEST(GrammarFollower, ATextIsCompleteWhateverItsLimit) {
  for (const char* schema : {R"({"type": "object", "additionalProperties": false,
            "properties": {"many": {"type": "array", "minItems": 2, "items": {"type": "string"}},
                           "the property in the middle": {"type": "integer", "minimum": 1000000},
                           "the last property": {"enum": ["one of three", "another value"]}},
            "required": ["many", "the property in the middle", "the last property"]})",
                             R"({"type": "array", "minItems": 2, "items": {"type": "object",
            "properties": {"the first property": {"type": "string", "minLength": 3},
                           "another property": {"type": "array", "items": {"$ref": "#/items"}},
                           "the last property": {"enum": ["of three", "or four", "values"]}},
            "required": ["the first property", "the last property"], "additionalProperties": false}})",
                             R"({"$ref": "#/$defs/node", "$defs": {"node": {"type": "object", "minProperties": 1,
            "properties": {"a": {"$ref": "#/$defs/node"}, "b": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
                           "c": {"type": "string", "pattern": "^[a-f]{20,40}$"}},
            "additionalProperties": {"type": "array", "items": {"type": "number"}}}}})"}) {
    Request request;
    request.grammar = GrammarRequest{{}, compile_grammar({GrammarSource::Kind::kSchema, schema}), {}};
    for (const std::int64_t limit : {180, 400, 900}) {
      request.token_count_max = limit;
      for (unsigned seed = 0; seed < 8; ++seed) {
        std::mt19937 random(seed);
        Follow follow(request);
        std::string text;
        for (int i = 0; i < limit && !follow.is_over(); ++i) text += follow.take_any(random);
        EXPECT_TRUE(follow.is_over()) << limit << text;
        EXPECT_NO_THROW(boost::json::parse(text)) << limit << text;
      }
    }
  }
}

TEST(GrammarFollower, MessagesWithHeaders) {
  CallGrammar calls = ping_calls("");
  calls.has_message_headers = true;
  Request request = calling(calls);
  request.grammar = GrammarRequest{{}, compile_grammar({GrammarSource::Kind::kRegex, "[0-9]+!"}), "<|final|>"};
  request.thinking = {.open = "<|analysis|>",
                      .close = "<|end|>",
                      .may_come_anywhere = true,
                      .end = "<|end|><|final|>",
                      .token_count_max = 3};
  Follow follow(request);
  follow.expect("<|analysis|>abc");
  EXPECT_EQ(follow.forced(), "<|end|><|final|>");
  follow.expect("12!");
  EXPECT_TRUE(follow.is_over());
  request.thinking.token_count_max = 30;
  Follow call(request);
  call.expect("<|analysis|>a<|end|>to=functions.");
  EXPECT_FALSE(call.allows('o'));
  call.expect("ping <|message|>{\"n\": 3}");
  EXPECT_TRUE(call.allows(kEnd));  // in place of the answer's text
}

}  // namespace
}  // namespace hearth
