// Text from an untrusted file, made fit for a message or a terminal: control characters and bytes that are not UTF-8
// are written as escapes, so that a name cannot break a sentence into lines or move the cursor.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hearth {

// The whole text; the result is valid UTF-8 on one line. A backslash is doubled.
std::string escape_text(std::string_view text);

// In single quotes, escaped, and cut to about 100 bytes with "..." where longer.
std::string quote_name(std::string_view name);

// Where the first byte stands that belongs to no valid UTF-8 sequence; npos if there is none.
std::size_t find_invalid_utf8(std::string_view text);

}  // namespace hearth
