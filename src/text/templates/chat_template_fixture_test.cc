// Published chat templates over conversations of every shape, against what Jinja2 renders: the same text, byte for
// byte, or an error where Jinja2 has one.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "text/jinja/error.h"
#include "text/jinja/test_support.h"
#include "text/templates/chat_template.h"

namespace hearth {
namespace {

const std::filesystem::path kFolder = std::filesystem::path(HEARTH_SHARED_DIR) / "fixtures" / "templates";

std::vector<std::string> template_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() == ".jinja") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string contents(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw InvalidInput("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

class ChatTemplateFixture : public testing::TestWithParam<std::string> {};

TEST_P(ChatTemplateFixture, RendersEveryRow) {
  const ChatTemplate chat(contents(kFolder / (GetParam() + ".jinja")));
  const boost::json::array rows = boost::json::parse(contents(kFolder / (GetParam() + ".json"))).as_array();
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

INSTANTIATE_TEST_SUITE_P(Published, ChatTemplateFixture, testing::ValuesIn(template_names()), [](const auto& test) {
  std::string name = test.param;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
});

}  // namespace
}  // namespace hearth
