// Base64 (RFC 4648, section 4), as tokenizer.json carries binary data and APIs carry vectors.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hearth {

// nullopt if the text is not Base64; padding may be left out.
std::optional<std::string> base64_decode(std::string_view text);
// With padding.
std::string base64_encode(std::string_view bytes);

}  // namespace hearth
