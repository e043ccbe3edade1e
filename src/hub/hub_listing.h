// A repository's files as the endpoint lists them. Nothing in a listing is trusted: names, sizes and hashes are checked
// before anything is done with them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hub/hub_client.h"

namespace hearth {

struct HubFile {
  std::string path;  // "folder/name", checked by is_safe_path()
  std::int64_t bytes = 0;
  std::string hash;  // lower-case hexadecimal: SHA-256 of the content (64 digits), or git's SHA-1 of it (40)

  bool is_large() const { return hash.size() == 64; }  // kept outside git
};

// Relative, of named parts only: no "..", nothing hidden, no characters that a file system or a terminal takes for
// something else; at most 16 parts of at most 200 bytes.
bool is_safe_path(std::string_view path);

// One page of /api/models/ORG/REPO/tree/REVISION?recursive=true: folders are left out. Throws InvalidInput, naming the
// entry, for what is malformed.
std::vector<HubFile> parse_hub_listing(std::string_view json, const std::string& repository);

// The address behind rel="next" of a Link header; empty: there is none.
std::string next_page(std::string_view link);

// All pages, sorted by path. Throws what HubClient::text() does, and InvalidInput for what is malformed, for a name
// that is there twice, and for too many.
std::vector<HubFile> list_repository(HubClient& client, const std::string& repository, const std::string& revision);

}  // namespace hearth
