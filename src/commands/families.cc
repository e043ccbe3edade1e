#include "commands/families.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "model/architecture.h"

namespace hearth {
namespace {

std::string quoted(std::string_view name) {
  return name.empty() ? "" : fmt::format("`{}`", name);
}

// By which a row is found.
std::string_view first_name(const Architecture& family) {
  return family.config_name.empty() ? family.gguf_name : family.config_name;
}

}  // namespace

void print_families() {
  std::vector<Architecture> families = architectures();
  std::ranges::stable_sort(families, {}, first_name);
  fmt::print("| config.json | GGUF | kind | mixers |\n| --- | --- | --- | --- |\n");
  for (const Architecture& family : families) {
    fmt::print("| {} | {} | {} | {} |\n", quoted(family.config_name), quoted(family.gguf_name),
               family_kind_name(family.kind), family.mixers);
  }
}

}  // namespace hearth
