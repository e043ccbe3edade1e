// Addresses of the web as a client needs them: taken apart, resolved against each other when a server sends it
// elsewhere, and with paths encoded.
#pragma once

#include <string>
#include <string_view>

#include "server/http/http_url.h"

namespace hearth {

struct WebAddress {
  HttpUrl server;      // `path` is not used
  std::string target;  // path and query, beginning with a slash: what a request asks for

  std::string origin() const;  // "https://host:443"
  std::string text() const;
};

// Throws InvalidInput: another scheme, no host, control characters.
WebAddress parse_web_address(std::string_view text);
// What `reference`, a Location or Link of an answer to `base`, points at.
WebAddress resolved_address(const WebAddress& base, std::string_view reference);
// A path with what has a meaning in addresses as %XX; slashes stay.
std::string encoded_path(std::string_view path);

// Whether `no_proxy` ("localhost,.example.org,*") names the host or a domain that it is in.
bool bypasses_proxy(std::string_view no_proxy, std::string_view host);

}  // namespace hearth
