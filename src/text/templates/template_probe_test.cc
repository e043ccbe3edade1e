// How templates want their conversations, and that no text is lost on the way: whole prompts of small templates, each
// in the manner of a family that is used.
#include "text/templates/template_probe.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "text/templates/chat_template.h"

namespace hearth {
namespace {

constexpr std::string_view kString = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}";
constexpr std::string_view kParts =
    "{% for m in messages %}[{{ m.role }}]{% for p in m.content %}{% if p.type == 'text' %}{{ p.text }}{% endif %}"
    "{% endfor %}{% endfor %}";
// Turns must alternate, and there is no system message.
constexpr std::string_view kStrict =
    "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('alternate!') }}"
    "{% endif %}[{{ m.role }}]{{ m.content }}{% endfor %}";
// The first message may be the system's, and others of it are not looked at.
constexpr std::string_view kFirstSystem =
    "{% if messages[0].role == 'system' %}<{{ messages[0].content }}>{% endif %}"
    "{% for m in messages %}{% if m.role != 'system' %}[{{ m.role }}]{{ m.content }}{% endif %}{% endfor %}";

std::string prompt(std::string_view source, std::string_view messages) {
  const ChatTemplate chat{std::string(source)};
  return chat.render(chat.adapted({{"messages", boost::json::parse(messages)}}));
}

std::vector<std::string> findings(std::string_view source) {
  return ChatTemplate(std::string(source)).findings();
}

TEST(TemplateProbe, PartsOrAString) {
  constexpr std::string_view kText = R"([{"role": "user", "content": "hi"}])";
  constexpr std::string_view kList = R"([{"role": "user", "content": [{"type": "text", "text": "hi"}]}])";
  for (const std::string_view source : {kString, kParts}) {
    EXPECT_EQ(prompt(source, kText), "[user]hi");
    EXPECT_EQ(prompt(source, kList), "[user]hi");
    EXPECT_TRUE(findings(source).empty());
  }
  // Each role as it is wanted; a template that knows both gets strings.
  constexpr std::string_view kUserParts =
      "{% for m in messages %}{% if m.role == 'user' %}{{ m.content[0].text }}{% else %}{{ m.content + '.' }}{% endif "
      "%}"
      "{% endfor %}";
  EXPECT_EQ(prompt(kUserParts, R"([{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}])"), "qa.");
  constexpr std::string_view kBoth =
      "{% for m in messages %}{% if m.content is string %}s{{ m.content }}{% else %}p{{ m.content[0].text }}{% endif %}"
      "{% endfor %}";
  EXPECT_EQ(prompt(kBoth, kList), "shi");
}

TEST(TemplateProbe, SystemMessagesInTheirPlaceOrInTheUsersTurn) {
  constexpr std::string_view kMessages =
      R"([{"role": "system", "content": "s"}, {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"},
          {"role": "user", "content": "q2"}, {"role": "developer", "content": "late"}])";
  EXPECT_EQ(prompt(kString, kMessages), "[system]s[user]q[assistant]a[user]q2[system]late");
  EXPECT_EQ(prompt(kFirstSystem, kMessages), "<s>[user]q[assistant]a[user]q2\n\nlate");
  EXPECT_EQ(prompt(kStrict, kMessages), "[user]s\n\nq[assistant]a[user]q2\n\nlate");
  EXPECT_TRUE(findings(kFirstSystem).empty());
  EXPECT_EQ(findings(kStrict),
            (std::vector<std::string>{"the chat template refuses a system message (chat template, line 1: alternate!): "
                                      "its text becomes the beginning of the user's message"}));
}

TEST(TemplateProbe, TwoMessagesInARowAreNoReasonToFail) {
  EXPECT_EQ(prompt(kStrict, R"([{"role": "user", "content": "a"}, {"role": "user", "content": "b"}])"), "[user]a\n\nb");
}

TEST(TemplateProbe, ArgumentsAsATemplateWritesThem) {
  constexpr std::string_view kCalls =
      R"([{"role": "user", "content": "q"}, {"role": "assistant", "content": "", "tool_calls": [{"type": "function",
          "function": {"name": "f", "arguments": {"a": 1}}}]}, {"role": "tool", "content": "r"}])";
  constexpr std::string_view kText =
      "{% for m in messages %}{{ m.content }}{% for c in m.tool_calls or [] %}{{ c.function.name + '(' + "
      "c.function.arguments + ')' }}{% endfor %}{% endfor %}";
  constexpr std::string_view kObject =
      "{% for m in messages %}{{ m.content }}{% for c in m.tool_calls or [] %}{% for k, v in "
      "c.function.arguments.items() %}{{ k }}={{ v }};{% endfor %}{% endfor %}{% endfor %}";
  EXPECT_EQ(prompt(kText, kCalls), R"(qf({"a": 1})r)");  // as json.dumps has it
  EXPECT_EQ(prompt(kObject, kCalls), "qa=1;r");
}

TEST(TemplateProbe, WhatIsLostIsSaid) {
  const auto only = [](std::string_view source) {
    const std::vector<std::string> all = findings(source);
    return all.size() == 1 ? all.front() : "there are " + std::to_string(all.size());
  };
  EXPECT_EQ(only("Hello"), "the chat template leaves out the text of a user's message");
  EXPECT_EQ(only("{% if false %}x{% endif %}"), "the chat template renders nothing for a user's message");
  EXPECT_EQ(only("{{ raise_exception('never') }}"),
            "the chat template refuses a user's message: chat template, line 1: never");
  EXPECT_EQ(only("{% for m in messages if m.role != 'system' %}{{ m.content }}{% endfor %}"),
            "the chat template drops the system message: its text becomes the beginning of the user's message");
  EXPECT_EQ(only("{% if messages[0].role == 'system' %}{{ messages[0].content }}{% endif %}{{ messages[-1].content }}"),
            "the chat template leaves out messages of a longer conversation");
  EXPECT_EQ(only("{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}").substr(0, 36),
            "the chat template was not examined: ");
}

}  // namespace
}  // namespace hearth
