// The published templates under ../shared: their names, and their files.
#pragma once

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/error.h"

namespace hearth {

inline std::filesystem::path templates_folder() {
  return std::filesystem::path(HEARTH_SHARED_DIR) / "fixtures" / "templates";
}

inline std::vector<std::string> template_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(templates_folder())) {
    if (entry.path().extension() == ".jinja") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// `ending`: "jinja", or "json" for the rows.
inline std::string template_file(const std::string& name, const std::string& ending) {
  const std::filesystem::path path = templates_folder() / (name + "." + ending);
  std::ifstream file(path, std::ios::binary);
  if (!file) throw InvalidInput("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

// As the name of a test case.
inline std::string case_name(std::string name) {
  std::replace_if(
      name.begin(), name.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
}

}  // namespace hearth
