// Hundreds of small templates against what Jinja2 makes of them (tools/write_jinja_rows.py): the same text, or an error
// where Jinja2 has one.
#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fstream>
#include <iterator>
#include <string>

#include "text/jinja/test_support.h"

namespace hearth::jinja {
namespace {

TEST(JinjaRows, AsJinja2RendersThem) {
  std::ifstream file(HEARTH_SOURCE_DIR "/tests/data/jinja/rows.json", std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const boost::json::value data = boost::json::parse(text);
  const std::string context = boost::json::serialize(data.at("context"));
  const boost::json::array& rows = data.at("rows").as_array();
  ASSERT_GT(rows.size(), 500U);
  for (const boost::json::value& row : rows) {
    const std::string source(row.at("template").as_string());
    SCOPED_TRACE(source);
    try {
      const std::string rendered = render(source, context);
      if (row.as_object().contains("error")) {
        ADD_FAILURE() << "no error: " << rendered;
      } else {
        EXPECT_EQ(rendered, row.at("rendered").as_string());
      }
    } catch (const TemplateError& error) {
      EXPECT_TRUE(row.as_object().contains("error")) << error.what();
    }
  }
}

}  // namespace
}  // namespace hearth::jinja
