// For tests of templates with tools: what a template writes for a turn of the assistant's is read back as that turn.
#pragma once

#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "text/answers/answer_parser.h"
#include "text/answers/answer_probe.h"
#include "text/answers/reading.h"
#include "text/answers/syntax_texts.h"
#include "text/answers/testing/read_answer.h"
#include "text/jinja/test_support.h"
#include "text/templates/chat_template.h"

namespace hearth {

inline constexpr std::string_view kAskedQuestion = "What is it like there?";

struct WrittenTurn {
  std::string text, reasoning;
  boost::json::array calls;  // {"name", "arguments"}
};

inline boost::json::array test_tools() {
  return boost::json::parse(R"([
      {"type": "function", "function": {"name": "get_weather", "description": "w", "parameters": {"type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}, "limit": {"type": "number"},
          "wind": {"type": "boolean"}, "where": {"type": "object"}, "hours": {"type": "array"}},
        "required": ["city"]}}},
      {"type": "function", "function": {"name": "edit-file_2", "description": "e", "parameters": {"type": "object",
        "properties": {"path": {"type": "string"}, "text": {"type": "string"}}, "required": ["path", "text"]}}},
      {"type": "function", "function": {"name": "ping", "description": "p", "parameters": {"type": "object",
        "properties": {}}}}])")
      .as_array();
}

inline std::shared_ptr<const ToolTypes> test_tool_types() {
  ToolTypes types;
  for (const auto& tool : test_tools()) {
    const auto& function = tool.at("function").as_object();
    types.add(std::string_view(function.at("name").as_string()), function.at("parameters"));
  }
  return std::make_shared<const ToolTypes>(std::move(types));
}

inline std::vector<WrittenTurn> test_turns() {
  const boost::json::array calls = boost::json::parse(R"([
      {"name": "get_weather", "arguments": {"city": "Zürich \"West\" <b> & 'co'", "days": 3, "limit": -1.5,
        "wind": true, "where": {"k": ["v", false], "n": {"m": 2}}, "hours": [1, "two", 3.5]}},
      {"name": "edit-file_2", "arguments": {"path": "/tmp/a b.txt",
        "text": "int main() {\n  return 0;  // {\"x\": [1, 2}\n}"}}])")
                                       .as_array();
  const boost::json::array awkward = boost::json::parse(R"json([
      {"name": "edit-file_2", "arguments": {"path": "42", "text": "true"}},
      {"name": "edit-file_2", "arguments": {"path": "{\"a\": [1]}", "text": "  \n\n indented \n"}},
      {"name": "edit-file_2", "arguments": {"path": "C:\\dir\\new\ttab \\\" \u0001", "text": ""}},
      {"name": "edit-file_2", "arguments": {"path": "日本語 🙂 é", "text":
        "<tool_call> </parameter> <|x|> [TOOL_CALLS] </arg_value> </think> }} ]) ','"}},
      {"name": "get_weather", "arguments": {"city": "None", "wind": false, "where": {}, "hours": []}},
      {"name": "get_weather", "arguments": {"city": "it's, \"a\": 1)", "days": -7, "limit": 1e30,
        "where": {"city": "x", "name": "edit-file_2", "arguments": {"t": "<b>"}}, "hours": [[], {}, null, "'"]}}])json")
                                         .as_array();
  return {{"", "", calls},
          {"", "", {awkward[0]}},
          {"", "", {awkward[1], awkward[1], awkward[2]}},
          {"One\n\n- two {\"a\": 1} [x] <b>.", "", {awkward[3]}},
          {"", "Think {\"name\": \"f\"}.", {awkward[4], awkward[5]}},
          {"", "", boost::json::parse(R"([{"name": "ping", "arguments": {}}])").as_array()},
          {"{\"answer\": [1, 2]}", "", {}},
          {"", "", {calls[1]}},
          {"I look it up.", "", {calls[0]}},
          {"I look it up.", "They want to know. I look.\n\nYes.", {calls[0]}},
          {"It is fine.", "They want to know.", {}}};
}

inline boost::json::object turn_context(const WrittenTurn& turn, bool has_turn) {
  boost::json::array messages{{{"role", "user"}, {"content", kAskedQuestion}}};
  if (has_turn) {
    boost::json::object message{{"role", "assistant"}, {"content", turn.text}};
    if (!turn.reasoning.empty()) message["reasoning_content"] = turn.reasoning;
    boost::json::array calls;
    for (const auto& call : turn.calls) {
      const std::string id = "call" + std::to_string(10000 + calls.size());
      calls.push_back({{"id", id}, {"type", "function"}, {"function", call}});
    }
    if (!calls.empty()) message["tool_calls"] = std::move(calls);
    messages.push_back(std::move(message));
  }
  return {{"messages", std::move(messages)},
          {"tools", test_tools()},
          {"documents", nullptr},
          {"bos_token", "<s>"},
          {"eos_token", "</s>"},
          {"add_generation_prompt", !has_turn}};
}

