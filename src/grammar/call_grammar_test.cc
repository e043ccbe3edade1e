// Grammars of calls: what each syntax allows, and what not.
#include "grammar/call_grammar.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "grammar/recognizer.h"
#include "text/answers/known_syntaxes.h"

namespace hearth {
namespace {

constexpr std::string_view kWeather = R"({"type": "object", "properties": {
  "city": {"type": "string", "maxLength": 12}, "days": {"type": "integer", "minimum": 1, "maximum": 9},
  "units": {"enum": ["c", "f"]}, "hours": {"type": "array", "items": {"type": "integer"}},
  "note": {"type": ["string", "null"]}}, "required": ["city", "days"], "additionalProperties": false})";

CallGrammar calls_in(std::string_view marks, bool one_call = false) {
  CallGrammar calls;
  calls.syntaxes = known_call_syntaxes(marks);
  calls.one_call = one_call;
  calls.tools = {{{"weather"}, boost::json::parse(kWeather), true},
                 {{"ping"}, boost::json::parse(R"({"type": "object", "properties": {}})"), false}};
  return calls;
}

class Calls {
 public:
  explicit Calls(const CallGrammar& calls) : recognizer_(compile_grammar(source_of(calls))) {}

  void expect(std::string_view text) {
    const GrammarState state = recognizer_.advance(recognizer_.start(), text);
    EXPECT_TRUE(recognizer_.can_end(state)) << text;
  }
  // The text is one up to `at`, and cannot go on as it does.
  void refuse(std::string_view good, std::string_view bad) {
    const GrammarState state = recognizer_.advance(recognizer_.start(), good);
    EXPECT_NE(state, kDeadState) << good;
    EXPECT_EQ(recognizer_.advance(state, bad), kDeadState) << good << " | " << bad;
  }
  bool is_over_after(std::string_view text) {
    return recognizer_.is_over(recognizer_.advance(recognizer_.start(), text));
  }

 private:
  Recognizer recognizer_;
};

TEST(CallGrammar, Objects) {
  Calls calls(calls_in("<tool_call>"));
  calls.expect("<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Ulm\", \"days\": 3}}\n</tool_call>");
  calls.expect("<tool_call>{\"arguments\": {\"days\":3,\"city\":\"Ulm\"}, \"name\": \"weather\"}</tool_call>");
  calls.expect("<tool_call>{\"name\":\"ping\",\"arguments\":{\"any\": [1]}}</tool_call>");
  EXPECT_TRUE(calls.is_over_after("<tool_call>{\"name\":\"ping\",\"arguments\":{}}</tool_call>"));
  calls.refuse("<tool_call>{\"name\": \"", "other");
  calls.refuse("<tool_call>{\"name\": \"weather\", \"arguments\": {\"city\": \"Ulm\"", "}");
  calls.refuse("<tool_call>{\"name\": \"weather\", \"arguments\": {\"days\": ", "10");
  calls.refuse("<tool_call>{\"name\": \"weather\", \"arguments\": {", "\"other\"");
  calls.refuse("<tool_call>{\"arguments\": {\"any\": [1]}, \"name\": \"", "weather");
}

TEST(CallGrammar, SpecialTokensAreMarksOnly) {
  Calls calls(calls_in("<tool_call>"));
  calls.expect("\xff<tool_call>{\"name\":\"ping\",\"arguments\":{}}\xff</tool_call>");
  calls.refuse("<tool_call>{\"name\":\"ping\",\"arguments\":{\"a\": \"", "\xff");
  Calls tagged(calls_in("<arg_key>"));
  tagged.expect(
      "\xff<tool_call>weather\n<arg_key>city</arg_key>\n\xff<arg_value>Ulm</arg_value>"
      "<arg_key>days</arg_key><arg_value>3</arg_value>\xff</tool_call>");
  tagged.refuse("<tool_call>weather\n<arg_key>city</arg_key>\n<arg_value>U", "\xffx");
}

TEST(CallGrammar, ListsAndOneCall) {
  const std::string ping = R"({"name": "ping", "arguments": {}})";
  Calls many(calls_in("[TOOL_CALLS]"));
  many.expect("[TOOL_CALLS] [" + ping + ", " + ping + "]");
  Calls one(calls_in("[TOOL_CALLS]", true));
  one.expect("[TOOL_CALLS][" + ping + "]");
  one.refuse("[TOOL_CALLS][" + ping, ",");
}

TEST(CallGrammar, NamesAndObjects) {
  Calls blocks(calls_in("<｜tool▁call▁begin｜> ```json"));
  const std::string call =
      "<｜tool▁call▁begin｜>function<｜tool▁sep｜>weather\n```json\n{\"city\": \"Ulm\", \"days\": "
      "1}\n```<｜tool▁call▁end｜>";
  blocks.expect("<｜tool▁calls▁begin｜>" + call + "\n" + call + "<｜tool▁calls▁end｜>");
  CallGrammar kimi = calls_in("<|tool_calls_section_begin|>");
  kimi.ids_hold_names = true;
  Calls ids(kimi);
  ids.expect(
      "<|tool_calls_section_begin|><|tool_call_begin|>functions.ping:0<|tool_call_argument_begin|>{}"
      "<|tool_call_end|><|tool_calls_section_end|>");
  ids.refuse(
      "<|tool_calls_section_begin|><|tool_call_begin|>functions.ping:0<|tool_call_argument_begin|>{}"
      "<|tool_call_end|>",
      "x");
}

