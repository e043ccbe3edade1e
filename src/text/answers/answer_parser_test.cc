// What models of each family write is read as thoughts, text and calls, however it is cut; what is no call is text.
#include "text/answers/answer_parser.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "text/answers/known_syntaxes.h"
#include "text/answers/reading.h"
#include "text/answers/testing/read_answer.h"

namespace hearth {
namespace {

std::shared_ptr<const ToolTypes> tools() {
  ToolTypes types;
  types.add("look_up", boost::json::parse(R"({"type": "object", "properties": {"word": {"type": "string"},
      "count": {"type": "integer"}, "exact": {"type": "boolean"}, "tags": {"type": "array"}}})"));
  types.add("stop", boost::json::parse(R"({"type": "object", "properties": {}})"));
  return std::make_shared<const ToolTypes>(std::move(types));
}

AnswerSyntax syntax_of(std::string_view source) {
  AnswerSyntax syntax;
  std::vector<CallSyntax> calls = source.empty() ? default_call_syntaxes() : known_call_syntaxes(source);
  EXPECT_FALSE(calls.empty()) << source;
  syntax.call = calls.front();
  syntax.other_calls.assign(calls.begin() + 1, calls.end());
  syntax.thinking_open = "<think>";
  syntax.thinking_close = "</think>";
  return syntax;
}

std::string read(const AnswerSyntax& syntax, std::string_view text,
                 AnswerParserOptions options = {.reads_calls = true}) {
  return summary(events_of_every_cut(syntax, tools(), options, text));
}

struct Family {
  const char* mark;  // in the template's source
  const char* output;
  const char* expected = R"(On it. look_up{"word": "a \"b\"", "count": 2})";
};

