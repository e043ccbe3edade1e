#include "server/answer_reader.h"

#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>

#include "server/call_opening.h"
#include "server/custom_input.h"
#include "server/testing/scripted_answer.h"

namespace hearth {
namespace {

using Kind = AnswerPiece::Kind;

// The pieces in words: "think(…) text(…) call(name) args(…) end(…) broken(…)".
std::string shown(const std::vector<AnswerPiece>& pieces) {
  static constexpr const char* kWords[] = {"think", "text", "call", "args", "end", "broken"};
  std::string words;
  for (const AnswerPiece& piece : pieces) {
    if (!words.empty()) words += ' ';
    const ClientTool& tool = piece.call.tool;
    const std::string name = (tool.space.empty() ? "" : tool.space + "/") + tool.name + (tool.is_custom ? "*" : "");
    words += kWords[static_cast<int>(piece.kind)];
    words += '(' + (piece.kind == Kind::kCall ? name : piece.text) + ')';
  }
  return words;
}

std::string output(std::string_view more) {
  return "<think>Hm.</think>\n\nI look." + std::string(more);
}

TEST(AnswerReader, WithoutASyntaxAllIsText) {
  const auto pieces = pieces_of("<think>a</think><tool_call>", 3, {});
  EXPECT_EQ(shown(pieces), "text(<think>a</think><tool_call>)");
}

TEST(AnswerReader, SplitsAnAnswerHoweverItIsCut) {
  const std::string text = output(std::string("\n") + std::string(kWeatherCall) + "\n" + std::string(kPatchCall));
  const std::string expected =
      "think(Hm.) text(I look.) call(get_weather) args({\"city\": \"Ulm\"}) end({\"city\": \"Ulm\"}) "
      "call(patch*) args(+a\n\"b\") end(+a\n\"b\")";
  for (std::size_t size = 1; size <= text.size(); ++size) EXPECT_EQ(shown(pieces_of(text, size)), expected) << size;
}

TEST(AnswerReader, CallsHaveNamesThatAreTheirOwn) {
  const auto pieces = pieces_of(std::string(kWeatherCall) + std::string(kWeatherCall));
  std::vector<std::string> ids;
  for (const AnswerPiece& piece : pieces) {
    if (piece.kind == Kind::kCall) ids.push_back(piece.call.id);
  }
  ASSERT_EQ(ids.size(), 2U);
  EXPECT_NE(ids[0], ids[1]);
  EXPECT_EQ(ids[0].size(), 9U);  // some templates take no others
  AnswerReading counted = hermes_reading();
  counted.ids_hold_names = true;
  counted.earlier_calls = 3;
  EXPECT_EQ(pieces_of(kWeatherCall, 1, counted).front().call.id, "functions.get_weather:3");
}

TEST(AnswerReader, KnowsToolsAsTheClientDoes) {
  const auto called = [](std::string_view name) {
    return shown({pieces_of("<tool_call>{\"name\": \"" + std::string(name) + "\", \"arguments\": {}}</tool_call>")[0]});
  };
  EXPECT_EQ(called("agents__close"), "call(agents/close)");
  EXPECT_EQ(called("close"), "call(agents/close)");
  EXPECT_EQ(called("agents.close"), "call(agents/close)");
}

TEST(AnswerReader, ACallThatIsNoneIsText) {
  const std::string broken =
      "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": nowhere}}\n</tool_call>";
  const auto parts = parts_of(broken);
  EXPECT_EQ(text_of(parts, Kind::kContent), broken);
  EXPECT_FALSE(has_called(parts));
  int broken_count = 0;
  for (const AnswerPiece& piece : pieces_of(broken)) {
    broken_count += piece.kind == Kind::kCallBroken ? 1 : 0;
    EXPECT_FALSE(piece.is_cut);
  }
  EXPECT_EQ(broken_count, 1);
}

TEST(AnswerReader, ACallThatWasCutStaysOne) {
  const std::string_view cut = kWeatherCall.substr(0, kWeatherCall.find("Ulm") + 2);
  const auto parts = parts_of(cut, hermes_reading(), FinishReason::kLength);
  ASSERT_EQ(parts.size(), 1U);
  EXPECT_EQ(parts[0].kind, Kind::kCall);
  EXPECT_FALSE(parts[0].is_complete);
  EXPECT_EQ(parts[0].text, "{\"city\": \"Ul");
  EXPECT_FALSE(has_called(parts));
  // Where a client would be told that it is complete, it is text.
  EXPECT_EQ(text_of(parts_of(cut, hermes_reading(), FinishReason::kLength, true), Kind::kContent), cut);
}

TEST(AnswerReader, OneCallIsEnoughWhereOneIsWanted) {
  OfferedTools tools = scripted_tools();
  tools.one_call = true;
  AnswerReader reader(hermes_reading(std::move(tools)));
  std::size_t read = 0;
  const auto tokens = tokens_of(std::string(kWeatherCall) + "\nmore" + std::string(kPatchCall), 1);
  while (!reader.has_enough() && read < tokens.size()) reader.add(tokens[read++]);
  EXPECT_LE(read, kWeatherCall.size());
  GenerationEnd end;
  end.reason = FinishReason::kCancelled;
  end.text = "more";
  EXPECT_TRUE(reader.add(tokens[read]).empty());
  EXPECT_TRUE(reader.end(end).empty());
  EXPECT_EQ(end.reason, FinishReason::kStop);
}

