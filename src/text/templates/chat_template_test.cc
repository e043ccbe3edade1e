// Where a model keeps its chat template, and rendering it over a conversation. The templates here are written for these
// tests, in the manner of the families that they name.
#include "text/templates/chat_template.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/error.h"
#include "text/answers/answer_probe.h"
#include "text/jinja/error.h"
#include "text/jinja/test_support.h"
#include "weights/gguf_writer.h"
#include "weights/model_source.h"
#include "weights/weights_test_support.h"

namespace hearth {
namespace {

constexpr std::string_view kChatMl =
    "{%- for message in messages %}\n"
    "    {{- '<|im_start|>' + message.role + '\\n' + message.content | trim + '<|im_end|>\\n' }}\n"
    "{%- endfor %}\n"
    "{%- if add_generation_prompt %}\n"
    "    {{- '<|im_start|>assistant\\n' }}\n"
    "{%- endif %}\n";

boost::json::object context(std::string_view json) {
  return boost::json::parse(json).as_object();
}

TEST(ChatTemplate, RendersChatMl) {
  const ChatTemplate chat{std::string(kChatMl)};
  EXPECT_EQ(chat.render(context(R"({"messages": [{"role": "system", "content": "Be brief."},
                                                 {"role": "user", "content": "  ¿Qué?\n"}],
                                    "add_generation_prompt": true})")),
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n¿Qué?<|im_end|>\n<|im_start|>assistant\n");
}

TEST(ChatTemplate, RendersHeadersDatesAndTools) {
  const ChatTemplate chat(
      "{{- bos_token }}\n"
      "{%- if not date_string is defined %}{% set date_string = strftime_now(\"%d %b %Y\") %}{% endif %}\n"
      "{{- \"<|start_header_id|>system<|end_header_id|>\\n\\nToday: \" + date_string + \"\\n\" }}\n"
      "{%- for t in tools or [] %}{{ t | tojson(indent=4) }}{{ \"\\n\" }}{% endfor %}\n"
      "{%- for message in messages %}\n"
      "  {%- if 'tool_calls' in message %}\n"
      "    {%- if message.tool_calls|length != 1 %}{{ raise_exception('one call at a time') }}{% endif %}\n"
      "    {%- set call = message.tool_calls[0].function %}\n"
      "    {{- '{\"name\": \"' + call.name + '\", \"parameters\": ' }}{{ call.arguments | tojson }}{{ '}' }}\n"
      "  {%- elif message.role == 'tool' or message.role == 'ipython' %}\n"
      "    {{- message.content if message.content is string else message.content | tojson }}\n"
      "  {%- else %}\n"
      "    {{- message['content'] }}\n"
      "  {%- endif %}\n"
      "{%- endfor %}\n");
  const auto clock = [] { return jinja::fixed_time(); };
  EXPECT_EQ(chat.render(context(R"({"bos_token": "<s>", "tools": [{"name": "f"}], "messages": [
                {"role": "user", "content": "hi"},
                {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {"q": "é", "n": 1.0}}}]},
                {"role": "tool", "content": {"ok": true}}]})"),
                        clock),
            "<s><|start_header_id|>system<|end_header_id|>\n\nToday: 22 Nov 2026\n{\n    \"name\": \"f\"\n}\nhi"
            "{\"name\": \"f\", \"parameters\": {\"q\": \"é\", \"n\": 1.0}}{\"ok\": true}");
  try {
    chat.render(context(R"({"bos_token": "", "messages": [{"tool_calls": []}]})"), clock);
    FAIL() << "two calls were accepted";
  } catch (const jinja::TemplateError& error) {
    EXPECT_EQ(error.kind(), jinja::TemplateError::Kind::kRaised);
    EXPECT_EQ(error.message(), "one call at a time");
    EXPECT_EQ(error.line(), 7);
  }
}

// What stands around thoughts is a mark only where no text would write it.
TEST(ChatTemplate, BracketsAreNoMarks) {
  const auto thinks = [](std::string_view open, std::string_view close) {
    const std::string source =
        "{% for m in messages %}[{{ m.role }}]{% if m.reasoning_content %}" + std::string(open) +
        "{{ m.reasoning_content }}" + std::string(close) +
        "{% endif %}{{ m.content }}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}";
    return ChatTemplate(source).answers(false)->syntax.thinks();
  };
  EXPECT_FALSE(thinks("(", ")"));
  EXPECT_FALSE(thinks("", "\n"));
  EXPECT_TRUE(thinks("<think>", "</think>"));
}

TEST(ChatTemplate, ABrokenTemplateIsRefusedWhenItIsRead) {
  expect_error<InvalidInput>([] { ChatTemplate("a\n{% if x %}\n{% endfor %}"); },
                             "chat template, line 3: unknown tag 'endfor'");
  expect_error<InvalidInput>([] { ChatTemplate("\xff"); }, "the chat template is not valid UTF-8");
}

TEST(ChatTemplate, SeveralThreadsRenderAtOnce) {
  const ChatTemplate chat{std::string(kChatMl)};
  const auto conversation = context(R"({"messages": [{"role": "user", "content": "hi"}]})");
  const std::string expected = chat.render(conversation);
  std::vector<std::string> texts(4);
  {
    std::vector<std::thread> threads;
    for (std::string& text : texts) {
      threads.emplace_back([&] {
        for (int i = 0; i < 50; ++i) text = chat.render(conversation);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  for (const std::string& text : texts) EXPECT_EQ(text, expected);
}

TEST(ChatTemplate, GgufMetadataHoldsOneOrTwo) {
  const TemporaryDirectory folder;
  const auto open = [&](bool standard, bool tool_use) {
    GgufWriter writer;
    writer.add("general.architecture", "llama");
    if (standard) writer.add("tokenizer.chat_template", "plain");
    if (tool_use) writer.add("tokenizer.chat_template.tool_use", "tools");
    writer.write(folder / "m.gguf");
    return ChatTemplate::from_source(*ModelSource::open(folder / "m.gguf"));
  };
  EXPECT_FALSE(open(false, false).has_value());
  EXPECT_EQ(open(true, false)->render({}), "plain");
  EXPECT_EQ(open(false, true)->render({}), "tools");
  const auto both = open(true, true);
  EXPECT_EQ(both->render(context(R"({"tools": []})")), "plain");
  EXPECT_EQ(both->render(context(R"({"tools": [{"name": "f"}]})")), "tools");
}

TEST(ChatTemplate, AFolderHoldsItInEitherOfTwoFiles) {
  const TemporaryDirectory folder;
  folder.write("config.json", "{}");
  const auto open = [&] { return ChatTemplate::from_source(*ModelSource::open(folder.path())); };
  EXPECT_FALSE(open().has_value());
  folder.write("tokenizer_config.json", R"({"chat_template": "one"})");
  EXPECT_EQ(open()->render({}), "one");
  folder.write("tokenizer_config.json", R"({"chat_template": [{"name": "default", "template": "d"},
                                                              {"name": "rag", "template": "{% broken"},
                                                              {"name": "tool_use", "template": "t"}]})");
  EXPECT_EQ(open()->render({}), "d");
  EXPECT_EQ(open()->render(context(R"({"tools": [1]})")), "t");
  folder.write("chat_template.jinja", "file\n");
  EXPECT_EQ(open()->render({}), "file");
  folder.write("tokenizer_config.json", R"({"chat_template": 1})");
  expect_error<InvalidInput>(open, "tokenizer_config.json: chat_template is neither a string nor a list");
}

}  // namespace
}  // namespace hearth