TEST(AnswerParser, ReadsWhatEachFamilyWrites) {
  const Family families[] = {
      {"<tool_call>",
       "On it.\n<tool_call>\n{\"name\": \"look_up\", \"arguments\": {\"word\": \"a \\\"b\\\"\", "
       "\"count\": 2}}\n</tool_call>"},
      {"<|tool_calls_section_begin|>",
       "On it.<|tool_calls_section_begin|><|tool_call_begin|>functions.look_up:0<|tool_call_argument_begin|>"
       "{\"word\": \"a \\\"b\\\"\", \"count\": 2}<|tool_call_end|><|tool_calls_section_end|>"},
      {"<｜tool▁call▁begin｜> ```json",
       "On it.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>look_up\n```json\n"
       "{\"word\": \"a \\\"b\\\"\", \"count\": 2}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>"},
      {"<｜tool▁call▁begin｜>",
       "On it.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>look_up<｜tool▁sep｜>{\"word\": \"a \\\"b\\\"\", \"count\": 2}"
       "<｜tool▁call▁end｜><｜tool▁calls▁end｜>"},
      {"｜DSML｜",
       "On it.\n\n<｜DSML｜function_calls>\n<｜DSML｜invoke name=\"look_up\">\n<｜DSML｜parameter name=\"word\" "
       "string=\"true\">a \"b\"</｜DSML｜parameter>\n<｜DSML｜parameter name=\"count\" string=\"false\">2"
       "</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜function_calls>"},
      {"<|tool_list_start|>", "On it.<|tool_call_start|>[look_up(word='a \"b\"', count=2)]<|tool_call_end|>"},
      {"<|START_ACTION|>",
       "On it.<|START_ACTION|>[\n  {\"tool_call_id\": \"0\", \"tool_name\": \"look_up\", \"parameters\": "
       "{\"word\": \"a \\\"b\\\"\", \"count\": 2}}\n]<|END_ACTION|>"},
      {"Action: ```json tool_name",
       "On it.\nAction:\n```json\n[\n{\n\"tool_name\": \"look_up\",\n\"parameters\": {\"word\": \"a \\\"b\\\"\", "
       "\"count\": 2}\n}\n]```"},
      {"[TOOL_CALLS] [ARGS]", "On it.[TOOL_CALLS]look_up[ARGS]{\"word\": \"a \\\"b\\\"\", \"count\": 2}"},
      {"[TOOL_CALLS] [ARGS]",
       "On it.[TOOL_CALLS]look_up[CALL_ID]abcdefghi[ARGS]{\"word\": \"a \\\"b\\\"\", \"count\": 2}"},
      {"[TOOL_CALLS]",
       "On it.[TOOL_CALLS] [{\"name\": \"look_up\", \"arguments\": {\"word\": \"a \\\"b\\\"\", "
       "\"count\": 2}, \"id\": \"abcdefghi\"}]"},
      {"<minimax:tool_call>",
       "On it.\n<minimax:tool_call>\n<invoke name=\"look_up\">\n<parameter name=\"word\">a \"b\"</parameter>\n"
       "<parameter name=\"count\">2</parameter>\n</invoke>\n</minimax:tool_call>"},
      {"<arg_key>",
       "On it.\n<tool_call>look_up\n<arg_key>word</arg_key>\n<arg_value>a \"b\"</arg_value>\n<arg_key>count</arg_key>\n"
       "<arg_value>2</arg_value>\n</tool_call>"},
      {"<function= <parameter=",
       "On it.\n<tool_call>\n<function=look_up>\n<parameter=word>\na \"b\"\n</parameter>\n<parameter=count>\n2\n"
       "</parameter>\n</function>\n</tool_call>"},
      {"<function=", "On it.<function=look_up>{\"word\": \"a \\\"b\\\"\", \"count\": 2}</function>"},
      {"<TOOLCALL>",
       "On it.<TOOLCALL>[{\"name\": \"look_up\", \"arguments\": {\"word\": \"a \\\"b\\\"\", \"count\": 2}}]"
       "</TOOLCALL>"},
      {"<|tool_call>", "On it.<|tool_call>call:look_up{word:<|\"|>a \"b\"<|\"|>,count:2}<tool_call|>"},
      {"<start_function_call>",
       "On it.<start_function_call>call:look_up{word:<escape>a \"b\"<escape>,count:2}<end_function_call>"},
      {"functools",
       "On it.\nfunctools[{\"name\": \"look_up\", \"arguments\": {\"word\": \"a \\\"b\\\"\", \"count\": 2}}]"},
      {"<|tool|>",
       "On it.<|tool_call|>[{\"name\": \"look_up\", \"arguments\": {\"word\": \"a \\\"b\\\"\", \"count\": 2}}]"
       "<|/tool_call|>"},
      {"<|tool|>",
       "On it.functools[{\"name\": \"look_up\", \"arguments\": {\"word\": \"a \\\"b\\\"\", \"count\": 2}}]"},
      {"<|tool_call|>",
       "On it.<|tool_call|>[{\"name\": \"look_up\", \"arguments\": {\"word\": \"a \\\"b\\\"\", \"count\": 2}}]"},
      {"ipython", "{\"name\": \"look_up\", \"parameters\": {\"word\": \"a \\\"b\\\"\", \"count\": 2}}",
       R"( look_up{"word": "a \"b\"", "count": 2})"},
      {"ipython",
       "<|python_tag|>{\"type\": \"function\", \"name\": \"look_up\", \"parameters\": {\"word\": \"x\"}}; "
       "{\"name\": \"stop\", \"parameters\": {}}",
       R"( look_up{"word": "x"} stop{})"},
      {"ipython", "[look_up(word=\"it's\", tags=['a', None]), stop()]",
       R"( look_up{"word": "it's", "tags": ["a", null]} stop{})"},
      {"ipython", "On it. {\"name\": \"look_up\", \"parameters\": {'word': 'a \"b\"', 'count': 2}}"},
      {"ipython", "On it.\n\n[look_up(word='a \\x22b\"', count=\"2\")]"},
      {"ipython", "[look_up(word=two words [2] a, count=2)]", R"( look_up{"word": "two words [2] a", "count": 2})"},
      {"ipython", "[look_up(word=42, tags=None)]", R"( look_up{"word": "42", "tags": null})"},
      {"",
       "On it.\n<tool_call>{\"name\": \"look_up\", \"arguments\": {\"word\": \"a \\\"b\\\"\", \"count\": 2}}"
       "</tool_call>"},
      {"", "{\"name\": \"look_up\", \"arguments\": {\"word\": \"x\"}}", R"( look_up{"word": "x"})"},
  };
  for (const Family& family : families) {
    const AnswerSyntax syntax = syntax_of(family.mark);
    EXPECT_EQ(read(syntax, family.output), family.expected) << family.output;
    const std::string thought = std::string("<think>\nHm.\n</think>\n\n") + family.output;
    EXPECT_EQ(read(syntax, thought), std::string("(Hm.)") + family.expected) << thought;
  }
}

