#include "hub/web_address.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace hearth {
namespace {

bool is_web(std::string_view text) {
  return text.starts_with("http://") || text.starts_with("https://");
}

// A request's line must not be broken by what a server sent.
std::string checked_target(std::string_view target) {
  target = target.substr(0, target.find('#'));
  const bool is_plain = std::all_of(target.begin(), target.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (!is_plain) throw InvalidInput("an address that a server named has characters that are not encoded");
  return target.starts_with('/') ? std::string(target) : "/" + std::string(target);
}

}  // namespace

std::string WebAddress::origin() const {
  return fmt::format("{}://{}", server.tls ? "https" : "http", authority_text(server.host, server.port));
}

std::string WebAddress::text() const {
  return origin() + target;
}

WebAddress parse_web_address(std::string_view text) {
  const std::size_t scheme = is_web(text) ? text.find("://") + 3 : 0;
  const std::size_t end = std::min(text.find_first_of("/?#", scheme), text.size());
  std::string_view authority = text.substr(scheme, end - scheme);
  // Names and passwords in front of a host are nobody's business here.
  if (authority.find('@') != std::string_view::npos) throw InvalidInput("an address that a server named has a user");
  WebAddress address;
  address.server = parse_web_url(text.substr(0, end), "the address");
  std::transform(address.server.host.begin(), address.server.host.end(), address.server.host.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  address.target = checked_target(text.substr(end));
  return address;
}

WebAddress resolved_address(const WebAddress& base, std::string_view reference) {
  // Whatever has a scheme stands for itself, and those that are none of the web's are refused there.
  const std::size_t colon = reference.find(':');
  if (colon != std::string_view::npos && colon < reference.find_first_of("/?#")) return parse_web_address(reference);
  WebAddress address = base;
  if (reference.starts_with("//")) {
    return parse_web_address((base.server.tls ? "https:" : "http:") + std::string(reference));
  }
  const std::string path = base.target.substr(0, base.target.find('?'));
  const std::string folder = path.substr(0, path.rfind('/') + 1);
  if (reference.starts_with('?')) {
    address.target = checked_target(path + std::string(reference));
  } else {
    address.target =
        checked_target(reference.starts_with('/') ? std::string(reference) : folder + std::string(reference));
  }
  return address;
}

std::string encoded_path(std::string_view path) {
  std::string encoded;
  for (const char c : path) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                          std::string_view("-._~/").find(c) != std::string_view::npos;
    if (is_plain) {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    }
  }
  return encoded;
}

bool bypasses_proxy(std::string_view no_proxy, std::string_view host) {
  while (!no_proxy.empty()) {
    const std::size_t comma = std::min(no_proxy.find(','), no_proxy.size());
    std::string_view entry = no_proxy.substr(0, comma);
    no_proxy.remove_prefix(std::min(comma + 1, no_proxy.size()));
    while (entry.starts_with(' ')) entry.remove_prefix(1);
    while (entry.ends_with(' ')) entry.remove_suffix(1);
    if (entry == "*") return true;
    if (entry.starts_with("*.")) entry.remove_prefix(1);
    if (entry.starts_with('.')) entry.remove_prefix(1);
    if (entry.empty()) continue;
    if (host == entry) return true;
    if (host.ends_with(entry) && host[host.size() - entry.size() - 1] == '.') return true;
  }
  return false;
}

}  // namespace hearth
