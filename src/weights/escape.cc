// Escaping by byte class: what is a whole, valid UTF-8 sequence passes, the rest is spelled out.
#include "weights/escape.h"

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

void append_escaped(std::string_view sequence, std::string& out) {
  const auto byte = static_cast<std::uint8_t>(sequence[0]);
  // U+0080 to U+009F are control characters too; their sequences begin with 0xc2.
  const bool c1_control = sequence.size() == 2 && byte == 0xc2 && static_cast<std::uint8_t>(sequence[1]) < 0xa0;
  if (byte == '\n') {
    out += "\\n";
  } else if (byte == '\t') {
    out += "\\t";
  } else if (byte == '\r') {
    out += "\\r";
  } else if (byte == '\\') {
    out += "\\\\";
  } else if (byte < 0x20 || byte == 0x7f || c1_control) {
    for (const char c : sequence) fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<std::uint8_t>(c));
  } else {
    out += sequence;
  }
}

}  // namespace

std::string escape_text(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = sequence_bytes(text);
    if (length == 0) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<std::uint8_t>(text[0]));
      text.remove_prefix(1);
    } else {
      append_escaped(text.substr(0, length), out);
      text.remove_prefix(length);
    }
  }
  return out;
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