TEST(AnswerParser, ReadsMessagesWithHeaders) {
  AnswerSyntax syntax;
  syntax.has_message_headers = true;
  EXPECT_EQ(read(syntax,
                 "<|channel|>analysis<|message|>Look.<|end|><|start|>assistant<|channel|>commentary<|message|>"
                 "Wait.<|end|><|start|>assistant<|channel|>commentary to=functions.look_up <|constrain|>json"
                 "<|message|>{\"word\": \"x\"}<|call|>"),
            R"((Look.)Wait. look_up{"word": "x"})");
  EXPECT_EQ(read(syntax, " to=functions.stop<|channel|>commentary json<|message|>{}<|call|>"), " stop{}");
  EXPECT_EQ(read(syntax, "<|channel|>final<|message|>Yes.<|return|>"), "Yes.");
  EXPECT_EQ(read(syntax, "No header."), "No header.");
}

TEST(AnswerParser, ReadsAllCallsOfATurn) {
  EXPECT_EQ(read(syntax_of("<tool_call>"),
                 "<tool_call>{\"name\": \"stop\", \"arguments\": {}}</tool_call>\n"
                 "<tool_call>{\"arguments\": {\"word\": \"y\"}, \"name\": \"look_up\"}\n"
                 "</tool_call> Done."),
            R"(Done. stop{} look_up{"word": "y"})");
  EXPECT_EQ(read(syntax_of("[TOOL_CALLS]"),
                 "[TOOL_CALLS][{\"name\": \"stop\", \"arguments\": \"{}\"}, "
                 "{\"name\": \"look_up\", \"arguments\": \"{\\\"count\\\": 1}\"}]"),
            R"( stop{} look_up{"count": 1})");
}

TEST(AnswerParser, ForgivesBracesAndSpace) {
  const AnswerSyntax syntax = syntax_of("<tool_call>");
  EXPECT_EQ(read(syntax, "<tool_call>{\"name\": \"stop\", \"arguments\": {}}}\n</tool_call> Done."), "Done. stop{}");
  EXPECT_EQ(read(syntax, "<tool_call>{\"name\": \"stop\", \"arguments\": {}\n</tool_call> Done."), "Done. stop{}");
  EXPECT_EQ(
      read(syntax_of("<arg_key>"), "<tool_call>look_up<arg_key>word</arg_key><arg_value>a\n</arg_value></tool_call>"),
      R"( look_up{"word": "a\n"})");
  EXPECT_EQ(read(syntax_of(""), "```json\n{\"name\": \"look_up\", \"arguments\": {\"count\": 1}}\n```"),
            R"( look_up{"count": 1})");
}

TEST(AnswerParser, ValuesTakeTheTypesOfTheSchema) {
  EXPECT_EQ(
      read(syntax_of("<arg_key>"),
           "<tool_call>look_up<arg_key>word</arg_key>\n<arg_value>12</arg_value><arg_key>count</arg_key>\n"
           "<arg_value>12</arg_value><arg_key>exact</arg_key>\n<arg_value>True</arg_value><arg_key>tags</arg_key>\n"
           "<arg_value>['a', 1]</arg_value><arg_key>other</arg_key>\n<arg_value>no json</arg_value></tool_call>"),
      R"( look_up{"word": "12", "count": 12, "exact": true, "tags": ["a", 1], "other": "no json"})");
}

// A long argument is not waited for.
TEST(AnswerParser, ArgumentsFlow) {
  for (const char* mark :
       {"<tool_call>", "<function= <parameter=", "<arg_key>", "<|tool_list_start|>", "<|tool_call>"}) {
    const std::string text =
        std::string(mark) == "<tool_call>"           ? "<tool_call>{\"name\": \"look_up\", \"arguments\": {\"word\": \""
        : std::string(mark) == "<arg_key>"           ? "<tool_call>look_up\n<arg_key>word</arg_key>\n<arg_value>"
        : std::string(mark) == "<|tool_list_start|>" ? "<|tool_call_start|>[look_up(word=\""
        : std::string(mark) == "<|tool_call>"        ? "<|tool_call>call:look_up{word:<|\"|>"
                                                     : "<tool_call><function=look_up><parameter=word>\n";
    AnswerParser parser(std::make_shared<const AnswerSyntax>(syntax_of(mark)), tools(), {.reads_calls = true});
    std::vector<AnswerEvent> events;
    add_events(parser.feed(text), events);
    add_events(parser.feed("so it begins "), events);
    add_events(parser.feed("and goes on"), events);
    ASSERT_EQ(events.size(), 2U) << mark;
    EXPECT_EQ(events[0], (AnswerEvent{AnswerEvent::Kind::kCall, "look_up"}));
    EXPECT_NE(events[1].text.find("so it begins"), std::string::npos) << mark << events[1].text;
  }
}

