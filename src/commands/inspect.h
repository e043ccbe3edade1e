// `hearth inspect`: what is in a model's files.
#pragma once

#include <filesystem>

namespace hearth {

struct InspectOptions {
  std::filesystem::path model;
  bool json = false;
  bool tensors = false;
  bool metadata = true;
};

void inspect(const InspectOptions& options);

}  // namespace hearth
