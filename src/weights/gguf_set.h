// The names of the parts of a split GGUF file: "NAME-00001-of-0000N.gguf".
#pragma once

#include <optional>
#include <string>

namespace hearth {

struct SplitName {
  std::string prefix;
  int number;  // from 1
  int part_count;

  std::string part_name(int part_number) const;
};

// nullopt if `file_name` (without folder) is no part's name.
std::optional<SplitName> parse_split_name(const std::string& file_name);

}  // namespace hearth