inline std::optional<std::string> rendered_turn(const ChatTemplate& chat, const WrittenTurn& turn, bool has_turn) {
  try {
    return chat.render(chat.adapted(turn_context(turn, has_turn)), jinja::fixed_time);
  } catch (const InvalidInput&) {
    return std::nullopt;
  }
}

// What the model would have written after the prompt.
struct ModelOutput {
  std::string text;
  bool is_thinking = false;
};

inline ModelOutput model_output(const AnswerSyntax& syntax, const std::string& prompt, const std::string& whole) {
  if (whole.starts_with(prompt)) return {whole.substr(prompt.size()), syntax.is_thinking_after(prompt)};
  // Behind what opens the turn, as far as it stands there; white space differs.
  std::size_t begin = whole.rfind(kAskedQuestion) + kAskedQuestion.size();
  begin = whole.find(first_tag(syntax.turn_open), begin);
  for (const char c : without_space(syntax.turn_open)) {
    const std::size_t next = whole.find_first_not_of(kWhiteSpace, begin);
    if (next == std::string::npos || whole[next] != c) break;
    begin = next + 1;
  }
  return {whole.substr(begin), syntax.is_thinking_after(whole.substr(0, begin))};
}

inline void expect_turn_reads_back(const AnswerSyntax& syntax, const WrittenTurn& turn, const ModelOutput& output) {
  SCOPED_TRACE(output.text);
  const AnswerParserOptions options{.reads_calls = true, .thinking_is_open = output.is_thinking};
  const std::vector<AnswerEvent> whole = events_of_every_cut(syntax, test_tool_types(), options, output.text);
  ParsedAnswer answer;
  answer.add(whole);
  // Some templates write a text as a thought where calls follow.
  const bool has_thought = !turn.reasoning.empty() && output.text.find(turn.reasoning) != std::string::npos;
  const bool has_text = !turn.text.empty() && output.text.find(turn.text) != std::string::npos;
  const bool is_thought =
      has_text && !has_thought && answer.content.empty() && (!turn.calls.empty() || output.is_thinking);
  EXPECT_EQ(answer.reasoning, has_thought ? turn.reasoning : is_thought ? turn.text : "");
  EXPECT_EQ(trimmed(answer.content), has_text && !is_thought ? turn.text : "");
  std::size_t count = 0, written = 0;  // of those that the template has written
  for (const auto& call : turn.calls) {
    const std::string_view name = call.at("name").as_string();
    written = output.text.find(name, written);
    if (written == std::string::npos) break;
    written += name.size();
    ASSERT_LT(count, answer.calls.size());
    EXPECT_EQ(answer.calls[count].name, name);
    boost::system::error_code error;
    EXPECT_EQ(boost::json::parse(answer.calls[count].arguments, error), call.at("arguments"))
        << answer.calls[count].arguments;
    ++count;
  }
  EXPECT_EQ(answer.calls.size(), count);
}

// How many turns the template has written, and whether one had a call.
struct WrittenTurns {
  int count = 0;
  bool has_calls = false;
};

inline WrittenTurns expect_turns_read_back(const ChatTemplate& chat) {
  const AnswerSyntax& syntax = chat.answers(true)->syntax;
  WrittenTurns written;
  for (const WrittenTurn& turn : test_turns()) {
    const auto prompt = rendered_turn(chat, turn, false), whole = rendered_turn(chat, turn, true);
    if (!prompt || !whole) continue;
    ModelOutput output = model_output(syntax, *prompt, *whole);
    // Where no mark opens the thoughts, the prompt would have.
    if (!turn.reasoning.empty() && output.text.find(turn.reasoning) < output.text.find_first_not_of(" \n") + 1) {
      output.is_thinking = true;
    }
    // Nobody can read back what is in quotes and not escaped.
    if (syntax.call.form == CallForm::kLiterals && output.text.find(R"(C:\dir\new)") != std::string::npos) continue;
    ++written.count;
    const bool shows_call =
        !turn.calls.empty() && output.text.find(turn.calls[0].at("name").as_string().c_str()) != std::string::npos;
    written.has_calls = written.has_calls || shows_call;
    expect_turn_reads_back(syntax, turn, output);
  }
  return written;
}

}  // namespace hearth
