#include "hub/hub_listing.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/error.h"
#include "base/escape.h"
#include "base/json_value.h"

namespace hearth {
namespace {

namespace json = boost::json;

constexpr std::size_t kPartsMax = 16, kPartBytesMax = 200;
constexpr std::int64_t kFileBytesMax = std::int64_t{1} << 46;
constexpr std::uint64_t kPageBytesMax = 64 << 20;
constexpr std::size_t kFilesMax = 100'000, kPagesMax = 1000, kJsonDepthMax = 32;

bool is_safe_part(std::string_view part) {
  if (part.empty() || part.size() > kPartBytesMax || part.front() == '.' || part.ends_with(' ')) return false;
  const bool is_plain =
      std::all_of(part.begin(), part.end(), [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != 0x7f; });
  return is_plain && part.find('\\') == std::string_view::npos && find_invalid_utf8(part) == std::string_view::npos;
}

// Something like .gitattributes, at whatever depth: nobody's weights.
bool is_hidden(std::string_view path) {
  for (;;) {
    const std::string_view part = path.substr(0, path.find('/'));
    if (part.starts_with('.') && part != "." && part != "..") return true;
    if (part.size() == path.size()) return false;
    path.remove_prefix(part.size() + 1);
  }
}

bool is_hash(std::string_view text, std::size_t digits) {
  return text.size() == digits &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// An entry of type "file"; nullopt for one that is hidden.
std::optional<HubFile> parse_file(const json::object& entry, const std::string& repository) {
  HubFile file;
  file.path = text_member(entry, "path");
  const auto refuse = [&](std::string_view why) {
    return InvalidInput(fmt::format("{}: the listing's file {} {}", repository, quote_name(file.path), why));
  };
  if (is_hidden(file.path)) return std::nullopt;
  if (!is_safe_path(file.path)) throw refuse("has a name that is not taken");
  const json::value* size = entry.if_contains("size");
  file.hash = text_member(entry, "oid");
  if (const json::value* lfs = entry.if_contains("lfs"); lfs != nullptr && lfs->is_object()) {
    file.hash = text_member(lfs->get_object(), "oid");
    if (file.hash.starts_with("sha256:")) file.hash.erase(0, 7);
    if (const json::value* large = lfs->get_object().if_contains("size")) size = large;
    if (!is_hash(file.hash, 64)) throw refuse("has no SHA-256");
  } else if (!is_hash(file.hash, 40) && !is_hash(file.hash, 64)) {
    throw refuse("has no hash");
  }
  if (size == nullptr || !size->is_int64() || size->get_int64() < 0 || size->get_int64() > kFileBytesMax) {
    throw refuse("has no size");
  }
  file.bytes = size->get_int64();
  return file;
}

}  // namespace

bool is_safe_path(std::string_view path) {
  for (std::size_t parts = 1;; ++parts) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    if (parts > kPartsMax || !is_safe_part(path.substr(0, slash))) return false;
    if (slash == path.size()) return true;
    path.remove_prefix(slash + 1);
  }
}

std::vector<HubFile> parse_hub_listing(std::string_view text, const std::string& repository) {
  const ParsedJson parsed = parse_json(text, kJsonDepthMax, BigIntegers::kAsDouble);
  if (parsed.error || !parsed.value.is_array()) {
    throw InvalidInput(fmt::format("{}: the listing is no JSON array", repository));
  }
  std::vector<HubFile> files;
  for (const json::value& value : parsed.value.get_array()) {
    if (!value.is_object()) throw InvalidInput(fmt::format("{}: the listing has an entry that is none", repository));
    if (text_member(value.get_object(), "type") != "file") continue;
    if (std::optional<HubFile> file = parse_file(value.get_object(), repository)) files.push_back(std::move(*file));
  }
  return files;
}

std::string next_page(std::string_view link) {
  while (!link.empty()) {
    const std::size_t open = link.find('<'), close = link.find('>');
    if (open == std::string_view::npos || close == std::string_view::npos || close < open) return {};
    const std::string_view address = link.substr(open + 1, close - open - 1);
    link.remove_prefix(close + 1);
    const std::string_view parameters = link.substr(0, link.find('<'));
    if (parameters.find("rel=\"next\"") != std::string_view::npos ||
        parameters.find("rel=next") != std::string_view::npos)
      return std::string(address);
  }
  return {};
}

std::vector<HubFile> list_repository(HubClient& client, const std::string& repository, const std::string& revision) {
  std::vector<HubFile> files;
  WebAddress address =
      client.address(fmt::format("/api/models/{}/tree/{}?recursive=true", repository, encoded_path(revision)));
  for (std::size_t pages = 0;; ++pages) {
    WebReply reply;
    const std::string page = client.text(address, kPageBytesMax, repository, &reply);
    for (HubFile& file : parse_hub_listing(page, repository)) files.push_back(std::move(file));
    const std::string next = next_page(reply.header("Link"));
    if (next.empty()) break;
    if (pages >= kPagesMax || files.size() > kFilesMax) {
      throw InvalidInput(fmt::format("{}: the listing does not end", repository));
    }
    address = resolved_address(address, next);
    if (!client.is_endpoint(address)) {
      throw InvalidInput(fmt::format("{}: the listing goes on at {}", repository, address.origin()));
    }
  }
  std::sort(files.begin(), files.end(), [](const HubFile& a, const HubFile& b) { return a.path < b.path; });
  const auto twice = std::adjacent_find(files.begin(), files.end(),
                                        [](const HubFile& a, const HubFile& b) { return a.path == b.path; });
  if (twice != files.end()) {
    throw InvalidInput(fmt::format("{}: the listing has {} twice", repository, quote_name(twice->path)));
  }
  return files;
}

}  // namespace hearth
