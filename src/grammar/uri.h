// References between schemas: RFC 3986's resolution, as far as identifiers need it.
#pragma once

#include <string>
#include <string_view>

namespace hearth {

// `reference` against the absolute `base`; without base it stays as it is.
std::string resolve_uri(std::string_view base, std::string_view reference);
// Apart at the first '#'; the fragment's %XX are decoded.
struct SplitUri {
  std::string document;
  std::string fragment;
};
SplitUri split_fragment(std::string_view uri);

}  // namespace hearth
