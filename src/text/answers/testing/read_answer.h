// For tests of answers: an output as it is read, whole and in pieces.
#pragma once

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "text/answers/answer_parser.h"
#include "text/answers/answer_syntax.h"
#include "text/answers/tool_types.h"

namespace hearth {

inline void PrintTo(const AnswerEvent& event, std::ostream* out) {
  static constexpr const char* kNames[] = {"reasoning", "content", "call", "arguments", "end", "broken"};
  *out << kNames[static_cast<int>(event.kind)] << ':' << testing::PrintToString(event.text);
}

inline void add_events(const std::vector<AnswerEvent>& more, std::vector<AnswerEvent>& all) {
  for (const AnswerEvent& event : more) {
    const bool flows = event.kind == AnswerEvent::Kind::kReasoning || event.kind == AnswerEvent::Kind::kContent ||
                       event.kind == AnswerEvent::Kind::kArguments;
    if (flows && !all.empty() && all.back().kind == event.kind) {
      all.back().text += event.text;
    } else {
      all.push_back(event);
    }
  }
}

inline std::vector<AnswerEvent> events_of(const AnswerSyntax& syntax, const std::shared_ptr<const ToolTypes>& tools,
                                          AnswerParserOptions options, const std::vector<std::string_view>& pieces) {
  AnswerParser parser(std::make_shared<const AnswerSyntax>(syntax), tools, options);
  std::vector<AnswerEvent> all;
  for (const std::string_view piece : pieces) add_events(parser.feed(piece), all);
  add_events(parser.finish(), all);
  return all;
}

// Whole; and the same events have to come where every byte is a piece, and from two pieces that are cut anywhere.
inline std::vector<AnswerEvent> events_of_every_cut(const AnswerSyntax& syntax,
                                                    const std::shared_ptr<const ToolTypes>& tools,
                                                    AnswerParserOptions options, std::string_view text) {
  const std::vector<AnswerEvent> whole = events_of(syntax, tools, options, {text});
  std::vector<std::string_view> bytes;
  for (std::size_t i = 0; i < text.size(); ++i) bytes.push_back(text.substr(i, 1));
  EXPECT_EQ(events_of(syntax, tools, options, bytes), whole) << text;
  const std::size_t step = 1 + text.size() / 24;
  for (std::size_t i = 1; i < text.size(); i += step) {
    const std::vector<AnswerEvent> halves = events_of(syntax, tools, options, {text.substr(0, i), text.substr(i)});
    EXPECT_EQ(halves, whole) << text.substr(0, i) << "|" << text.substr(i);
    if (halves != whole) break;
  }
  return whole;
}

// One line: (thoughts) content name{arguments} …; what was broken is content.
inline std::string summary(const std::vector<AnswerEvent>& events) {
  ParsedAnswer answer;
  answer.add(events);
  std::string line;
  if (!answer.reasoning.empty()) line += "(" + answer.reasoning + ")";
  line += answer.content;
  for (const auto& call : answer.calls) {
    boost::system::error_code error;
    const boost::json::value arguments = boost::json::parse(call.arguments, error);
    EXPECT_TRUE(!error && arguments.is_object()) << call.arguments;
    line += " " + call.name + call.arguments;
  }
  return line;
}

}  // namespace hearth
