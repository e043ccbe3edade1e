// What published templates write for an assistant's turn is read back as the same turn: thoughts, text and calls, whole
// and cut at every byte.
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "text/answers/answer_probe.h"
#include "text/templates/chat_template.h"
#include "text/templates/testing/published_templates.h"
#include "text/templates/testing/written_answer.h"

namespace hearth {
namespace {

class AnswersFixture : public testing::TestWithParam<std::string> {};

// Whose template, as transformers carries it out, refuses every call.
constexpr std::string_view kRefusesCalls[] = {"Kimi-K2-Instruct"};

TEST_P(AnswersFixture, ATurnIsReadAsItWasWritten) {
  const ChatTemplate chat(template_file(GetParam(), "jinja"), {{"bos_token", "<s>"}, {"eos_token", "</s>"}});
  const WrittenTurns written = expect_turns_read_back(chat);
  EXPECT_GT(written.count, 0);
  const bool refuses =
      std::find(std::begin(kRefusesCalls), std::end(kRefusesCalls), GetParam()) != std::end(kRefusesCalls);
  const auto probe = chat.answers(true);
  EXPECT_EQ(written.has_calls, probe->shows_calls);
  EXPECT_TRUE(probe->shows_calls || !probe->shows_tools || refuses);
  EXPECT_TRUE(probe->syntax.calls());
}

INSTANTIATE_TEST_SUITE_P(Published, AnswersFixture, testing::ValuesIn(template_names()),
                         [](const auto& test) { return case_name(test.param); });

}  // namespace
}  // namespace hearth
