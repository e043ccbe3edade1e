// The files of the page that `hearth serve` shows, as page/build.mjs wrote them and the program carries them.
#pragma once

#include <span>
#include <string_view>

namespace hearth {

struct EmbeddedFile {
  std::string_view name;  // "page.js"
  std::string_view plain, gzip, brotli;
};

std::span<const EmbeddedFile> embedded_page();

}  // namespace hearth
