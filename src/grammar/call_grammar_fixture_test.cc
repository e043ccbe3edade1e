// What published templates write for an assistant's calls is what the grammar of calls allows, in their own syntax.
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>

#include "grammar/call_grammar.h"
#include "grammar/recognizer.h"
#include "text/templates/testing/published_templates.h"
#include "text/templates/testing/written_answer.h"

namespace hearth {
namespace {

CallGrammar grammar_of(const AnswerProbe& probe) {
  CallGrammar calls;
  calls.has_message_headers = probe.syntax.has_channels;
  if (!calls.has_message_headers) calls.syntaxes.push_back(probe.syntax.call);
  calls.ids_hold_names = probe.ids_hold_names;
  for (const auto& tool : test_tools()) {
    const auto& function = tool.at("function").as_object();
    calls.tools.push_back({{std::string(function.at("name").as_string())}, function.at("parameters"), false});
  }
  return calls;
}

// Where the next calls begin, from `from` on.
std::size_t next_calls(const CallMarks& marks, std::string_view output, std::size_t from) {
  std::size_t at = std::string_view::npos;
  for (const std::string& mark : marks.anywhere) at = std::min(at, output.find(mark, from));
  if (at != std::string_view::npos || marks.at_beginning.empty()) return at;
  const bool is_named = marks.at_beginning.front().find_first_of("{[") != 0;
  if (is_named) return from == 0 ? output.find_first_not_of(" \n") : std::string_view::npos;
  return output.find_first_of("{[", from);
}

// How many sections of calls the output has, each of which the grammar allows.
int followed(const CallGrammar& calls, std::string_view output) {
  Recognizer recognizer(compile_grammar(source_of(calls)));
  const CallMarks marks = call_marks(calls);
  int count = 0;
  for (std::size_t at = next_calls(marks, output, 0); at < output.size(); at = next_calls(marks, output, at)) {
    GrammarState state = recognizer.start();
    const std::size_t begin = at;
    while (at < output.size() && !recognizer.is_over(state)) {
      const GrammarState next = recognizer.advance(state, static_cast<std::uint8_t>(output[at]));
      if (next == kDeadState) break;
      state = next;
      ++at;
    }
    EXPECT_TRUE(recognizer.can_end(state)) << output.substr(begin, at - begin) << "\n | " << output.substr(at);
    if (!recognizer.can_end(state)) break;
    ++count;
  }
  return count;
}

class CallGrammarFixture : public testing::TestWithParam<std::string> {};

TEST_P(CallGrammarFixture, AllowsWhatTheTemplateWrites) {
  const ChatTemplate chat(template_file(GetParam(), "jinja"), {{"bos_token", "<s>"}, {"eos_token", "</s>"}});
  const auto probe = chat.answers(true);
  if (probe->syntax.has_message_headers && !probe->syntax.has_channels) {
    EXPECT_EQ(GetParam(), "muse-glimmer");  // no syntax that a grammar is made of
    return;
  }
  const CallGrammar calls = grammar_of(*probe);
  int count = 0;
  for (const WrittenTurn& turn : test_turns()) {
    const bool is_plain = turn.text.find('{') == std::string::npos && turn.reasoning.find('{') == std::string::npos;
    if (turn.calls.empty() || !is_plain) continue;
    const auto prompt = rendered_turn(chat, turn, false), whole = rendered_turn(chat, turn, true);
    if (!prompt || !whole) continue;
    const std::string output = model_output(probe->syntax, *prompt, *whole).text;
    const std::string_view name = turn.calls[0].at("name").as_string();
    if (output.find(name) == std::string::npos) continue;
    // Quotes and backslashes within quotes, and lists as Python writes them, are read, and not written.
    const bool is_python = probe->syntax.call.form == CallForm::kLiterals && probe->syntax.call.quote.empty();
    const bool is_awkward = name == "get_weather" || output.find("C:\\dir") != std::string::npos;
    if ((is_python && is_awkward) || output.find("{'k'") != std::string::npos) continue;
    SCOPED_TRACE(output);
    count += followed(calls, output);
  }
  EXPECT_EQ(count > 0, probe->shows_calls);
}

INSTANTIATE_TEST_SUITE_P(Published, CallGrammarFixture, testing::ValuesIn(template_names()),
                         [](const auto& test) { return case_name(test.param); });

}  // namespace
}  // namespace hearth