TEST(CallGrammar, ArgumentsBetweenMarks) {
  Calls calls(calls_in("<function= <parameter="));
  const std::string open = "<tool_call>\n<function=weather>\n";
  const std::string city = "<parameter=city>\nUlm\n</parameter>\n", days = "<parameter=days>\n3\n</parameter>\n";
  calls.expect(open + city + days + "</function>\n</tool_call>");
  calls.expect(open + days + "<parameter=hours>\n[1, 2]\n</parameter>\n<parameter=units>\nf\n</parameter>\n" + city +
               "</function>\n</tool_call>");
  calls.expect(open + city + days + "<parameter=note>\nnull\n</parameter></function></tool_call>");
  calls.refuse(open + city, "</function>");                         // days are missing
  calls.refuse(open + city + "<parameter=", "city");                // twice
  calls.refuse(open + "<parameter=city>\nA long nam", "e indeed");  // too long
  calls.refuse(open + "<parameter=units>\n", "x");
  calls.refuse(open + "<parameter=days>\n", "0");
  calls.refuse(open + "<parameter=hours>\n[1, ", "\"");
  calls.refuse(open + "<parameter=note>\n3", "\n</parameter>");  // would be read as a number
  calls.refuse(open + "<parameter=", "other");
}

TEST(CallGrammar, ValuesOfAProgram) {
  Calls calls(calls_in("<|tool_call_start|>"));
  calls.expect("<|tool_call_start|>[weather(city=\"Ulm\", days=3), ping(a=True)]<|tool_call_end|>");
  calls.expect("<|tool_call_start|>[weather(days=3, note=None, city='Ulm')]<|tool_call_end|>");
  calls.refuse("<|tool_call_start|>[weather(city=\"Ulm\"", ")");
  calls.refuse("<|tool_call_start|>[weather(units='", "x");
  Calls quotes(calls_in("<start_function_call>"));
  quotes.expect("<start_function_call>call:weather{city:<escape>Ulm<escape>,days:3}<end_function_call>");
  quotes.refuse("<start_function_call>call:weather{units:<escape>", "g");
}

TEST(CallGrammar, MessagesWithHeaders) {
  CallGrammar messages = calls_in("");
  messages.has_message_headers = true;
  Calls calls(messages);
  calls.expect("to=functions.weather \xff<|constrain|>json\xff<|message|>{\"city\": \"Ulm\", \"days\": 3}");
  calls.expect("to=functions.ping<|channel|>commentary json<|message|>{}");
  calls.refuse("to=functions.", "other");
  EXPECT_EQ(call_marks(messages).anywhere, std::vector<std::string>{"to=functions."});
}

TEST(CallGrammar, WhatCannotBeEnforcedIsRefusedWhereItIsStrict) {
  CallGrammar calls = calls_in("<function= <parameter=");
  calls.tools[0].parameters.as_object()["minProperties"] = 3;
  EXPECT_THROW(compile_calls(calls), Unsupported);
  calls.tools[0].is_strict = false;
  Calls free(calls);
  free.expect("<tool_call><function=weather><parameter=x>\ny\n</parameter></function></tool_call>");
  CallGrammar objects = calls_in("<tool_call>");
  objects.tools[0].parameters.as_object()["minProperties"] = 3;
  Calls strict(objects);
  strict.refuse("<tool_call>{\"name\": \"weather\", \"arguments\": {\"city\": \"U\", \"days\": 1", "}");
  objects.tools[0].parameters.as_object()["uniqueItems"] = "no";
  objects.tools[0].parameters.as_object()["$ref"] = "#/nowhere";
  EXPECT_ANY_THROW(compile_calls(objects));
}

TEST(CallGrammar, AnAnswerIsATextOrCalls) {
  AnswerGrammar answer{{GrammarSource::Kind::kSchema, R"({"type": "integer"})"},
                       "<think>",
                       std::make_shared<CallGrammar>(calls_in("<tool_call>"))};
  Recognizer recognizer(compile_grammar(source_of(answer)));
  const std::string ping = "<tool_call>{\"name\":\"ping\",\"arguments\":{}}</tool_call>";
  EXPECT_TRUE(recognizer.accepts("42"));
  EXPECT_TRUE(recognizer.accepts(ping + "\n" + ping));
  EXPECT_TRUE(recognizer.accepts("\xff<think>"));
  EXPECT_FALSE(recognizer.accepts(ping + "42"));
  EXPECT_FALSE(recognizer.accepts("Well"));
}

TEST(CallGrammar, CallsWithoutMarks) {
  const CallMarks marks = call_marks(calls_in("ipython"));
  EXPECT_TRUE(marks.anywhere.empty());
  const std::vector<std::string> expected{"{\"name\":\"weather\"", "{\"name\":\"ping\"", "[weather(", "[ping("};
  EXPECT_EQ(marks.at_beginning, expected);
  Calls calls(calls_in("ipython"));
  for (const std::string& mark : marks.at_beginning) calls.refuse(mark, "<");
}

}  // namespace
}  // namespace hearth
