#include "text/unicode/testing/oniguruma.h"

#include <oniguruma.h>

#include "base/error.h"
#include "base/utf8.h"

namespace hearth {
namespace {

const OnigUChar* bytes(const std::string& text, std::size_t at = 0) {
  return reinterpret_cast<const OnigUChar*>(text.data()) + at;
}

}  // namespace

Oniguruma::Oniguruma(const std::string& pattern) {
  OnigErrorInfo error;
  OnigRegex regex = nullptr;
  const int status = onig_new(&regex, bytes(pattern), bytes(pattern, pattern.size()), ONIG_OPTION_NONE,
                              ONIG_ENCODING_UTF8, ONIG_SYNTAX_DEFAULT, &error);
  if (status != ONIG_NORMAL) throw Unsupported("Oniguruma does not take " + pattern);
  regex_ = regex;
}

Oniguruma::~Oniguruma() {
  onig_free(static_cast<OnigRegex>(regex_));
}

std::vector<Span> Oniguruma::matches(const std::string& text) const {
  std::vector<Span> found;
  OnigRegion* region = onig_region_new();
  for (std::size_t start = 0; start <= text.size();) {
    const int status = onig_search(static_cast<OnigRegex>(regex_), bytes(text), bytes(text, text.size()),
                                   bytes(text, start), bytes(text, text.size()), region, ONIG_OPTION_NONE);
    if (status < 0) break;
    const Span match{static_cast<std::size_t>(region->beg[0]), static_cast<std::size_t>(region->end[0])};
    if (match.begin == match.end && !found.empty() && found.back().end == match.end) {
      if (start == text.size()) break;
      start += decode_utf8(text, start).bytes;
      continue;
    }
    found.push_back(match);
    start = match.end;
  }
  onig_region_free(region, 1);
  return found;
}

}  // namespace hearth
