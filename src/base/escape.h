// Text from an untrusted file, made fit for a message or a terminal: control characters, those that turn the direction
// of writing, and bytes that are not UTF-8 are written as escapes, so that a name cannot break a sentence into lines,
// move the cursor or show itself in another order.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hearth {

// The whole text; the result is valid UTF-8 on one line. A backslash is doubled.
std::string escape_text(std::string_view text);

// The same with backslashes as they are, so that text which was escaped before does not change: for whole messages,
// where they are shown.
std::string printable_text(std::string_view text);

// Serialized JSON whose strings hold none of these characters raw: JSON itself lets DEL and U+0080 to U+009F pass.
std::string printable_json(std::string_view serialized);

// In single quotes, escaped, and cut to about 100 bytes with "..." where longer.
std::string quote_name(std::string_view name);

// Where the first byte stands that belongs to no valid UTF-8 sequence; npos if there is none.
std::size_t find_invalid_utf8(std::string_view text);

}  // namespace hearth
