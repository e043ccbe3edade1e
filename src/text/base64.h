// Base64 (RFC 4648, section 4), as tokenizer.json carries binary data.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hearth {

// nullopt if the text is not Base64; padding may be left out.
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace hearth
