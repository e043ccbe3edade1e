#include "grammar/char_reader.h"

#include <string_view>

namespace hearth {
namespace {

// A partial character: mode << 28 | digits << 24 | value. Modes 1 to 3 are bytes that UTF-8 still needs.
enum Mode : std::uint32_t {
  kEscape = 4,  // after the backslash
  kHex = 5,     // digits of \uXXXX
  kHigh = 6,    // after a high surrogate, before its backslash
  kHighU = 7,   // before its 'u'
  kLowHex = 8,  // digits of the low surrogate; the value has the ten bits of the high one before them
};

constexpr char32_t kSurrogates = 0xD800, kLowSurrogates = 0xDC00, kAfterSurrogates = 0xE000;

std::uint32_t packed(std::uint32_t mode, std::uint32_t digits, std::uint32_t value) {
  return mode << 28 | digits << 24 | value;
}

CharReading character(char32_t value) {
  CharReading reading;
  reading.kind = CharReading::Kind::kCharacter;
  reading.character = value;
  return reading;
}

CharReading partial(std::uint32_t state, CharReading::Range range) {
  CharReading reading;
  reading.kind = CharReading::Kind::kPartial;
  reading.partial = state;
  reading.ranges[0] = range;
  reading.range_count = 1;
  return reading;
}

CharReading utf8_partial(std::uint32_t missing, std::uint32_t value) {
  const std::uint32_t bits = 6 * missing;
  CharReading::Range range{value << bits, ((value + 1) << bits) - 1};
  // The shortest spelling is the only one.
  if (missing == 2 && value == 0) range.first = 0x800;
  if (missing == 3 && value == 0) range.first = 0x10000;
  if (missing == 3 && value == 4) range.last = 0x10FFFF;
  return partial(packed(missing, 0, value), range);
}

int hex_digit(std::uint8_t byte) {
  if (byte >= '0' && byte <= '9') return byte - '0';
  if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
  if (byte >= 'A' && byte <= 'F') return byte - 'A' + 10;
  return -1;
}

// After `digits` of the four of \uXXXX.
CharReading hex_partial(std::uint32_t digits, std::uint32_t value) {
  const std::uint32_t bits = 16 - 4 * digits;
  const char32_t first = value << bits, last = ((value + 1) << bits) - 1;
  CharReading reading = partial(packed(kHex, digits, value), {first, last});
  if (last >= kSurrogates && first < kLowSurrogates) {
    const char32_t high_first = first > kSurrogates ? first - kSurrogates : 0;
    const char32_t high_last = (last < kLowSurrogates ? last : kLowSurrogates - 1) - kSurrogates;
    reading.ranges[1] = {0x10000 + (high_first << 10), 0x10000 + (high_last << 10) + 0x3FF};
    reading.range_count = 2;
  }
  return reading;
}

CharReading read_hex(std::uint32_t digits, std::uint32_t value, std::uint8_t byte) {
  const int digit = hex_digit(byte);
  if (digit < 0) return {};
  value = value << 4 | static_cast<std::uint32_t>(digit);
  if (digits < 3) return hex_partial(digits + 1, value);
  if (value < kSurrogates || value >= kAfterSurrogates) return character(value);
  if (value >= kLowSurrogates) return {};
  const std::uint32_t high = value - kSurrogates;
  return partial(packed(kHigh, 0, high), {0x10000 + (high << 10), 0x10000 + (high << 10) + 0x3FF});
}

CharReading read_low_hex(std::uint32_t digits, std::uint32_t value, std::uint8_t byte) {
  const int digit = hex_digit(byte);
  if (digit < 0) return {};
  if (digits == 0 && digit != 0xD) return {};
  if (digits == 1 && digit < 0xC) return {};
  value = value << 4 | static_cast<std::uint32_t>(digit);
  const std::uint32_t bits = 16 - 4 * (digits + 1);
  const std::uint32_t high = value >> (16 - bits);
  const std::uint32_t unit = (value & ((1u << (16 - bits)) - 1)) << bits;
  const char32_t base = 0x10000 + (high << 10);
  if (digits == 3) return character(base + (unit - kLowSurrogates));
  const std::uint32_t low = unit < kLowSurrogates ? 0 : unit - kLowSurrogates;
  const std::uint32_t span = digits == 0 ? 0x3FF : (1u << bits) - 1;
  return partial(packed(kLowHex, digits + 1, value), {base + low, base + (digits == 0 ? 0x3FF : low + span)});
}

CharReading read_escape(std::uint8_t byte) {
  constexpr std::string_view kLetters = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
  if (byte == 'u') return hex_partial(0, 0);
  const std::size_t at = kLetters.find(static_cast<char>(byte));
  return at == std::string_view::npos ? CharReading{} : character(static_cast<char32_t>(kMeanings[at]));
}

}  // namespace

CharReading read_utf8(std::uint32_t state, std::uint8_t byte) {
  if (state == 0) {
    if (byte < 0x80) return character(byte);
    if (byte >= 0xC2 && byte <= 0xDF) return utf8_partial(1, byte & 0x1Fu);
    if (byte >= 0xE0 && byte <= 0xEF) return utf8_partial(2, byte & 0x0Fu);
    if (byte >= 0xF0 && byte <= 0xF4) return utf8_partial(3, byte & 0x07u);
    return byte == static_cast<std::uint8_t>(kSpecialByte) ? character(kSpecialCharacter) : CharReading{};
  }
  if (byte < 0x80 || byte > 0xBF) return {};
  const std::uint32_t missing = state >> 28, before = state & 0xffffff;
  const std::uint32_t value = before << 6 | (byte & 0x3Fu);
  if (missing == 2 && before == 0 && byte < 0xA0) return {};
  if (missing == 2 && before == 0xD && byte > 0x9F) return {};
  if (missing == 3 && before == 0 && byte < 0x90) return {};
  if (missing == 3 && before == 4 && byte > 0x8F) return {};
  return missing == 1 ? character(value) : utf8_partial(missing - 1, value);
}

CharReading read_json_char(std::uint32_t state, std::uint8_t byte) {
  const std::uint32_t mode = state >> 28, digits = state >> 24 & 0xf, value = state & 0xffffff;
  switch (mode) {
    case kEscape:
      return read_escape(byte);
    case kHex:
      return read_hex(digits, value, byte);
    case kHigh:
    case kHighU: {
      if (byte != (mode == kHigh ? '\\' : 'u')) return {};
      const char32_t base = 0x10000 + (value << 10);
      return partial(packed(mode + 1, 0, value), {base, base + 0x3FF});
    }
    case kLowHex:
      return read_low_hex(digits, value, byte);
    default:
      break;
  }
  if (state == 0) {
    if (byte < 0x20 || byte == '"' || byte == static_cast<std::uint8_t>(kSpecialByte)) return {};
    if (byte == '\\') return partial(packed(kEscape, 0, 0), {0, 0x10FFFF});
  }
  return read_utf8(state, byte);
}

}  // namespace hearth
