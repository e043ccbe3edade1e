#include "server/http/http_url.h"

#include <fmt/format.h>

#include <charconv>

#include "base/error.h"

namespace hearth {
namespace {

constexpr std::string_view kPlain = "http://", kTls = "https://";

InvalidInput refusal(std::string_view what, std::string_view url, std::string_view why) {
  return InvalidInput(fmt::format("{} '{}' {}", what, url, why));
}

// Behind the scheme: host, port and path.
HttpUrl parse_behind(std::string_view scheme, std::string_view url, std::string_view what,
                     std::string_view default_port) {
  const auto refuse = [&](std::string_view why) { return refusal(what, url, why); };
  const std::string_view rest = url.substr(scheme.size());
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
  return {.host = std::string(host), .port = std::string(port), .path = std::string(path), .tls = scheme == kTls};
}

}  // namespace

HttpUrl parse_http_url(std::string_view url, std::string_view what, std::string_view default_port) {
  if (url.starts_with(kTls)) {
    throw refusal(what, url, "wants https, which is not spoken here; name an http:// address");
  }
  if (!url.starts_with(kPlain)) throw refusal(what, url, "does not begin with http://");
  return parse_behind(kPlain, url, what, default_port);
}

HttpUrl parse_web_url(std::string_view url, std::string_view what) {
  if (url.starts_with(kPlain)) return parse_behind(kPlain, url, what, "80");
  if (url.starts_with(kTls)) return parse_behind(kTls, url, what, "443");
  throw refusal(what, url, "begins with neither https:// nor http://");
}

std::string authority_text(std::string_view host, std::string_view port) {
  const bool is_v6 = host.find(':') != std::string_view::npos;
  return fmt::format("{}{}{}:{}", is_v6 ? "[" : "", host, is_v6 ? "]" : "", port);
}

}  // namespace hearth
