// Python's textwrap, as Jinja's wordwrap filter calls it: lines of a bounded width out of one paragraph.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::jinja {

struct WrapStyle {
  std::int64_t width = 79;       // in characters; throws TemplateError if it is not positive
  bool break_long_words = true;  // those longer than a line
  bool break_on_hyphens = true;
};

// Throws TemplateError(kLimit) for a text that takes too long to split.
std::vector<std::string> wrapped_lines(std::string_view paragraph, const WrapStyle& style);

}  // namespace hearth::jinja
