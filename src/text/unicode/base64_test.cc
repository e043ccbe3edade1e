// The examples of RFC 4648, and what is not Base64.
#include "text/unicode/base64.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace hearth {
namespace {

const std::vector<std::pair<std::string, std::string>> kExamples = {{"", ""},
                                                                    {"f", "Zg=="},
                                                                    {"fo", "Zm8="},
                                                                    {"foo", "Zm9v"},
                                                                    {"foob", "Zm9vYg=="},
                                                                    {"fooba", "Zm9vYmE="},
                                                                    {"foobar", "Zm9vYmFy"},
                                                                    {std::string("\0\xff", 2), "AP8="}};

TEST(Base64, EncodesAndDecodes) {
  for (const auto& [bytes, text] : kExamples) {
    EXPECT_EQ(base64_encode(bytes), text);
    EXPECT_EQ(base64_decode(text), bytes);
    EXPECT_EQ(base64_decode(text.substr(0, text.find('='))), bytes);
  }
}

TEST(Base64, RefusesOtherText) {
  EXPECT_FALSE(base64_decode("Z"));
  EXPECT_FALSE(base64_decode("Zm9v!"));
  EXPECT_FALSE(base64_decode("Zm 9v"));
}

}  // namespace
}  // namespace hearth
