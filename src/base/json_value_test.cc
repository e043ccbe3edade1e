// What JSON keeps on its way through.
#include "base/json_value.h"

#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cmath>
#include <cstdlib>

namespace hearth {
namespace {

boost::json::value parsed(std::string_view text, BigIntegers big_integers = BigIntegers::kKeepDigits) {
  const ParsedJson result = parse_json(text, 32, big_integers);
  EXPECT_FALSE(result.error) << text << ": " << result.error.message();
  return result.value;
}

TEST(JsonValue, DoublesAreTheNearestOnes) {
  for (const char* text : {"0.1", "0.30000000000000004", "1.7976931348623157e308", "2.2250738585072014E-308", "5e-324",
                           "36.60254037844386", "8.41470984807896e-1", "-0.0", "123456789012345.67",
                           "9007199254740993.0", "179.99999999999997", "1.0000000000000002",
                           "0.1234567890123456789012345678901234567890", "6.02214076e+23", "4.35", "1e23"}) {
    const double exact = std::strtod(text, nullptr);
    EXPECT_EQ(parsed(text).as_double(), exact) << text;
    EXPECT_EQ(std::signbit(parsed(text).as_double()), std::signbit(exact)) << text;
  }
  EXPECT_TRUE(std::isinf(parsed("1e999").as_double()));
  EXPECT_EQ(parsed("1e-999").as_double(), 0);
}

TEST(JsonValue, IntegersBeyond64BitsKeepTheirDigits) {
  EXPECT_EQ(parsed("-9223372036854775808").as_int64(), INT64_MIN);
  EXPECT_EQ(parsed("18446744073709551615").as_uint64(), UINT64_MAX);
  EXPECT_EQ(big_integer_digits(parsed("18446744073709551616")), "18446744073709551616");
  EXPECT_EQ(big_integer_digits(parsed("-9223372036854775809")), "-9223372036854775809");
  EXPECT_EQ(parsed("18446744073709551616", BigIntegers::kAsDouble).as_double(), 18446744073709551616.0);
  const std::string text = R"([{"a":123456789012345678901234567890,"b":[-99999999999999999999,1]},"x"])";
  EXPECT_EQ(serialized_json(parsed(text)), text);
}

TEST(JsonValue, WhatLooksLikeABigIntegerIsNone) {
  for (const char* text : {R"({"\u0001integer":"12x"})", R"({"\u0001integer":12})", R"({"\u0001integer":"1","b":2})",
                           R"(["{\"\\u0001integer\":\"12\"}"])", R"({"\u0001integer":"-"})"}) {
    EXPECT_FALSE(big_integer_digits(parsed(text))) << text;
    EXPECT_EQ(serialized_json(parsed(text)), text);
  }
}

TEST(JsonValue, TheRestOfTheSyntaxIsJsons) {
  const std::string text = R"({"a":[true,false,null,"é\n\"",{}],"":[[]],"long":")" + std::string(70000, 'x') + R"("})";
  EXPECT_EQ(serialized_json(parsed(text)), text);
  EXPECT_EQ(serialized_json(parsed(" [ 1 , 2 ] \r\n\t")), "[1,2]");
  EXPECT_EQ(parse_json("[1] x", 32, BigIntegers::kKeepDigits).at, 4U);
  EXPECT_TRUE(parse_json("[1", 32, BigIntegers::kKeepDigits).error);
  EXPECT_TRUE(parse_json("[1,]", 32, BigIntegers::kKeepDigits).error);
  EXPECT_TRUE(parse_json("01", 32, BigIntegers::kKeepDigits).error);
  EXPECT_EQ(parse_json("[[[0]]]", 2, BigIntegers::kKeepDigits).error, boost::json::error::too_deep);
}

TEST(JsonValue, NothingWithinATextEndsALine) {
  EXPECT_EQ(serialized_json({{"a",
                              "1\n2\v3\f4\x1c"
                              "5\u0085"
                              "6\u2028"
                              "7\u2029"
                              "8\x7f"}}),
            R"({"a":"1\n2\u000b3\f4\u001c5\u00856\u20287\u20298\u007f"})");
  EXPECT_EQ(serialized_json("\u00e9\u6f22\U0001f600"), "\"\u00e9\u6f22\U0001f600\"");
}

}  // namespace
}  // namespace hearth
