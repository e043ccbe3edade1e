// The regular expressions against Oniguruma itself, for the code points that the installed version knows; and for those
// that are newer, against what it does with older characters of the same kind in their places.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "text/unicode/code_point_set.h"
#include "text/unicode/regex.h"
#include "text/unicode/testing/oniguruma.h"
#include "text/unicode/unicode.h"

namespace hearth {
namespace {

using Spans = std::vector<Span>;

Spans matches(const Regex& regex, const std::string& text) {
  RegexMatcher matcher(regex);
  Spans found;
  matcher.for_each(text, [&](Span span) { found.push_back(span); });
  return found;
}

// Assigned in Oniguruma's Unicode version, which is older than ours.
std::vector<char32_t> known_code_points() {
  std::string every;
  for (char32_t c = 0; c <= kCodePointMax; ++c) {
    if (c < 0xD800 || c > 0xDFFF) append_utf8(c, every);
  }
  std::vector<char32_t> known;
  for (const Span span : Oniguruma(R"(\P{Cn})").matches(every))
    known.push_back(decode_utf8(every, span.begin).code_point);
  return known;
}

// What later versions of Unicode say otherwise of characters that were there before.
bool was_changed(char32_t c) {
  static const CodePointSet changed({{0x19B, 0x19B},
                                     {0x264, 0x264},
                                     {0x295, 0x295},
                                     {0x363, 0x36F},
                                     {0xC04, 0xC04},
                                     {0xF82, 0xF83},
                                     {0x10FC, 0x10FC},
                                     {0x1DD3, 0x1DE6},
                                     {0xA7D3, 0xA7D5},
                                     {0xA7F2, 0xA7F4},
                                     {0xAB69, 0xAB69},
                                     {0x11080, 0x11081}});
  return changed.contains(c);
}

TEST(Oniguruma, ClassesHaveItsMembers) {
  std::string text;
  for (const char32_t c : known_code_points()) {
    if (!was_changed(c)) append_utf8(c, text);
  }
  ASSERT_GT(text.size(), 280'000U);
  for (const char* pattern : {R"(\s)",
                              R"(\S)",
                              R"(\w)",
                              R"(\W)",
                              R"(\d)",
                              R"(\D)",
                              R"(\h)",
                              R"(\H)",
                              R"([\w])",
                              R"([^\w])",
                              R"([\W\d])",
                              R"([^\S])",
                              R"(\p{L})",
                              R"(\p{N})",
                              R"(\p{P})",
                              R"(\p{M})",
                              R"(\p{S})",
                              R"(\p{Z})",
                              R"(\p{C})",
                              R"(\p{Lu})",
                              R"(\p{Ll})",
                              R"(\p{Lo})",
                              R"(\p{Han})",
                              R"(\p{Hiragana})",
                              R"(\p{Hangul})",
                              R"(\p{Thai})",
                              R"(\p{Latin})",
                              R"(\p{Common})",
                              R"(\p{Inherited})",
                              R"(\p{Emoji})",
                              R"([[:alpha:]])",
                              R"([[:alnum:]])",
                              R"([[:upper:]])",
                              R"([[:lower:]])",
                              R"([[:punct:]])",
                              R"([[:space:]])",
                              R"([[:blank:]])",
                              R"([[:cntrl:]])",
                              R"([[:graph:]])",
                              R"([[:print:]])",
                              R"([[:xdigit:]])",
                              R"([[:word:]])",
                              R"([[:digit:]])",
                              R"([[:^alpha:]])",
                              R"(\p{^Alnum})",
                              R"(\p{Letter})",
                              R"(\p{other_letter})",
                              R"(\p{LC})",
                              R"((?i:\p{Lu}))",
                              R"((?i:[\p{Lu}]))",
                              R"((?i:[^a-z]))",
                              R"((?i:k))",
                              R"((?i:s))",
                              R"(.)",
                              R"(\N)",
                              R"(\O)",
                              R"(\v)",
                              R"([\p{L}&&[^\p{Han}]])"}) {
    EXPECT_TRUE(matches(Regex(pattern), text) == Oniguruma(pattern).matches(text)) << pattern;
  }
}

constexpr const char* kPatterns[] = {
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)",
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|)"
    R"(\s+(?!\S)|\s+)",
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
    R"([\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lo}\p{M}&&[^\p{Han}]]+|)"
    R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+)",
    R"(\w+|[^\w\s]+)",
    R"(\p{L}(?=\p{Nd})|\p{Nd}(?=\p{L})|\b\w)",
};

constexpr const char* kSyntax[] = {
    R"(\b\w+\b)",
    R"(\B.)",
    R"(\d{1,3}(?=(?:\d{3})*\b))",
    "a{1,2}+",
    "(?:ab){2}?",
    "(?:ab){,2}",
    "a(?i)b|c",
    "^a|b$",
    "(?m:.)+",
    ".+",
    "(?x: a b # c\n)",
    R"([a-c[^x]&&\w])",
    "[]a]",
    "[a-]",
    R"([\b])",
    R"((?<n>a)\g<n>)",
    R"((?<=\p{L})\d)",
    R"([^\S\n])",
    R"(\s{2,}(?=\S)|\R)",
    "(?>a+)b",
    "a++b",
    "[[:^space:]&&[^a-z]]+",
    R"([\x{41}-\x{44}\u0061]+)",
    R"(\pL)",
    R"(\h+|\H)",
    "a*",
    "(?=b)|b",
    R"([\p{L}&&[^\p{Han}]]*|\p{N})",
};

