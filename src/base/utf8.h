// UTF-8: text may come from anywhere, so every function takes ill-formed input. An ill-formed
// sequence counts as one character per maximal subpart (the Unicode Standard, section 3.9, practice for U+FFFD).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hearth {

inline constexpr char32_t kReplacementCharacter = 0xFFFD;

// The character at a position of a text.
struct Utf8Char {
  char32_t code_point;  // kReplacementCharacter where ill-formed
  std::size_t bytes;    // at least 1
  bool valid;
  bool incomplete;  // ill-formed only because the text ends: more bytes could complete it
};

// `position` is less than the text's size.
Utf8Char decode_utf8(std::string_view text, std::size_t position);

// Of well-formed text; of other, the bytes that do not continue a character.
std::size_t count_code_points(std::string_view text);

void append_utf8(char32_t code_point, std::string& out);
std::string to_utf8(char32_t code_point);

// The length of the longest prefix of text[position, …) that is all well-formed, or all ill-formed; `valid` says which.
std::size_t utf8_run_bytes(std::string_view text, std::size_t position, bool& valid);

// Ill-formed sequences become U+FFFD, one per maximal subpart.
std::string repair_utf8(std::string_view text);

// Calls visit(run, valid) for the maximal well-formed and ill-formed runs of a text, in order.
template <typename Visit>
void for_each_utf8_run(std::string_view text, Visit&& visit) {
  for (std::size_t position = 0; position < text.size();) {
    bool valid = false;
    const std::size_t bytes = utf8_run_bytes(text, position, valid);
    visit(text.substr(position, bytes), valid);
    position += bytes;
  }
}

// Calls visit(code_point, bytes_of_the_text, valid) for every character of a text.
template <typename Visit>
void for_each_character(std::string_view text, Visit&& visit) {
  for (std::size_t position = 0; position < text.size();) {
    const Utf8Char character = decode_utf8(text, position);
    visit(character.code_point, text.substr(position, character.bytes), character.valid);
    position += character.bytes;
  }
}

}  // namespace hearth
