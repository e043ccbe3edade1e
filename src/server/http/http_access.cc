#include "server/http/http_access.h"

#include <algorithm>

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
    const char c = authorization[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c + 'a' - 'A') : c) != kScheme[i]) return {};
  }
  authorization.remove_prefix(kScheme.size());
  while (authorization.starts_with(' ')) authorization.remove_prefix(1);
  return authorization;
}

}  // namespace

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
  const auto allows = [&](std::string_view what) {
    return std::find(allowed_origins.begin(), allowed_origins.end(), what) != allowed_origins.end();
  };
  if (origin.empty()) return {};
  if (allows("*")) return {{"access-control-allow-origin", "*"}, {"access-control-expose-headers", "x-request-id"}};
  if (!allows(origin)) return {{"vary", "Origin"}};
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
