// UTF-8 well and ill-formed, the byte alphabet, and Unicode's properties.
#include "base/utf8.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "text/tokenizers/byte_alphabet.h"
#include "text/unicode/base64.h"
#include "text/unicode/unicode.h"

namespace hearth {
namespace {

TEST(Utf8, EveryCodePointComesBack) {
  for (char32_t c = 1; c < 0x110000; c += c < 0x3000 ? 1 : 97) {
    if (c >= 0xD800 && c < 0xE000) continue;
    const std::string text = to_utf8(c);
    const Utf8Char decoded = decode_utf8(text, 0);
    ASSERT_TRUE(decoded.valid);
    ASSERT_EQ(decoded.code_point, c);
    ASSERT_EQ(decoded.bytes, text.size());
  }
}

TEST(Utf8, IllFormedSequencesAreOneReplacementPerMaximalSubpart) {
  const std::string r = "\xEF\xBF\xBD";
  EXPECT_EQ(repair_utf8("a\x80z"), "a" + r + "z");
  EXPECT_EQ(repair_utf8("\xC0\xAF"), r + r);                  // overlong
  EXPECT_EQ(repair_utf8("\xE0\x80\xAF"), r + r + r);          // overlong
  EXPECT_EQ(repair_utf8("\xED\xA0\x80"), r + r + r);          // a surrogate
  EXPECT_EQ(repair_utf8("\xF4\x90\x80\x80"), r + r + r + r);  // past U+10FFFF
  EXPECT_EQ(repair_utf8("\xF0\x9F\x98z"), r + "z");           // one truncated sequence
  EXPECT_EQ(repair_utf8("\xE2\x82"), r);
  EXPECT_EQ(repair_utf8("\xE2\x82\xAC"), "\xE2\x82\xAC");
}

TEST(Utf8, IncompleteMeansThatMoreBytesCouldHelp) {
  EXPECT_TRUE(decode_utf8("\xF0\x9F", 0).incomplete);
  EXPECT_FALSE(decode_utf8("\xF0z", 0).incomplete);
  EXPECT_FALSE(decode_utf8("\xFF", 0).incomplete);
}

TEST(Utf8, RunsAlternate) {
  std::vector<std::string> runs;
  for_each_utf8_run("abcdefghijkl\xFF\xFEgr\xC3\xBC\xC3",
                    [&](std::string_view run, bool valid) { runs.push_back((valid ? "+" : "-") + std::string(run)); });
  EXPECT_EQ(runs, (std::vector<std::string>{"+abcdefghijkl", "-\xFF\xFE", "+gr\xC3\xBC", "-\xC3"}));
}

TEST(ByteAlphabet, BytesBecomeGpt2sCharactersAndComeBack) {
  std::string text;
  append_in_byte_alphabet(" a\n\x7F\xAD\xFF", text);
  EXPECT_EQ(text, "\u0120a\u010A\u0121\u0143\u00FF");
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all.push_back(static_cast<char>(byte));
  std::string alphabet;
  append_in_byte_alphabet(all, alphabet);
  EXPECT_EQ(bytes_from_alphabet(alphabet), all);
  EXPECT_EQ(bytes_from_alphabet("a b"), std::nullopt);
  EXPECT_EQ(bytes_from_alphabet("\u0144"), std::nullopt);
}

TEST(Base64, DecodesWithAndWithoutPadding) {
  EXPECT_EQ(base64_decode("aGVhcnRo"), "hearth");
  EXPECT_EQ(base64_decode("aGk="), "hi");
  EXPECT_EQ(base64_decode("aGk"), "hi");
  EXPECT_EQ(base64_decode("a"), std::nullopt);
  EXPECT_EQ(base64_decode("a*=="), std::nullopt);
}

TEST(Unicode, PropertiesAndForms) {
  EXPECT_TRUE(is_white_space(0x85));
  EXPECT_TRUE(is_white_space(0x3000));
  EXPECT_FALSE(is_white_space(0x180E));
  EXPECT_FALSE(is_white_space(0x200B));
  EXPECT_TRUE(is_word_character('_'));
  EXPECT_TRUE(is_word_character(0x24B6));
  EXPECT_FALSE(is_word_character(0xBD));
  EXPECT_TRUE(is_punctuation('_'));
  EXPECT_FALSE(is_punctuation('$'));
  EXPECT_TRUE(is_symbol('$'));
  EXPECT_TRUE(is_control(0x200D));
  EXPECT_FALSE(is_control(0x0378));  // unassigned
  EXPECT_EQ(to_lower(std::string_view("\u0130\u00C9\xFFZ")), "i\u0307\u00E9\xFFz");
  EXPECT_EQ(normalize("e\u0301\xFF\uFB01", NormalForm::kNfc), "\u00E9\xFF\uFB01");
  EXPECT_EQ(normalize("\u00E9\uFB01", NormalForm::kNfkd), "e\u0301fi");
  EXPECT_EQ(canonical_base(0xE9), U'e');
  EXPECT_EQ(canonical_base(0xAC00), 0x1100U);
}

}  // namespace
}  // namespace hearth
