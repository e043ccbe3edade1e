// JSON files: what Python writes is read, and what is broken is refused with the byte.
#include "weights/json.h"

#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cmath>

#include "base/error.h"
#include "weights/weights_test_support.h"

namespace hearth {
namespace {

std::string parsed(std::string_view text) {
  return boost::json::serialize(parse_json_object(text, "c.json"));
}

TEST(Json, ReadsADocument) {
  EXPECT_EQ(parsed(" {\"a\" : [1, -2.5, true, null, \"\\u00e9\"] }\n"), "{\"a\":[1,-2.5E0,true,null,\"é\"]}");
  EXPECT_EQ(parsed("{}"), "{}");
}

TEST(Json, TheLastOfEqualKeysCounts) {
  EXPECT_EQ(parsed(R"({"a":1,"a":2})"), R"({"a":2})");
}

TEST(Json, ReadsPythonsLiterals) {
  const boost::json::object read =
      parse_json_object(R"({"limits": [0.0, Infinity, -Infinity, NaN], "text": "NaN \" Infinity"})", "c.json");
  const boost::json::array& limits = read.at("limits").as_array();
  EXPECT_EQ(limits.at(1).as_double(), HUGE_VAL);
  EXPECT_EQ(limits.at(2).as_double(), -HUGE_VAL);
  EXPECT_TRUE(limits.at(3).is_null());
  EXPECT_EQ(read.at("text").as_string(), "NaN \" Infinity");
}

TEST(Json, AByteOrderMarkIsSkipped) {
  EXPECT_EQ(parsed("\xef\xbb\xbf{\"a\":1}"), "{\"a\":1}");
  expect_error<InvalidInput>([] { parsed("\xef\xbb\xbf{x}"); }, "c.json: JSON at byte 4: syntax error");
  expect_error<InvalidInput>([] { parsed(std::string_view("\xff\xfe{\0}\0", 6)); },
                             "c.json: JSON at byte 0: a byte order mark of UTF-16 stands here; JSON files are UTF-8");
  EXPECT_THROW(parse_json_object("\xef\xbb\xbf{}", "c.json", JsonDialect::kStrict), InvalidInput);
}

TEST(Json, BrokenDocumentsHaveTheirSentences) {
  const auto expect = [](std::string_view text, std::string_view sentence) {
    expect_error<InvalidInput>([&] { parse_json_object(text, "c.json"); }, sentence);
  };
  expect("", "c.json: JSON at byte 0: incomplete JSON");
  expect("{\"a\":1", "c.json: JSON at byte 6: incomplete JSON");
  expect("[1]", "c.json: JSON at byte 0: the document is not an object");
  expect("{\"a\":1} {", "c.json: JSON at byte 8: extra data");
  expect("{\"a\":1,}", "c.json: JSON at byte 7: syntax error");
  expect("{\"a\":\"\xed\xa0\x80\"}", "c.json: JSON at byte 6: the bytes are not valid UTF-8");
  expect("{\"a\":NaN, \"b\":NaN, x}", "c.json: JSON at byte 19: syntax error");
  expect("{\"a\":Inf}", "c.json: JSON at byte 5: syntax error");
}

TEST(Json, DepthIsBounded) {
  const auto nested = [](int depth) {
    return "{\"a\":" + std::string(static_cast<std::size_t>(depth - 1), '[') +
           std::string(static_cast<std::size_t>(depth - 1), ']') + "}";
  };
  EXPECT_NO_THROW(parsed(nested(64)));
  expect_error<InvalidInput>([&] { parsed(nested(65)); }, "c.json: JSON at byte 68: too deep");
  EXPECT_THROW(parsed(nested(1'000'000)), InvalidInput);
}

TEST(Json, StrictDialect) {
  const auto expect = [](std::string_view text, std::string_view sentence) {
    expect_error<InvalidInput>([&] { parse_json_object(text, "c.json", JsonDialect::kStrict, 8); }, sentence);
  };
  expect("{\"a\":NaN}", "c.json: JSON at byte 13: syntax error");
  expect(R"({"a":{"b":1},"c":{"b":2,"\u0062":3}})", "c.json: JSON at byte 39: the key 'b' is there twice");
  EXPECT_NO_THROW(parse_json_object(R"({"a":{"a":1},"b":[{"a":1},{"a":2}]})", "c.json", JsonDialect::kStrict));
}

}  // namespace
}  // namespace hearth
