// Sets, and what the tables say of characters that came with the last versions of Unicode.
#include "text/unicode/code_point_set.h"

#include <gtest/gtest.h>

#include "text/unicode/unicode.h"
#include "text/unicode/unicode_data.h"

namespace hearth {
namespace {

TEST(CodePointSet, RangesAreJoined) {
  const CodePointSet set({{5, 9}, {1, 2}, {3, 3}, {8, 12}, {20, 20}});
  ASSERT_EQ(set.ranges().size(), 3U);
  EXPECT_EQ(set.ranges()[0], (CodePointSet::Range{1, 3}));
  EXPECT_EQ(set.ranges()[1], (CodePointSet::Range{5, 12}));
  EXPECT_EQ(set.ranges()[2], (CodePointSet::Range{20, 20}));
  for (const std::uint32_t c : {0U, 4U, 13U, 19U, 21U}) EXPECT_FALSE(set.contains(c)) << c;
  for (const std::uint32_t c : {1U, 3U, 5U, 12U, 20U}) EXPECT_TRUE(set.contains(c)) << c;
}

TEST(CodePointSet, TheAlgebraOfSets) {
  const CodePointSet a({{0, 9}}), b({{5, 20}});
  EXPECT_EQ(a.united(b), CodePointSet({{0, 20}}));
  EXPECT_EQ(a.intersected(b), CodePointSet({{5, 9}}));
  EXPECT_EQ(a.without(b), CodePointSet({{0, 4}}));
  EXPECT_EQ(a.complement(), CodePointSet({{10, kCodePointMax}}));
  EXPECT_EQ(a.complement().complement(), a);
  EXPECT_TRUE(CodePointSet::all().complement().empty());
  EXPECT_EQ(CodePointSet().complement(), CodePointSet::all());
}

TEST(CodePointSet, CaseClosesOverFoldings) {
  EXPECT_EQ(CodePointSet::of('k').closed_under_case(), CodePointSet({{'K', 'K'}, {'k', 'k'}, {0x212A, 0x212A}}));
  EXPECT_EQ(CodePointSet::of(0x3A3).closed_under_case(), CodePointSet({{0x3A3, 0x3A3}, {0x3C2, 0x3C3}}));
  EXPECT_EQ(CodePointSet::of('1').closed_under_case(), CodePointSet::of('1'));
}

TEST(CodePointSet, NamesAreFoundHoweverSpelt) {
  for (const char* name : {"Lu", "lu", "Uppercase_Letter", "uppercase letter", "UppercaseLetter"}) {
    ASSERT_TRUE(named_set(name)) << name;
    EXPECT_EQ(*named_set(name), *named_set("Lu")) << name;
  }
  EXPECT_TRUE(named_set("old-italic")->contains(0x10300));
  EXPECT_FALSE(named_set("Nonsense"));
  EXPECT_FALSE(named_set(""));
}

TEST(UnicodeData, KnowsTheNewestCharacters) {
  EXPECT_EQ(unicode_version(), "17.0.0");
  EXPECT_TRUE(named_set("Han")->contains(0x31350));         // 15.0: CJK extension H
  EXPECT_TRUE(named_set("Han")->contains(0x2EBF0));         // 15.1: extension I
  EXPECT_TRUE(named_set("Han")->contains(0x323B0));         // 17.0: extension J
  EXPECT_TRUE(named_set("Kawi")->contains(0x11F04));        // 15.0
  EXPECT_TRUE(named_set("Garay")->contains(0x10D4A));       // 16.0
  EXPECT_TRUE(named_set("Beria_Erfe")->contains(0x16EA0));  // 17.0
  EXPECT_TRUE(is_letter(0x1E5D0));                          // 16.0: Ol Onal
  EXPECT_TRUE(is_number(0x1CCF0));                          // 16.0: an outlined digit
  EXPECT_TRUE(is_number(0x10D40));                          // 16.0: Garay's zero
  EXPECT_TRUE(is_mark(0x10D69));                            // 16.0
  EXPECT_FALSE(is_letter(0x3134B));                         // not assigned
  EXPECT_EQ(to_lower(U'\U00010D50'), U'\U00010D70');        // 16.0: Garay
  EXPECT_EQ(to_lower(U'\uA7CB'), U'\u0264');                // 16.0
  EXPECT_EQ(to_lower(U'\U00016EA0'), U'\U00016EBB');        // 17.0: Beria Erfe
}

TEST(UnicodeData, OldFactsStand) {
  EXPECT_TRUE(is_white_space(0x85) && is_white_space(0x3000) && !is_white_space(0x180E) && !is_white_space(0x200B));
  EXPECT_TRUE(is_punctuation('_') && is_symbol('$') && is_control(0xAD) && is_nonspacing_mark(0x301));
  EXPECT_TRUE(is_word_character(0x200D) && is_word_character(0x24B6) && !is_word_character(0xBD));
  EXPECT_EQ(to_lower(U'A'), U'a');
  EXPECT_EQ(to_lower(U'\u0100'), U'\u0101');
  EXPECT_EQ(to_lower(U'\u0101'), U'\u0101');
  EXPECT_EQ(to_lower(U'\u1E9E'), U'\u00DF');
  EXPECT_EQ(to_lower(U'1'), U'1');
}

}  // namespace
}  // namespace hearth
