#include "server/http/http_access.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <iterator>
#include <utility>

#include "base/ascii_case.h"

namespace hearth {
namespace {

bool equal_in_constant_time(std::string_view secret, std::string_view given) {
  if (secret.empty()) return false;
  unsigned difference = secret.size() == given.size() ? 0 : 1;
  for (std::size_t i = 0; i < given.size(); ++i) {
    difference |= static_cast<unsigned>(static_cast<unsigned char>(given[i] ^ secret[i % secret.size()]));
  }
  return difference == 0;
}

std::string_view bearer_token(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  if (authorization.size() < kScheme.size()) return {};
  for (std::size_t i = 0; i < kScheme.size(); ++i) {
    if (ascii_lower(authorization[i]) != kScheme[i]) return {};
  }
  authorization.remove_prefix(kScheme.size());
  while (authorization.starts_with(' ')) authorization.remove_prefix(1);
  return authorization;
}

// "name:8080" is of the host "name", "[::1]:8080" of "::1".
std::string host_name(std::string_view authority) {
  if (authority.starts_with('[')) return ascii_lower(std::string(authority.substr(1, authority.find(']') - 1)));
  std::string name = ascii_lower(std::string(authority.substr(0, authority.rfind(':'))));
  if (name.ends_with('.')) name.pop_back();
  return name;
}

bool is_address(const std::string& name) {
  boost::system::error_code error;
  boost::asio::ip::make_address(name, error);
  return !error;
}

bool is_local_name(std::string_view name) {
  return name == "localhost" || name.ends_with(".localhost");
}

bool is_this_machine(const std::string& name) {
  if (is_local_name(name)) return true;
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(name, error);
  return !error && address.is_loopback();
}

bool has(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// "http://name:8080": the scheme, and what comes after it; both empty where it is none of a page's.
std::pair<std::string_view, std::string_view> split_origin(std::string_view origin) {
  constexpr std::string_view kSeparator = "://";
  const std::size_t at = origin.find(kSeparator);
  if (at == std::string_view::npos) return {};
  return {origin.substr(0, at), origin.substr(at + kSeparator.size())};
}

bool is_allowed_origin(const HttpRequest& request, const std::vector<std::string>& allowed) {
  const std::string_view origin = request.header("origin");
  if (has(allowed, "*") || has(allowed, origin)) return true;
  const auto [scheme, authority] = split_origin(origin);
  if (scheme != "http" && scheme != "https") return false;
  return ascii_lower(std::string(authority)) == ascii_lower(std::string(request.header("host"))) ||
         is_this_machine(host_name(authority));
}

}  // namespace

bool is_foreign_page(const HttpRequest& request, const std::vector<std::string>& allowed_origins) {
  const std::string_view origin = request.header("origin");
  if (origin.empty() || is_allowed_origin(request, allowed_origins)) return false;
  // Programs that are made of pages ("app://…", "vscode-webview://…") are no sites that one happens to visit.
  const std::string_view scheme = split_origin(origin).first;
  return scheme.empty() || scheme == "http" || scheme == "https";
}

bool is_known_host(const HttpRequest& request, const std::vector<std::string>& allowed_hosts, std::string_view own) {
  const std::string name = host_name(request.header("host"));
  if (has(allowed_hosts, "*") || has(allowed_hosts, name) || name == ascii_lower(std::string(own))) return true;
  if (name.find('.') == std::string::npos || is_address(name) || is_local_name(name)) return true;
  // Ends of names that nobody can register.
  static constexpr std::string_view kLocalEnds[] = {".local", ".internal", ".home.arpa", ".lan", ".test"};
  return std::any_of(std::begin(kLocalEnds), std::end(kLocalEnds),
                     [&](std::string_view end) { return name.ends_with(end); });
}

bool has_api_key(const HttpRequest& request, const std::vector<std::string>& keys) {
  const std::string_view bearer = bearer_token(request.header("authorization"));
  const std::string_view other = request.header("x-api-key");
  bool found = false;
  for (const std::string& key : keys) {
    const bool by_bearer = equal_in_constant_time(key, bearer), by_other = equal_in_constant_time(key, other);
    found = found || by_bearer || by_other;
  }
  return found;
}

HttpHeaders cors_headers(const HttpRequest& request, const std::vector<std::string>& allowed_origins) {
  const std::string_view origin = request.header("origin");
  if (origin.empty()) return {};
  if (has(allowed_origins, "*")) {
    return {{"access-control-allow-origin", "*"}, {"access-control-expose-headers", "x-request-id"}};
  }
  if (!is_allowed_origin(request, allowed_origins)) return {{"vary", "Origin"}};
  return {{"access-control-allow-origin", std::string(origin)},
          {"access-control-expose-headers", "x-request-id"},
          {"vary", "Origin"}};
}

bool is_preflight(const HttpRequest& request) {
  return request.method == "OPTIONS" && !request.header("access-control-request-method").empty();
}

HttpHeaders preflight_headers(const HttpRequest& request, std::string_view allowed_methods) {
  HttpHeaders headers{{"access-control-allow-methods", std::string(allowed_methods)},
                      {"access-control-max-age", "86400"}};
  const std::string_view wanted = request.header("access-control-request-headers");
  if (!wanted.empty()) headers.emplace_back("access-control-allow-headers", std::string(wanted));
  return headers;
}

}  // namespace hearth
