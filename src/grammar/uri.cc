#include "grammar/uri.h"

#include <vector>

namespace hearth {
namespace {

struct Parts {
  std::string scheme;      // with its ':'
  std::string authority;   // with its "//"
  std::string path, rest;  // `rest`: query and fragment
};

Parts parts_of(std::string_view uri) {
  Parts parts;
  const std::size_t colon = uri.find_first_of(":/?#");
  if (colon != std::string_view::npos && colon > 0 && uri[colon] == ':') {
    parts.scheme = uri.substr(0, colon + 1);
    uri.remove_prefix(colon + 1);
  }
  if (uri.starts_with("//")) {
    const std::size_t end = std::min(uri.find_first_of("/?#", 2), uri.size());
    parts.authority = uri.substr(0, end);
    uri.remove_prefix(end);
  }
  const std::size_t end = std::min(uri.find_first_of("?#"), uri.size());
  parts.path = uri.substr(0, end);
  parts.rest = uri.substr(end);
  return parts;
}

std::string without_dots(std::string_view path) {
  std::vector<std::string_view> segments;
  bool folder = false;
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view segment = path.substr(at, end - at);
    folder = segment == "." || segment == "..";
    if (segment == ".." && segments.size() > 1) segments.pop_back();
    if (!folder) segments.push_back(segment);
    at = end + 1;
  }
  std::string result;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (i > 0) result += '/';
    result += segments[i];
  }
  if (folder) result += '/';
  return result;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string resolve_uri(std::string_view base, std::string_view reference) {
  const Parts to = parts_of(reference), from = parts_of(base);
  if (!to.scheme.empty() || base.empty()) return std::string(reference);
  if (!to.authority.empty()) return from.scheme + std::string(reference);
  const std::string start = from.scheme + from.authority;
  if (to.path.empty()) {
    const std::size_t end = to.rest.starts_with('?') ? 0 : std::min(from.rest.find('#'), from.rest.size());
    return start + from.path + from.rest.substr(0, end) + to.rest;
  }
  if (to.path.starts_with('/')) return start + without_dots(to.path) + to.rest;
  const std::size_t slash = from.path.rfind('/');
  const std::string folder =
      slash == std::string::npos ? (from.authority.empty() ? "" : "/") : from.path.substr(0, slash + 1);
  return start + without_dots(folder + to.path) + to.rest;
}

SplitUri split_fragment(std::string_view uri) {
  SplitUri result;
  const std::size_t hash = std::min(uri.find('#'), uri.size());
  result.document = uri.substr(0, hash);
  if (hash == uri.size()) return result;
  const std::string_view coded = uri.substr(hash + 1);
  for (std::size_t i = 0; i < coded.size(); ++i) {
    if (coded[i] == '%' && i + 2 < coded.size() && hex_value(coded[i + 1]) >= 0 && hex_value(coded[i + 2]) >= 0) {
      result.fragment += static_cast<char>(hex_value(coded[i + 1]) * 16 + hex_value(coded[i + 2]));
      i += 2;
    } else {
      result.fragment += coded[i];
    }
  }
  return result;
}

}  // namespace hearth