std::string random_text(std::mt19937& random, const std::vector<char32_t>& known) {
  constexpr std::array<char32_t, 48> kPool = {
      'a',    'b',     'c',     'B',   'C',    'S',  's',   't',    '\'',    '1',    '2',    '3',
      ' ',    ' ',     '\n',    '\r',  '\t',   '.',  '-',   '_',    '/',     0xa0,   0x3000, 0x4e2d,
      0x6587, 0x3042,  0xac00,  0x301, 0x663,  0xdf, 0x17f, 0x212a, 0x1f600, 0x200d, 0x2028, 0x85,
      0xe01,  0x10400, 0x10428, 0xb2,  0x2167, 'd',  'l',   'v',    'e',     'm',    'r',    '#'};
  std::string text;
  for (std::size_t left = random() % 14; left > 0; --left) {
    char32_t c = random() % 5 > 0 ? kPool[random() % kPool.size()] : known[random() % known.size()];
    if (was_changed(c)) c = 'x';
    append_utf8(c, text);
  }
  return text;
}

TEST(Oniguruma, PatternsCutRandomTextsAlike) {
  const std::vector<char32_t> known = known_code_points();
  std::mt19937 random(1);
  for (const auto& patterns : {std::span<const char* const>(kPatterns), std::span<const char* const>(kSyntax)}) {
    for (const char* pattern : patterns) {
      const Oniguruma reference(pattern);
      const Regex regex(pattern);
      for (int i = 0; i < 300; ++i) {
        const std::string text = random_text(random, known);
        ASSERT_TRUE(matches(regex, text) == reference.matches(text)) << pattern << " on " << text;
      }
    }
  }
}

// An old character whose kinds are those of `c`, as far as patterns tell kinds apart.
char32_t old_kin(char32_t c) {
  static const CodePointSet han = *named_set("Han"), upper = *named_set("Lu"), lower = *named_set("Ll"),
                            title = *named_set("Lt"), modifier = *named_set("Lm"), decimal = *named_set("Nd"),
                            letters = *named_set("Nl");
  if (han.contains(c)) return is_letter(c) ? 0x4E2D : 0x3007;
  if (upper.contains(c)) return 0x100;
  if (lower.contains(c)) return 0x101;
  if (title.contains(c)) return 0x1C5;
  if (modifier.contains(c)) return 0x2B0;
  if (is_letter(c)) return 0xE01;
  return decimal.contains(c) ? 0x663 : letters.contains(c) ? 0x2167 : 0x2474;
}

// Texts that between them hold every letter and number that Oniguruma does not know, each beside others of all kinds;
// and the same texts with old kin in their places.
struct NewText {
  std::string text, old;
};

std::vector<NewText> texts_of_new_characters() {
  const std::vector<char32_t> known = known_code_points();
  std::vector<bool> is_known(kCodePointMax + 1);
  for (const char32_t c : known) is_known[c] = true;
  std::vector<char32_t> fresh;
  for (char32_t c = 0; c <= kCodePointMax; ++c) {
    if (!is_known[c] && (is_letter(c) || is_number(c))) fresh.push_back(c);
  }
  EXPECT_GT(fresh.size(), 9'000U);
  std::mt19937 random(2);
  std::shuffle(fresh.begin(), fresh.end(), random);
  constexpr std::size_t kTexts = 2'000;
  std::vector<NewText> texts(kTexts);
  for (std::size_t i = 0; i < std::max(fresh.size(), 8 * kTexts); ++i) {
    NewText& to = texts[i % kTexts];
    const char32_t c = fresh[i % fresh.size()];
    append_utf8(c, to.text);
    append_utf8(old_kin(c), to.old);
    for (std::size_t more = random() % 3; more > 0; --more) {
      const char other = "ab Z1\n.'s  "[random() % 11];
      to.text += other;
      to.old += other;
    }
  }
  return texts;
}

// In characters.
Spans in_characters(const Spans& spans, const std::string& text) {
  std::vector<std::size_t> index(text.size() + 1);
  std::size_t count = 0;
  for (std::size_t at = 0; at < text.size(); at += decode_utf8(text, at).bytes) index[at] = count++;
  index[text.size()] = count;
  Spans result;
  for (const Span span : spans) result.push_back({index[span.begin], index[span.end]});
  return result;
}

TEST(Oniguruma, NewLettersAndNumbersAreCutAsOldOnes) {
  const std::vector<NewText> texts = texts_of_new_characters();
  for (const char* pattern : kPatterns) {
    const Oniguruma reference(pattern);
    const Regex regex(pattern);
    for (const NewText& row : texts) {
      ASSERT_TRUE(in_characters(matches(regex, row.text), row.text) ==
                  in_characters(reference.matches(row.old), row.old))
          << pattern << " on " << row.text;
    }
  }
}

}  // namespace
}  // namespace hearth
