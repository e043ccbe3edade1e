// What Python's str knows about code points, over UTF-8: counting, slicing, case, classes. Positions are in code
// points.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/utf8.h"

namespace hearth::jinja {

// Whether the bytes are well-formed UTF-8 (no surrogates, no overlong forms).
bool is_utf8(std::string_view bytes);

// All of these take valid UTF-8.
// The byte where code point `index` begins; text.size() if there are no more than `index`.
std::size_t byte_offset(std::string_view text, std::size_t index);
char32_t decode_at(std::string_view text, std::size_t& position);  // advances `position` past the code point
void append_code_point(std::string& text, char32_t code_point);    // a scalar value
std::u32string to_code_points(std::string_view text);
std::string to_utf8(std::u32string_view code_points);

bool is_space(char32_t code_point);
bool is_line_break(char32_t code_point);  // what str.splitlines() splits at
bool is_alpha(char32_t code_point);
bool is_decimal(char32_t code_point);
bool is_digit(char32_t code_point);
bool is_numeric(char32_t code_point);
bool is_alnum(char32_t code_point);
bool is_lower(char32_t code_point);
bool is_upper(char32_t code_point);
bool is_title(char32_t code_point);
bool is_printable(char32_t code_point);
bool is_word(char32_t code_point);              // \w of a regular expression
bool is_identifier_start(char32_t code_point);  // may begin a name

// Full mappings: "ß" becomes "SS".
std::string to_upper(std::string_view text);
std::string to_lower(std::string_view text);
std::string to_lower_at(std::u32string_view text, std::size_t index);  // of one character, where it stands
std::string to_title_case(char32_t code_point);
std::string to_case_folded(std::string_view text);

// Where `wanted` first occurs at or after byte `from`; npos if nowhere. Linear time, whatever the two look like.
std::size_t find_text(std::string_view text, std::string_view wanted, std::size_t from = 0);

// Without whitespace at either end.
std::string_view strip_left(std::string_view text);
std::string_view strip_right(std::string_view text);

}  // namespace hearth::jinja
