#include "server/structured_output.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "grammar/recognizer.h"

namespace hearth {
namespace {

Request read(std::string_view body) {
  const boost::json::value parsed = boost::json::parse({body.data(), body.size()});
  const Fields fields(parsed.get_object());
  Request request;
  read_structure(fields, request);
  read_format(fields, "response_format", request);
  return request;
}

bool accepts(std::string_view body, std::string_view text) {
  const Request request = read(body);
  return request.grammar && Recognizer(request.grammar->grammar).accepts(text);
}

TEST(StructuredOutput, IsSaidInManyWays) {
  EXPECT_FALSE(read("{}").grammar);
  EXPECT_FALSE(read(R"({"response_format": {"type": "text"}, "grammar": "", "guided_json": null})").grammar);
  EXPECT_TRUE(accepts(R"({"response_format": {"type": "json_object"}})", R"({"a": [1]})"));
  EXPECT_FALSE(accepts(R"({"response_format": {"type": "json_object"}})", "[1]"));
  for (const char* body :
       {R"({"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "integer"}}}})",
        R"({"response_format": {"type": "json_schema", "schema": {"type": "integer"}}})",
        R"({"response_format": {"type": "json_object", "schema": {"type": "integer"}}})",
        R"({"guided_json": {"type": "integer"}})", R"({"guided_json": "{\"type\": \"integer\"}"})",
        R"({"json_schema": {"type": "integer"}})", R"({"guided_regex": "[0-9]+"})",
        R"({"guided_choice": ["17", "18"]})", R"({"guided_grammar": "root ::= [0-9]+"})",
        R"({"grammar": "root ::= [0-9]+"})", R"({"structured_outputs": {"regex": "[0-9]+"}})",
        R"({"structured_outputs": {"json": {"type": "integer"}, "choice": null}})"}) {
    EXPECT_TRUE(accepts(body, "17")) << body;
    EXPECT_FALSE(accepts(body, "x")) << body;
  }
}

TEST(StructuredOutput, NamesWhatItRefuses) {
  for (const char* body : {R"({"response_format": {"type": "xml"}})", R"({"response_format": {"type": "json_schema"}})",
                           R"({"response_format": {"type": "json_object"}, "guided_regex": "a"})",
                           R"({"guided_regex": "("})", R"({"guided_choice": []})", R"({"guided_choice": [1]})",
                           R"({"grammar": "start ::= a"})", R"({"json_schema": {"minimum": "1"}})",
                           R"({"json_schema": false})", R"({"structured_outputs": {"structural_tag": "a"}})"}) {
    EXPECT_THROW(read(body), HttpError) << body;
  }
}

}  // namespace
}  // namespace hearth
