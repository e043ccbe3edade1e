// Code point work over UTF-8. Classes and simple case mappings are utf8proc's; where Python maps one character to
// several, the result follows from the case folding, which utf8proc has in full.
#include "text/jinja/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>

#include "base/check.h"

namespace hearth::jinja {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};

// Unicode's Numeric_Type=Digit outside the decimal digits: superscripts, circled digits and the like.
constexpr Range kOtherDigits[] = {
    {0xB2, 0xB3},     {0xB9, 0xB9},       {0x1369, 0x1371},   {0x19DA, 0x19DA},   {0x2070, 0x2070},
    {0x2074, 0x2079}, {0x2080, 0x2089},   {0x2460, 0x2468},   {0x2474, 0x247C},   {0x2488, 0x2490},
    {0x24EA, 0x24EA}, {0x24F5, 0x24FD},   {0x24FF, 0x24FF},   {0x2776, 0x277E},   {0x2780, 0x2788},
    {0x278A, 0x2792}, {0x10A40, 0x10A43}, {0x10E60, 0x10E68}, {0x11052, 0x1105A}, {0x1F100, 0x1F10A},
};

constexpr char32_t kCapitalSigma = 0x3A3;
constexpr char32_t kFinalSigma = 0x3C2;
constexpr char32_t kCapitalDottedI = 0x130;
constexpr char32_t kSharpS = 0xDF;

utf8proc_category_t category(char32_t code_point) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(code_point));
}

char32_t simple_upper(char32_t code_point) {
  return static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(code_point)));
}

char32_t simple_lower(char32_t code_point) {
  return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(code_point)));
}

char32_t simple_title(char32_t code_point) {
  return static_cast<char32_t>(utf8proc_totitle(static_cast<utf8proc_int32_t>(code_point)));
}

std::u32string folded(char32_t code_point) {
  std::array<utf8proc_int32_t, 8> buffer{};
  int boundary = 0;
  const auto count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(code_point), buffer.data(), buffer.size(),
                                             UTF8PROC_CASEFOLD, &boundary);
  if (count <= 0 || count > static_cast<utf8proc_ssize_t>(buffer.size())) return std::u32string(1, code_point);
  return std::u32string(buffer.begin(), buffer.begin() + count);
}

bool is_cased(char32_t code_point) {
  return is_lower(code_point) || is_upper(code_point) || is_title(code_point);
}

void append_upper(std::string& out, char32_t code_point) {
  if (is_lower(code_point) || is_title(code_point)) {
    const std::u32string parts = folded(code_point);
    if (parts.size() > 1) {
      for (const char32_t part : parts) append_code_point(out, simple_upper(part));
      return;
    }
  }
  append_code_point(out, simple_upper(code_point));
}

std::string ascii_mapped(std::string_view text, char first, char last, int delta) {
  std::string out(text);
  for (char& c : out) {
    if (c >= first && c <= last) c = static_cast<char>(c + delta);
  }
  return out;
}

// What stands between letters of one word without being one: accents, apostrophes, stops.
bool is_case_ignorable(char32_t code_point) {
  switch (category(code_point)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
      return true;
    default:
      return std::u32string_view(U"'.:\u00B7\u2018\u2019\u2024\u2027").find(code_point) != std::u32string_view::npos;
  }
}

// A capital sigma that ends a word has a small letter of its own.
bool is_final_sigma(std::u32string_view text, std::size_t index) {
  std::size_t before = index;
  while (before > 0 && is_case_ignorable(text[before - 1])) --before;
  if (before == 0 || !is_cased(text[before - 1])) return false;
  std::size_t after = index + 1;
  while (after < text.size() && is_case_ignorable(text[after])) ++after;
  return after == text.size() || !is_cased(text[after]);
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

}  // namespace

bool is_utf8(std::string_view bytes) {
  const auto* data = reinterpret_cast<const utf8proc_uint8_t*>(bytes.data());
  std::size_t position = 0;
  while (position < bytes.size()) {
    utf8proc_int32_t code_point = 0;
    const auto used =
        utf8proc_iterate(data + position, static_cast<utf8proc_ssize_t>(bytes.size() - position), &code_point);
    if (used <= 0) return false;
    position += static_cast<std::size_t>(used);
  }
  return true;
}

std::size_t byte_offset(std::string_view text, std::size_t index) {
  std::size_t position = 0;
  for (; position < text.size(); ++position) {
    if ((static_cast<unsigned char>(text[position]) & 0xC0U) == 0x80U) continue;
    if (index == 0) return position;
    --index;
  }
  return position;
}

char32_t decode_at(std::string_view text, std::size_t& position) {
  utf8proc_int32_t code_point = 0;
  const auto used = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + position,
                                     static_cast<utf8proc_ssize_t>(text.size() - position), &code_point);
  CHECK(used > 0);
  position += static_cast<std::size_t>(used);
  return static_cast<char32_t>(code_point);
}

void append_code_point(std::string& text, char32_t code_point) {
  std::array<utf8proc_uint8_t, 4> buffer{};
  const auto used = utf8proc_encode_char(static_cast<utf8proc_int32_t>(code_point), buffer.data());
  CHECK(used > 0);
  text.append(buffer.begin(), buffer.begin() + used);
}

