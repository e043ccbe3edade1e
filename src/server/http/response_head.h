// The bytes of an answer's head, and of a chunk. Format: HTTP/1.1 (RFC 9112).
#pragma once

#include <string>
#include <string_view>

#include "server/http/exchange.h"

namespace hearth {

// Status line, the given headers and the empty line. Characters that would end a header's line are left out.
std::string response_head(unsigned status, const HttpHeaders& headers);
std::string_view reason_phrase(unsigned status);
// "Sun, 06 Nov 1994 08:49:37 GMT", now.
std::string http_date();
// `piece` is not empty: an empty chunk ends the body.
std::string chunk_of(std::string_view piece);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

}  // namespace hearth