TEST(AnswerReader, CountsWhatWasThought) {
  const auto count = [](std::string_view text, bool is_thinking, FinishReason reason) {
    AnswerReading reading = hermes_reading();
    reading.options.thinking_is_open = is_thinking;
    AnswerReader reader(std::move(reading));
    for (GeneratedToken& token : tokens_of(text, 1)) reader.add(std::move(token));
    GenerationEnd end;
    end.reason = reason;
    end.usage.generated_tokens = static_cast<std::int64_t>(text.size());
    reader.end(end);
    return end.usage.reasoning_tokens;
  };
  EXPECT_EQ(count("abcd", true, FinishReason::kLength), 4);
  EXPECT_EQ(count("<think>abcd", false, FinishReason::kLength), 11);
  EXPECT_EQ(count("abcd", false, FinishReason::kStop), 0);
  const std::int64_t some = count("abcd</think>efgh", true, FinishReason::kStop);
  EXPECT_GE(some, 4);
  EXPECT_LE(some, 12);
}

TEST(AnswerReader, TextKeepsItsLogprobsAndMarksHaveNone) {
  AnswerReader reader(hermes_reading());
  std::string text, spelt;
  const std::string all = output(" And so.");
  for (GeneratedToken& token : tokens_of(all, 1, true)) {
    for (const AnswerPiece& piece : reader.add(std::move(token))) {
      if (piece.kind != Kind::kContent) continue;
      text += piece.text;
      for (const GeneratedToken& shown_token : piece.tokens) spelt += all[static_cast<std::size_t>(shown_token.id)];
    }
  }
  EXPECT_EQ(text, "I look. And so.");
  EXPECT_EQ(spelt, text);
}

TEST(AnswerReader, AnAnswerGoesOnFromItsPrefill) {
  for (const char* prefill : {"```\n", "  x < ", "<think>a</think>b"}) {
    AnswerReading reading = hermes_reading();
    reading.prefill = prefill;
    EXPECT_EQ(shown(pieces_of("  1;\n", 1, reading)), "text(  1;\n)") << prefill;
  }
}

TEST(AnswerReader, AnOpeningIsPartOfTheAnswer) {
  const auto opened = [](OfferedTools tools, bool is_thinking) {
    tools.must_call = true;
    const AnswerParserOptions options{.reads_calls = true, .thinking_is_open = is_thinking};
    return call_opening(hermes_syntax(), tools, options);
  };
  EXPECT_EQ(opened(scripted_tools(), false), "<tool_call>{\"name\": \"");
  OfferedTools one = scripted_tools();
  one.keep({"get_weather"});
  AnswerReading reading = hermes_reading(one);
  reading.opening = opened(one, true);
  reading.options.thinking_is_open = true;
  EXPECT_EQ(reading.opening, "\n</think>\n\n<tool_call>{\"name\": \"get_weather\", \"arguments\": ");
  EXPECT_EQ(shown(pieces_of("{\"city\": \"Ulm\"}}</tool_call>", 1, reading)),
            "call(get_weather) args({\"city\": \"Ulm\"}) end({\"city\": \"Ulm\"})");
  EXPECT_EQ(call_opening(std::make_shared<const AnswerSyntax>(), one, {.reads_calls = true}), "");
}

TEST(AnswerReader, ReadsMessagesWithHeaders) {
  AnswerSyntax syntax;
  syntax.has_message_headers = true;
  syntax.turn_open = "<|start|>assistant";
  AnswerReading reading = hermes_reading();
  reading.syntax = std::make_shared<const AnswerSyntax>(std::move(syntax));
  const std::string call =
      "<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>{\"city\": \"Ulm\"}<|call|>";
  const std::string expected = "call(get_weather) args({\"city\": \"Ulm\"}) end({\"city\": \"Ulm\"})";
  EXPECT_EQ(shown(pieces_of("<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant" + call, 1, reading)),
            "think(Hm.) " + expected);
  OfferedTools one = scripted_tools();
  one.keep({"get_weather"});
  reading.opening = call_opening(reading.syntax, one, {.reads_calls = true});
  EXPECT_EQ(reading.opening, call.substr(0, call.find('{')));
  EXPECT_EQ(shown(pieces_of(call.substr(call.find('{')), 1, reading)), expected);
}

TEST(OfferedTools, AreFunctionsForATemplate) {
  EXPECT_EQ(boost::json::serialize(scripted_tools().definitions()),
            R"([{"type":"function","function":{"name":"get_weather","description":"The weather.",)"
            R"("parameters":{"type":"object","properties":{"city":{"type":"string"}}}}},)"
            R"({"type":"function","function":{"name":"patch","description":"Changes files.",)"
            R"("parameters":{"type":"object","properties":{"input":{"type":"string",)"
            R"("description":"The input, as text."}},"required":["input"]}}},)"
            R"({"type":"function","function":{"name":"agents__close","description":"Ends an agent.",)"
            R"("parameters":{"type":"object","properties":{}}}}])");
}

std::string custom_text(std::string_view arguments, std::size_t size) {
  CustomInput input;
  std::string text;
  for (std::size_t at = 0; at < arguments.size(); at += size) text += input.add(arguments.substr(at, size));
  return text + input.finish();
}

TEST(CustomInput, IsTheTextHoweverItsArgumentsAreCut) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {R"({"input": "a\nb\t\"c\" \\ é"})", "a\nb\t\"c\" \\ é"},
      {R"( { "input" : "😀 \u00e9 \ud83d x"} )", "😀 é \uFFFD x"},
      {R"({"input": ""})", ""},
      {R"({"patch": "a\nb"})", "a\nb"},
      {R"({"input": 3})", R"({"input": 3})"},
      {R"({"a": "b", "input": "c"})", R"({"a": "b", "input": "c"})"},
      {"{}", "{}"}};
  for (const auto& [arguments, text] : cases) {
    for (std::size_t size = 1; size <= arguments.size(); ++size) EXPECT_EQ(custom_text(arguments, size), text) << size;
  }
}

}  // namespace
}  // namespace hearth
