#include "server/http/http_url.h"

#include <fmt/format.h>

#include <charconv>

#include "base/error.h"

namespace hearth {

HttpUrl parse_http_url(std::string_view url, std::string_view what, std::string_view default_port) {
  constexpr std::string_view kScheme = "http://";
  const auto refuse = [&](std::string_view why) { return InvalidInput(fmt::format("{} '{}' {}", what, url, why)); };
  if (url.starts_with("https://")) throw refuse("wants https, which is not spoken here; name an http:// address");
  if (!url.starts_with(kScheme)) throw refuse("does not begin with http://");
  const std::string_view rest = url.substr(kScheme.size());
  const std::string_view authority = rest.substr(0, rest.find('/'));
  std::string_view path = rest.substr(authority.size());
  while (path.ends_with('/')) path.remove_suffix(1);
  // Colons within the brackets of an IPv6 address are its own.
  const std::size_t bracket = authority.find(']');
  const std::size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  std::string_view host = authority.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.empty()) throw refuse("names no host");
  const std::string_view port = colon == std::string_view::npos ? default_port : authority.substr(colon + 1);
  int number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc{} || end != port.data() + port.size() || number < 1 || number > 65535) {
    throw refuse(fmt::format("has the port '{}', which is none", port));
  }
  return {.host = std::string(host), .port = std::string(port), .path = std::string(path)};
}

}  // namespace hearth
