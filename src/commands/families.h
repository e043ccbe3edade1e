// `hearth inspect --families`: the families of models that are known.
#pragma once

namespace hearth {

// Prints a table in Markdown, a row for each name; docs/families.md has the same.
void print_families();

}  // namespace hearth
