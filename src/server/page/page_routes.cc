#include "server/page/page_routes.h"

#include <fmt/format.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "base/ascii_case.h"
#include "server/page/embedded_page.h"

namespace hearth {
namespace {

namespace asio = boost::asio;

// Nothing but the page's own files runs or styles it, it talks to its own server alone, no other page frames it, and
// no script can turn a text into HTML: what a model writes stays text, whatever mistake the page may make.
constexpr std::string_view kContentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'";

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Calls visit(member) for each member of a header's list.
template <typename Visit>
void for_each_member(std::string_view list, const Visit& visit) {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    visit(trimmed(list.substr(0, comma)));
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
}

std::string_view content_type(std::string_view name) {
  static constexpr std::pair<std::string_view, std::string_view> kTypes[] = {{".html", "text/html; charset=utf-8"},
                                                                             {".js", "text/javascript; charset=utf-8"},
                                                                             {".css", "text/css; charset=utf-8"},
                                                                             {".svg", "image/svg+xml"},
                                                                             {".woff2", "font/woff2"},
                                                                             {".txt", "text/plain; charset=utf-8"}};
  for (const auto& [ending, type] : kTypes) {
    if (name.ends_with(ending)) return type;
  }
  return "application/octet-stream";
}

std::string path_of(const EmbeddedFile& file) {
  return file.name == "index.html" ? "/" : fmt::format("/page/{}", file.name);
}

HttpHeaders headers_of(const std::string& etag) {
  return {{"etag", etag},
          {"cache-control", "no-cache"},  // kept, and asked for again with the tag
          {"vary", "Accept-Encoding"},
          {"content-security-policy", std::string(kContentSecurityPolicy)},
          {"x-content-type-options", "nosniff"},
          {"referrer-policy", "no-referrer"},
          {"cross-origin-opener-policy", "same-origin"},
          {"cross-origin-resource-policy", "same-origin"}};
}

asio::awaitable<void> send_file(Exchange& exchange, const EmbeddedFile& file, std::uint64_t hash) {
  const HttpRequest& request = exchange.request();
  const std::string_view encoding = chosen_encoding(request.header("accept-encoding"));
  const std::string etag = fmt::format("\"{:016x}{}{}\"", hash, encoding.empty() ? "" : "-", encoding);
  HttpHeaders headers = headers_of(etag);
  if (names_etag(request.header("if-none-match"), etag)) {
    co_await exchange.reply(304, {}, {}, std::move(headers));
    co_return;
  }
  if (!encoding.empty()) headers.emplace_back("content-encoding", encoding);
  std::string body(encoding == "br" ? file.brotli : encoding == "gzip" ? file.gzip : file.plain);
  std::string type(content_type(file.name));
  co_await exchange.reply(200, std::move(body), std::move(type), std::move(headers));
}

}  // namespace

std::string_view chosen_encoding(std::string_view accept_encoding) {
  enum class Wish : std::uint8_t { kUnsaid, kYes, kNo };
  Wish brotli = Wish::kUnsaid, gzip = Wish::kUnsaid, any = Wish::kUnsaid;
  for_each_member(accept_encoding, [&](std::string_view member) {
    const std::size_t semicolon = std::min(member.find(';'), member.size());
    const std::string name = ascii_lower(std::string(trimmed(member.substr(0, semicolon))));
    std::string_view weight = trimmed(member.substr(std::min(semicolon + 1, member.size())));
    const bool is_weight = weight.starts_with("q=") || weight.starts_with("Q=");
    weight.remove_prefix(is_weight ? 2 : 0);
    const bool is_refused = is_weight && weight.find_first_not_of("0.") == std::string_view::npos;
    Wish* const wish = name == "br"                         ? &brotli
                       : name == "gzip" || name == "x-gzip" ? &gzip
                       : name == "*"                        ? &any
                                                            : nullptr;
    if (wish != nullptr) *wish = is_refused ? Wish::kNo : Wish::kYes;
  });
  if (brotli == Wish::kUnsaid) brotli = any;
  if (gzip == Wish::kUnsaid) gzip = any;
  return brotli == Wish::kYes ? "br" : gzip == Wish::kYes ? "gzip" : "";
}

bool names_etag(std::string_view if_none_match, std::string_view etag) {
  bool found = false;
  for_each_member(if_none_match, [&](std::string_view member) {
    if (member.starts_with("W/")) member.remove_prefix(2);
    found = found || member == "*" || member == etag;
  });
  return found;
}

void add_page_routes(Router& router, const Router::ErrorBody& error_body) {
  for (const EmbeddedFile& file : embedded_page()) {
    const std::uint64_t hash = XXH3_64bits(file.plain.data(), file.plain.size());
    router.add("GET", path_of(file), error_body,
               [&file, hash](Exchange& exchange) { return send_file(exchange, file, hash); });
  }
}

std::vector<std::string> page_paths() {
  std::vector<std::string> paths;
  for (const EmbeddedFile& file : embedded_page()) paths.push_back(path_of(file));
  return paths;
}

}  // namespace hearth
