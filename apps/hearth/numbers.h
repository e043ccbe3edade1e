// Numbers on the command line are in base ten, whatever they begin with: CLI11 reads 010 as eight and 0x10 as sixteen.
#pragma once

#include <CLI/CLI.hpp>

namespace hearth {

// For every option of `app` and its verbs that takes numbers. What is no number, and what no integer of 64 bits can be,
// is refused with a sentence.
void read_numbers_in_base_ten(CLI::App& app);

}  // namespace hearth