std::u32string to_code_points(std::string_view text) {
  std::u32string code_points;
  code_points.reserve(text.size());
  for (std::size_t position = 0; position < text.size();) code_points.push_back(decode_at(text, position));
  return code_points;
}

std::string to_utf8(std::u32string_view code_points) {
  std::string text;
  for (const char32_t code_point : code_points) append_code_point(text, code_point);
  return text;
}

bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_line_break(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

bool is_alpha(char32_t code_point) {
  const auto kind = category(code_point);
  return kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO;
}

bool is_decimal(char32_t code_point) {
  return category(code_point) == UTF8PROC_CATEGORY_ND;
}

bool is_digit(char32_t code_point) {
  return is_decimal(code_point) ||
         std::any_of(std::begin(kOtherDigits), std::end(kOtherDigits),
                     [&](const Range& range) { return code_point >= range.first && code_point <= range.last; });
}

bool is_numeric(char32_t code_point) {
  const auto kind = category(code_point);
  return kind >= UTF8PROC_CATEGORY_ND && kind <= UTF8PROC_CATEGORY_NO;
}

bool is_alnum(char32_t code_point) {
  return is_alpha(code_point) || is_numeric(code_point);
}

bool is_lower(char32_t code_point) {
  return category(code_point) == UTF8PROC_CATEGORY_LL || code_point == 0xAA || code_point == 0xBA;
}

bool is_upper(char32_t code_point) {
  return category(code_point) == UTF8PROC_CATEGORY_LU;
}

bool is_title(char32_t code_point) {
  return category(code_point) == UTF8PROC_CATEGORY_LT;
}

bool is_printable(char32_t code_point) {
  const auto kind = category(code_point);
  return code_point == ' ' || (kind != UTF8PROC_CATEGORY_CN && kind < UTF8PROC_CATEGORY_ZS);
}

bool is_word(char32_t code_point) {
  return code_point == '_' || is_alnum(code_point);
}

bool is_identifier_start(char32_t code_point) {
  return code_point == '_' || is_alpha(code_point) || category(code_point) == UTF8PROC_CATEGORY_NL;
}

std::string to_upper(std::string_view text) {
  if (is_ascii(text)) return ascii_mapped(text, 'a', 'z', 'A' - 'a');
  std::string out;
  for (std::size_t position = 0; position < text.size();) append_upper(out, decode_at(text, position));
  return out;
}

std::string to_lower(std::string_view text) {
  if (is_ascii(text)) return ascii_mapped(text, 'A', 'Z', 'a' - 'A');
  std::string out;
  const std::u32string code_points = to_code_points(text);
  for (std::size_t i = 0; i < code_points.size(); ++i) out += to_lower_at(code_points, i);
  return out;
}

std::string to_lower_at(std::u32string_view text, std::size_t index) {
  const char32_t code_point = text[index];
  if (code_point == kCapitalDottedI) return "i\xCC\x87";
  std::string out;
  const bool is_final = code_point == kCapitalSigma && is_final_sigma(text, index);
  append_code_point(out, is_final ? kFinalSigma : simple_lower(code_point));
  return out;
}

std::string to_title_case(char32_t code_point) {
  if (code_point == kSharpS) return "Ss";
  std::string out;
  if (simple_title(code_point) == code_point && is_lower(code_point)) {
    const std::u32string parts = folded(code_point);
    append_code_point(out, simple_title(parts.front()));
    for (const char32_t part : std::u32string_view(parts).substr(1)) append_code_point(out, part);
  } else {
    append_code_point(out, simple_title(code_point));
  }
  return out;
}

std::string to_case_folded(std::string_view text) {
  std::string out;
  for (std::size_t position = 0; position < text.size();) out += to_utf8(folded(decode_at(text, position)));
  return out;
}

std::size_t find_text(std::string_view text, std::string_view wanted, std::size_t from) {
  if (from > text.size()) return std::string_view::npos;
  // Short needles are the usual case, and for them the plain search is fast whatever the text.
  constexpr std::size_t kShortBytes = 32;
  if (wanted.size() <= kShortBytes) return text.find(wanted, from);
  const void* found = memmem(text.data() + from, text.size() - from, wanted.data(), wanted.size());
  return found == nullptr ? std::string_view::npos
                          : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

std::string_view strip_left(std::string_view text) {
  std::size_t position = 0;
  while (position < text.size()) {
    std::size_t next = position;
    if (!is_space(decode_at(text, next))) break;
    position = next;
  }
  return text.substr(position);
}

std::string_view strip_right(std::string_view text) {
  std::size_t end = text.size();
  while (end > 0) {
    std::size_t begin = end - 1;
    while ((static_cast<unsigned char>(text[begin]) & 0xC0U) == 0x80U) --begin;
    std::size_t next = begin;
    if (!is_space(decode_at(text, next))) break;
    end = begin;
  }
  return text.substr(0, end);
}

}  // namespace hearth::jinja
