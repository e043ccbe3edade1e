// How a model writes its answers is found from its template: small ones of every form, each read back.
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "text/answers/answer_probe.h"
#include "text/templates/chat_template.h"
#include "text/templates/testing/written_answer.h"

namespace hearth {
namespace {

// A template whose turns of the assistant are `turn`, of `m`; `opening` opens them, behind what stands there always.
std::string template_of(std::string_view turn, std::string_view opening = "") {
  return "{%- if tools %}Tools: {{ tools | tojson }}\n{% endif -%}"
         "{%- for m in messages %}{%- if m.role == 'assistant' %}{{- '<|bot|>' }}" +
         std::string(turn) +
         "{{- '<|end|>' }}{%- else %}{{- '<|' + m.role + '|>' + m.content + '<|end|>' }}{%- endif %}{%- endfor %}"
         "{%- if add_generation_prompt %}{{- '<|bot|>" +
         std::string(opening) + "' }}{%- endif %}";
}

constexpr std::string_view kTurnText = "{{- m.content }}";
constexpr std::string_view kThought =
    "{%- if m.reasoning_content %}{{- '<think>' + m.reasoning_content + '</think>' }}{%- endif %}";

std::string each_call(std::string_view before, std::string_view call, std::string_view after) {
  return "{%- if m.tool_calls %}" + std::string(before) + "{%- for c in m.tool_calls %}{%- set f = c.function %}" +
         std::string(call) + "{%- endfor %}" + std::string(after) + "{%- endif %}";
}

std::string each_argument(std::string_view argument) {
  return "{%- for k, v in f.arguments.items() %}" + std::string(argument) + "{%- endfor %}";
}

void expect_calls_read_back(const std::string& source, CallForm form) {
  SCOPED_TRACE(source);
  const ChatTemplate chat(source);
  EXPECT_EQ(chat.answers(true)->syntax.call.form, form);
  EXPECT_TRUE(chat.answers(true)->shows_calls);
  EXPECT_TRUE(chat.answers(true)->shows_tools);
  const WrittenTurns written = expect_turns_read_back(chat);
  EXPECT_EQ(written.count, static_cast<int>(test_turns().size()));
  EXPECT_TRUE(written.has_calls);
}

TEST(Answers, CallsThatAreObjects) {
  const std::string object = "{{- '{\"name\": \"' + f.name + '\", \"arguments\": ' + f.arguments | tojson + '}' }}";
  const std::string text(kTurnText);
  expect_calls_read_back(template_of(text + each_call("", "{{- '\n<call>' }}" + object + "{{- '</call>' }}", "")),
                         CallForm::kObject);
  expect_calls_read_back(
      template_of(text + each_call("{{- '<calls>[' }}", "{%- if not loop.first %}{{- ', ' }}{%- endif %}" + object,
                                   "{{- ']</calls>' }}")),
      CallForm::kObject);
  expect_calls_read_back(template_of(text + each_call("{{- '[CALLS]' }}", "{{- {f.name: f.arguments} | tojson }}", "")),
                         CallForm::kObject);
  expect_calls_read_back(
      template_of(text + each_call("", "{{- {'tool': f.name, 'input': f.arguments} | tojson }}", "")),
      CallForm::kObject);
}

TEST(Answers, CallsThatAreANameAndAnObject) {
  const std::string thought_and_text = std::string(kThought) + std::string(kTurnText);
  expect_calls_read_back(
      template_of(thought_and_text + each_call("", "{{- '<f=' + f.name + '>' + f.arguments | tojson + '</f>' }}", "")),
      CallForm::kNamedJson);
  expect_calls_read_back(
      template_of(thought_and_text +
                  each_call("{{- '<|calls|>' }}",
                            "{{- '<|id|>' + c.id + '<|name|>' + f.name + '<|args|>' + f.arguments | tojson"
                            " + '<|done|>' }}",
                            "{{- '<|calls_end|>' }}")),
      CallForm::kNamedJson);
}

TEST(Answers, CallsWithMarksAroundArguments) {
  const std::string thought_and_text = std::string(kThought) + std::string(kTurnText);
  const std::string argument =
      each_argument("{{- '<arg k=\"' + k + '\">' + (v if v is string else v | tojson) + '</arg>\n' }}");
  expect_calls_read_back(template_of(thought_and_text + each_call("{{- '<calls>' }}",
                                                                  "{{- '<call f=\"' + f.name + '\">\n' }}" + argument +
                                                                      "{{- '</call>\n' }}",
                                                                  "{{- '</calls>' }}")),
                         CallForm::kTagged);
  const std::string typed = each_argument(
      "{{- '<arg k=\"' + k + '\" text=\"' + ('yes' if v is string else 'no') + '\">' + (v if v is string else v | "
      "tojson)"
      " + '</arg>' }}");
  expect_calls_read_back(
      template_of(thought_and_text + each_call("", "{{- '<call>' + f.name }}" + typed + "{{- '</call>' }}", "")),
      CallForm::kTagged);
}

TEST(Answers, CallsInAProgramsManner) {
  const std::string comma = "{%- if not loop.first %}{{- ', ' }}{%- endif %}";
  const std::string arguments = each_argument(comma + "{{- k + '=' + v | tojson }}");
  expect_calls_read_back(
      template_of(std::string(kTurnText) + each_call("{{- '<|py|>[' }}",
                                                     comma + "{{- f.name + '(' }}" + arguments + "{{- ')' }}",
                                                     "{{- ']<|/py|>' }}")),
      CallForm::kLiterals);
}

TEST(Answers, ThoughtsThatThePromptOpens) {
  const std::string call =
      each_call("", "{{- '<call>' + {'name': f.name, 'arguments': f.arguments} | tojson + '</call>' }}", "");
  const std::string turn =
      "{{- '<think>' + (m.reasoning_content or '') + '</think>' }}" + std::string(kTurnText) + call;
  const std::string source = template_of(turn, "<think>");
  expect_calls_read_back(source, CallForm::kObject);
  const AnswerProbe probe = *ChatTemplate(source).answers(true);
  EXPECT_EQ(probe.reasoning_field, "reasoning_content");
  EXPECT_EQ(probe.syntax.thinking_open, "<think>");
  EXPECT_EQ(probe.syntax.thinking_close, "</think>");
  EXPECT_TRUE(probe.syntax.is_thinking_after("<|bot|><think>\n"));
  EXPECT_FALSE(probe.syntax.is_thinking_after("<|bot|><think></think>"));
}

// Models forget the mark before a call.
TEST(Answers, AnObjectWithoutItsMarkIsACall) {
  const ChatTemplate chat(template_of(
      std::string(kTurnText) +
      each_call("", "{{- '<call>' + {'name': f.name, 'arguments': f.arguments} | tojson + '</call>' }}", "")));
  const auto events = events_of_every_cut(chat.answers(true)->syntax, test_tool_types(), {.reads_calls = true},
                                          R"(Well. {"name": "ping", "arguments": {}})");
  EXPECT_EQ(summary(events), "Well. ping{}");
}

// Somebody has to tell the model of the tools then, and how to call them.
TEST(Answers, ATemplateWithoutToolsHasTheDefault) {
  const AnswerProbe probe =
      *ChatTemplate("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}").answers(true);
  EXPECT_FALSE(probe.shows_tools);
  EXPECT_FALSE(probe.shows_calls);
  EXPECT_TRUE(probe.is_default);
  EXPECT_EQ(probe.syntax.call.call_open, "<tool_call>");
  EXPECT_FALSE(probe.syntax.thinks());
}

// Which writes no calls, but has the mark that its model writes.
TEST(Answers, ATemplateThatTellsOfCallsOnly) {
  const std::string source = template_of(kTurnText) + "{# <|tool_list_start|> #}";
  const AnswerProbe probe = *ChatTemplate(source).answers(true);
  EXPECT_TRUE(probe.shows_tools);
  EXPECT_FALSE(probe.shows_calls || probe.is_default);
  EXPECT_EQ(probe.syntax.call.call_open, "<|tool_call_start|>");
}

}  // namespace
}  // namespace hearth
