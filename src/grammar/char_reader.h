// Bytes to code points, one byte at a time: UTF-8, and within JSON's strings also escapes. What was read of an
// unfinished character is one number, so that it can be part of a state.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace hearth {

struct CharReading {
  enum class Kind : std::uint8_t { kInvalid, kPartial, kCharacter };
  struct Range {
    char32_t first, last;
  };
  Kind kind = Kind::kInvalid;
  std::uint32_t partial = 0;  // what is to be given with the next byte; 0 between characters
  char32_t character = 0;
  // The characters that a partial one can become.
  std::array<Range, 2> ranges{};
  std::size_t range_count = 0;
};

// What stands before a special token's name where a grammar spells it (token_mask.h): the byte 0xff, which is no UTF-8,
// is read as a character beyond the last code point. No set of code points has it, so no text does.
inline constexpr char kSpecialByte = '\xff';
inline constexpr char32_t kSpecialCharacter = 0x110000;

// The byte after `partial`. Neither a string's closing quote nor what may not stand in UTF-8 is a character.
CharReading read_utf8(std::uint32_t partial, std::uint8_t byte);
// The same within a JSON string (RFC 8259, section 7). A surrogate without its other half is invalid.
CharReading read_json_char(std::uint32_t partial, std::uint8_t byte);

}  // namespace hearth
