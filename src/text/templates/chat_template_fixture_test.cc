// Published chat templates over conversations of every shape, against what Jinja2 renders: the same text, byte for
// byte, or an error where Jinja2 has one.
#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <string>
#include <vector>

#include "text/jinja/error.h"
#include "text/jinja/test_support.h"
#include "text/templates/chat_template.h"
#include "text/templates/testing/published_templates.h"

namespace hearth {
namespace {

class ChatTemplateFixture : public testing::TestWithParam<std::string> {};

TEST_P(ChatTemplateFixture, RendersEveryRow) {
  const ChatTemplate chat(template_file(GetParam(), "jinja"));
  const boost::json::array rows = boost::json::parse(template_file(GetParam(), "json")).as_array();
  ASSERT_FALSE(rows.empty());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    SCOPED_TRACE("row " + std::to_string(i));
    const boost::json::object& row = rows[i].as_object();
    const auto render = [&] { return chat.render(row.at("context").as_object(), jinja::fixed_time); };
    if (row.contains("error")) {
      EXPECT_THROW(render(), jinja::TemplateError);
      continue;
    }
    const auto& expected = row.at("rendered").as_string();
    EXPECT_EQ(render(), std::string(expected.data(), expected.size()));
  }
}

INSTANTIATE_TEST_SUITE_P(Published, ChatTemplateFixture, testing::ValuesIn(template_names()),
                         [](const auto& test) { return case_name(test.param); });

}  // namespace
}  // namespace hearth
