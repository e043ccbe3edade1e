// An http:// or https:// address, taken apart.
#pragma once

#include <string>
#include <string_view>

namespace hearth {

struct HttpUrl {
  std::string host, port;
  std::string path;  // without a slash at its end; "" for none
  bool tls = false;  // https
};

// "http://localhost:8080/base", "http://[::1]:8080". `what` names the address in messages ("the server's address").
// Throws InvalidInput: another scheme, no host, a port that is none.
HttpUrl parse_http_url(std::string_view url, std::string_view what, std::string_view default_port);

// The same of either scheme, with its usual port where the address names none.
HttpUrl parse_web_url(std::string_view url, std::string_view what);

// "localhost:8080", "[::1]:8080".
std::string authority_text(std::string_view host, std::string_view port);

}  // namespace hearth
