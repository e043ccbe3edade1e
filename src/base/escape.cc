// Escaping by byte class: what is a whole, valid UTF-8 sequence passes, the rest is spelled out.
#include "base/escape.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "base/utf8.h"

namespace hearth {
namespace {

constexpr std::size_t kNameBytesMax = 100;

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

// `escape(sequence, character, out)` is called for what is not printed as it is: a character that acts on the display,
// or one byte that is no part of valid UTF-8.
template <typename Escape>
std::string rewrite(std::string_view text, Escape escape) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Utf8Char c = decode_utf8(text, 0);
    const std::string_view sequence = text.substr(0, c.valid ? c.bytes : 1);
    if (!c.valid || acts_on_display(c.code_point)) {
      escape(sequence, c, out);
    } else {
      out += sequence;
    }
    text.remove_prefix(sequence.size());
  }
  return out;
}

}  // namespace

std::string printable_text(std::string_view text) {
  return rewrite(text,
                 [](std::string_view sequence, const Utf8Char&, std::string& out) { append_escaped(sequence, out); });
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
  const auto passes = [](char c) { return static_cast<std::uint8_t>(c) < 0x7f; };
  if (std::all_of(serialized.begin(), serialized.end(), passes)) return std::string(serialized);
  return rewrite(serialized, [](std::string_view sequence, const Utf8Char& c, std::string& out) {
    if (c.code_point < 0x20) {
      out += sequence;  // between values; a serializer escapes them within strings
    } else {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<std::uint32_t>(c.code_point));
    }
  });
}

std::string quote_name(std::string_view name) {
  const bool cut = name.size() > kNameBytesMax;
  return fmt::format("'{}{}'", escape_text(name.substr(0, kNameBytesMax)), cut ? "..." : "");
}

std::size_t find_invalid_utf8(std::string_view text) {
  if (text.empty()) return std::string_view::npos;
  bool valid = false;
  const std::size_t bytes = utf8_run_bytes(text, 0, valid);
  if (!valid) return 0;
  return bytes == text.size() ? std::string_view::npos : bytes;
}

}  // namespace hearth
