// Text and HTML: character references, tags, and addresses that become links, as MarkupSafe and Jinja2 have them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::jinja {

// Python's html.unescape: named and numeric references become characters.
std::string unescape_html(std::string_view text);
// Without comments and tags, white space made single blanks, references made characters.
std::string strip_tags(std::string_view text);

struct LinkStyle {
  std::optional<std::size_t> shown_max;  // characters of an address that are shown
  std::string rel, target;               // attributes of the links, escaped; empty: none
  std::vector<std::string> schemes;      // that begin a link beside http:// and https://
};
// `escaped` is HTML already; its web and mail addresses become links. Throws TemplateError(kLimit) for a word that
// takes too long to look at.
std::string with_links(std::string_view escaped, const LinkStyle& style);
// "mailto:", "ftp://": what may stand in LinkStyle::schemes.
bool is_scheme(std::string_view text);

}  // namespace hearth::jinja
