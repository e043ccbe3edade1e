// Names from files, as they appear in messages.
#include "base/escape.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(Escape, TextPassesAndControlsDoNot) {
  EXPECT_EQ(escape_text("blk.0 'q' é 漢 😀"), "blk.0 'q' é 漢 😀");
  EXPECT_EQ(escape_text("a\n\r\t\\\x01\x7f"), R"(a\n\r\t\\\x01\x7f)");
  EXPECT_EQ(escape_text("\xc2\x9b"), R"(\xc2\x9b)");
  EXPECT_EQ(escape_text(std::string_view("\0", 1)), R"(\x00)");
}

TEST(Escape, WhatTurnsTheDirectionOfWritingDoesNotPass) {
  EXPECT_EQ(escape_text("\u202egnp.\u2066x\u2069"), R"(\xe2\x80\xaegnp.\xe2\x81\xa6x\xe2\x81\xa9)");
  EXPECT_EQ(escape_text("\u2028"), R"(\xe2\x80\xa8)");
}

TEST(Escape, PrintableTextMayBeMadePrintableAgain) {
  const std::string once = printable_text("a\\b\x1b[2J\xff");
  EXPECT_EQ(once, R"(a\b\x1b[2J\xff)");
  EXPECT_EQ(printable_text(once), once);
}

TEST(Escape, JsonKeepsItsMeaning) {
  EXPECT_EQ(printable_json("{\"a\":\n\"\x7f\u009b\u202e\xff\"}"), "{\"a\":\n\"\\u007f\\u009b\\u202e\\ufffd\"}");
}

TEST(Escape, BytesThatAreNotUtf8) {
  EXPECT_EQ(escape_text("\xff"), R"(\xff)");
  EXPECT_EQ(escape_text("\xc3"), R"(\xc3)");
  EXPECT_EQ(escape_text("\xc0\x80"), R"(\xc0\x80)");
  EXPECT_EQ(escape_text("\xe0\x80\x80"), R"(\xe0\x80\x80)");
  EXPECT_EQ(escape_text("\xf0\x80\x80\x80"), R"(\xf0\x80\x80\x80)");
  EXPECT_EQ(escape_text("\xed\xa0\x80"), R"(\xed\xa0\x80)");
  EXPECT_EQ(escape_text("\xf4\x90\x80\x80"), R"(\xf4\x90\x80\x80)");
}

TEST(Escape, LongNamesAreCut) {
  EXPECT_EQ(quote_name("name"), "'name'");
  EXPECT_EQ(quote_name(std::string(101, 'x')), "'" + std::string(100, 'x') + "...'");
}

TEST(Escape, FindsInvalidUtf8) {
  EXPECT_EQ(find_invalid_utf8("é漢😀\xf4\x8f\xbf\xbf"), std::string_view::npos);
  EXPECT_EQ(find_invalid_utf8("ab\xe9z"), 2U);
}

}  // namespace
}  // namespace hearth