TEST(AnswerParser, WhatIsNoCallIsText) {
  const std::pair<const char*, const char*> cases[] = {
      {"<tool_call>", "{\"answer\": [1, {\"name\": \"look_up\"}]}"},
      {"<tool_call>", "A call is <tool_call> and ends with </tool_call>."},
      {"<tool_call>", "Write this:\n```xml\n<tool_call>{\"name\": \"stop\", \"arguments\": {}}</tool_call>\n```\nSo."},
      {"<tool_call>", "<tool_call>{\"name\": \"unheard_of\", \"arguments\": {}}</tool_call>"},
      {"<tool_call>", "<tool_call>{\"name\": \"look_up\", \"arguments\": {\"word\": \"cut o"},
      {"<tool_call>", "<tool_call>{\"name\": \"look_up\", \"arguments\": {word}}</tool_call> Well."},
      {"<tool_call>", "<tool_c"},
      {"ipython", "{\"city\": \"Bern\", \"name\": \"look_up\"}"},
      {"ipython", "{\"name\": \"Bern\", \"parameters\": {}}"},
      {"ipython", "{\"name\": \"look_up\"}"},
      {"ipython", "Say {\"name\": \"look_up\"} or [look_up(x)] and [look_up(word=\"a\"."},
      {"ipython", "[1, 2] are numbers. look_up(word=1) is a call."},
      {"ipython", "look_up(word=1) is a call."},
      {"<|tool_list_start|>", "<|tool_call_start|>[look_up(word=\"x\"<|tool_call_end|>"},
      {"<function= <parameter=", "<tool_call>\n<function=look_up>\n<parameter=word>\nab"},
      {"<arg_key>", "<tool_call>other<arg_key>a</arg_key>\n<arg_value>1</arg_value></tool_call>"},
      {"<｜tool▁call▁begin｜>", "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>look_up"},
      {"<|tool_calls_section_begin|>", "<|tool_calls_section_begin|><|tool_calls_section_end|>"},
      {"[TOOL_CALLS] [ARGS]", "[TOOL_CALLS]look_up[ARGS]\"no object\""},
      {"", "```json\n{\"word\": \"x\"}\n```"},
      {"", "Plain text\n\n  with space \n"},
  };
  for (const auto& [mark, text] : cases) {
    EXPECT_EQ(read(syntax_of(mark), text), text);
  }
}

TEST(AnswerParser, WithoutToolsCallsAreText) {
  const std::string_view text = "<tool_call>{\"name\": \"stop\", \"arguments\": {}}</tool_call>";
  EXPECT_EQ(read(syntax_of(""), text, {}), text);
}

TEST(AnswerParser, ThoughtsThatThePromptOpened) {
  const AnswerParserOptions options{.reads_calls = true, .thinking_is_open = true};
  const AnswerSyntax syntax = syntax_of("<tool_call>");
  EXPECT_EQ(read(syntax, "\nHm.\n\nYes.\n</think>\n\nIt is.", options), "(Hm.\n\nYes.)It is.");
  EXPECT_EQ(read(syntax, "Never ended", options), "(Never ended)");
  EXPECT_EQ(read(syntax, "<think>\nHm.</think>Yes.", options), "(Hm.)Yes.");
  EXPECT_EQ(read(syntax, "Hm.<tool_call>{\"name\": \"stop\", \"arguments\": {}}</tool_call>", options), "(Hm.) stop{}");
  EXPECT_EQ(read(syntax, "<think></think>\n\nNo thoughts."), "No thoughts.");
  EXPECT_EQ(read(syntax, "</think>No thoughts."), "No thoughts.");
}

