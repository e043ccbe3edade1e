#include "server/http/exchange.h"

#include <algorithm>
#include <optional>

namespace hearth {
namespace {

std::vector<std::string> split_path(std::string_view path) {
  if (!path.empty() && path.front() == '/') path.remove_prefix(1);
  if (!path.empty() && path.back() == '/') path.remove_suffix(1);
  std::vector<std::string> segments;
  if (path.empty()) return segments;
  for (;;) {
    const std::size_t slash = path.find('/');
    segments.emplace_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

bool is_argument(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

bool takes_rest(std::string_view segment) {
  return is_argument(segment) && segment[segment.size() - 2] == '*';
}

// What the pattern's arguments stand for in the path; nullopt: another path.
std::optional<std::vector<std::string>> match_segments(const std::vector<std::string>& pattern,
                                                       const std::vector<std::string>& path) {
  std::vector<std::string> arguments;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (i >= path.size()) return std::nullopt;
    if (takes_rest(pattern[i])) {
      std::string rest = path[i];
      for (std::size_t j = i + 1; j < path.size(); ++j) rest += '/' + path[j];
      if (rest.empty()) return std::nullopt;
      arguments.push_back(std::move(rest));
      return arguments;
    }
    if (is_argument(pattern[i])) {
      if (path[i].empty()) return std::nullopt;
      arguments.push_back(path[i]);
    } else if (pattern[i] != path[i]) {
      return std::nullopt;
    }
  }
  if (path.size() != pattern.size()) return std::nullopt;
  return arguments;
}

}  // namespace

std::string_view HttpRequest::header(std::string_view lower_case_name) const {
  for (const auto& [name, value] : headers) {
    if (name == lower_case_name) return value;
  }
  return {};
}

void Router::add(std::string_view method, std::string_view pattern, ErrorBody error_body, Handler handler) {
  routes_.push_back(
      {std::string(method), std::string(pattern), split_path(pattern), std::move(error_body), std::move(handler)});
}

Router::Match Router::match(std::string_view method, std::string_view path) const {
  const std::vector<std::string> segments = split_path(path);
  Match match;
  match.error_body = &default_error_body_;
  for (const Route& route : routes_) {
    auto arguments = match_segments(route.segments, segments);
    if (!arguments) continue;
    const bool takes = match.handler == nullptr && route.method == method;
    if (takes || match.allowed_methods.empty()) {
      match.error_body = &route.error_body;
      match.pattern = route.pattern;
    }
    if (!match.allowed_methods.empty()) match.allowed_methods += ", ";
    match.allowed_methods += route.method == "GET" ? "GET, HEAD" : route.method;
    if (!takes) continue;
    match.handler = &route.handler;
    match.path_arguments = std::move(*arguments);
  }
  return match.handler == nullptr && method == "HEAD" ? this->match("GET", path) : match;
}

}  // namespace hearth
