// Escaping by byte class: what is a whole, valid UTF-8 sequence passes, the rest is spelled out.
#include "base/escape.h"

#include <fmt/format.h>

#include <cstdint>
#include <iterator>

namespace hearth {
namespace {

constexpr std::size_t kNameBytesMax = 100;

// Bytes of the valid UTF-8 sequence that `text` begins with (RFC 3629: no surrogates, no overlong forms, up to
// U+10FFFF); 0 if there is none.
std::size_t sequence_bytes(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xc2 && lead < 0xe0   ? 2
                             : lead >= 0xe0 && lead < 0xf0 ? 3
                             : lead >= 0xf0 && lead < 0xf5 ? 4
                                                           : 0;
  if (length == 0 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const std::uint8_t second = byte(1);
  const bool overlong = (lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90);
  const bool surrogate = lead == 0xed && second >= 0xa0;
  const bool beyond = lead == 0xf4 && second >= 0x90;
  return overlong || surrogate || beyond ? 0 : length;
}

// The code point of a valid sequence.
char32_t decode(std::string_view sequence) {
  const auto byte = [&](std::size_t i) { return static_cast<char32_t>(static_cast<std::uint8_t>(sequence[i])); };
  if (sequence.size() == 1) return byte(0);
  char32_t value = byte(0) & (0x7fU >> sequence.size());
  for (std::size_t i = 1; i < sequence.size(); ++i) value = value << 6 | (byte(i) & 0x3f);
  return value;
}

// Control characters (C0, DEL, C1), line and paragraph separators, and what embeds, overrides or isolates a direction.
bool acts_on_display(char32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || (c >= 0x202a && c <= 0x202e) ||
         (c >= 0x2066 && c <= 0x2069);
}

void append_bytes(std::string_view bytes, std::string& out) {
  for (const char c : bytes) fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<std::uint8_t>(c));
}

void append_escaped(std::string_view sequence, std::string& out) {
  switch (sequence[0]) {
    case '\n':
      out += "\\n";
      break;
    case '\t':
      out += "\\t";
      break;
    case '\r':
      out += "\\r";
      break;
    default:
      append_bytes(sequence, out);
  }
}

// `escape(sequence)` is called for what is not printed as it is: a character that acts on the display, or one byte that
// is no part of valid UTF-8 (`valid` false).
template <typename Escape>
std::string rewrite(std::string_view text, Escape escape) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = sequence_bytes(text);
    const std::string_view sequence = text.substr(0, length == 0 ? 1 : length);
    if (length == 0 || acts_on_display(decode(sequence))) {
      escape(sequence, length != 0, out);
    } else {
      out += sequence;
    }
    text.remove_prefix(sequence.size());
  }
  return out;
}

}  // namespace

std::string printable_text(std::string_view text) {
  return rewrite(text, [](std::string_view sequence, bool, std::string& out) { append_escaped(sequence, out); });
}

std::string escape_text(std::string_view text) {
  std::string out;
  for (std::size_t at = 0;;) {
    const std::size_t backslash = text.find('\\', at);
    out += printable_text(text.substr(at, backslash - at));
    if (backslash == std::string_view::npos) return out;
    out += "\\\\";
    at = backslash + 1;
  }
}

std::string printable_json(std::string_view serialized) {
  return rewrite(serialized, [](std::string_view sequence, bool valid, std::string& out) {
    const char32_t c = valid ? decode(sequence) : 0xfffd;
    if (c < 0x20) {
      out += sequence;  // between values; a serializer escapes them within strings
    } else {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<std::uint32_t>(c));
    }
  });
}

std::string quote_name(std::string_view name) {
  const bool cut = name.size() > kNameBytesMax;
  return fmt::format("'{}{}'", escape_text(name.substr(0, kNameBytesMax)), cut ? "..." : "");
}

std::size_t find_invalid_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = sequence_bytes(text.substr(i));
    if (length == 0) return i;
    i += length;
  }
  return std::string_view::npos;
}

}  // namespace hearth