// As when a client goes away.
TEST(AnswerParser, MayBeLeftAnywhere) {
  const std::string_view text =
      "<think>Hm.</think>On it.<tool_call>{\"name\": \"look_up\", \"arguments\": {\"word\": \"x\"}}"
      "</tool_call>";
  for (std::size_t size = 0; size <= text.size(); ++size) {
    AnswerParser parser(std::make_shared<const AnswerSyntax>(syntax_of("<tool_call>")), tools(), {.reads_calls = true});
    if (size > 0) parser.feed(text.substr(0, size));
    AnswerParser moved = std::move(parser);
    EXPECT_NO_THROW(moved.feed(""));
  }
}

TEST(AnswerParser, TextsWithMarksAroundThem) {
  AnswerSyntax syntax = syntax_of("<tool_call>");
  syntax.content_open = "<text>";
  syntax.content_close = "</text>";
  syntax.turn_end = "<|end|></s>";
  syntax.turn_open = "<|bot|>";
  EXPECT_EQ(read(syntax, "<think>Hm.</think><text>Yes.</text><tool_call>{\"name\": \"stop\"}</tool_call><|end|>\n</s>"),
            "(Hm.)Yes. stop{}");
  EXPECT_EQ(read(syntax, "One<|end|>\n<|bot|>\nTwo</s>"), "OneTwo");
  EXPECT_EQ(read(syntax, "The end is </s>, they say."), "The end is </s>, they say.");
  syntax.content_open = "all";
  EXPECT_EQ(read(syntax, "all\nall is well"), "all is well");
  EXPECT_EQ(read(syntax, "all is well"), "all is well");
}

// Pieces of calls, shuffled: nothing throws, the cut does not matter, and what is shown comes from what was written.
TEST(AnswerParser, AnyTextIsRead) {
  const std::vector<std::string> pieces = {"<tool_call>",
                                           "</tool_call>",
                                           "{\"name\": \"look_up\", ",
                                           "\"arguments\": ",
                                           "{\"word\": \"",
                                           "\"}",
                                           "}",
                                           "[",
                                           "]",
                                           "look_up",
                                           "(word='",
                                           "')",
                                           "<think>",
                                           "</think>",
                                           "<function=look_up>",
                                           "<parameter=word>\n",
                                           "\n</parameter>",
                                           "</function>",
                                           "text ",
                                           "\n\n",
                                           "é🙂",
                                           "\xff",
                                           "```",
                                           "<|channel|>",
                                           "analysis",
                                           "<|message|>",
                                           "<|end|>",
                                           "to=functions.look_up",
                                           "<arg_key>",
                                           "</arg_key>\n<arg_value>",
                                           "</arg_value>",
                                           "[TOOL_CALLS]",
                                           "[ARGS]",
                                           "\\u00",
                                           ","};
  std::mt19937 random(7);
  const auto any = [&](std::size_t count) { return std::uniform_int_distribution<std::size_t>(0, count - 1)(random); };
  const std::vector<const char*> marks = {
      "", "ipython", "<function= <parameter=", "<arg_key>", "[TOOL_CALLS] [ARGS]", "<|tool_list_start|>"};
  for (int round = 0; round < 800; ++round) {
    AnswerSyntax syntax = syntax_of(marks[any(marks.size())]);
    syntax.has_message_headers = any(6) == 0;
    std::string text;
    for (std::size_t i = 1 + any(12); i > 0; --i) text += pieces[any(pieces.size())];
    const AnswerParserOptions options{.reads_calls = any(4) > 0, .thinking_is_open = any(4) == 0};
    const auto whole = events_of(syntax, tools(), options, {text});
    std::vector<std::string_view> cut;
    for (std::size_t at = 0; at < text.size();) {
      cut.push_back(std::string_view(text).substr(at, 1 + any(5)));
      at += cut.back().size();
    }
    ASSERT_EQ(events_of(syntax, tools(), options, cut), whole) << testing::PrintToString(text);
    ParsedAnswer answer;
    answer.add(whole);
    const bool has_other_markup = syntax.has_message_headers || text.find("think>") != std::string::npos;
    if (answer.calls.empty() && !has_other_markup && !options.thinking_is_open) {
      ASSERT_EQ(trimmed(answer.content), trimmed(text));
    }
    for (const auto& call : answer.calls) {
      boost::system::error_code error;
      const boost::json::value arguments = boost::json::parse(call.arguments, error);
      ASSERT_TRUE(!error && arguments.is_object()) << call.arguments;
    }
  }
}

}  // namespace
}  // namespace hearth
