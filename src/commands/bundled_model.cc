#include "commands/bundled_model.h"

#include <fmt/format.h>

#include "base/error.h"

namespace hearth {

namespace fs = std::filesystem;

bool is_bundled_name(std::string_view name) {
  return name == kBundledModel || name == std::string(kBundledModel) + ":latest";
}

fs::path model_or_bundled(const fs::path& named) {
  if (!named.empty()) return named;
  const std::string file = std::string(kBundledModel) + ".gguf";
  std::error_code error;
  const fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
  const fs::path beside = folder / file, installed = folder.parent_path() / "share/hearth" / file;
  for (const fs::path& path : {beside, installed}) {
    if (fs::exists(path, error)) return path;
  }
  throw InvalidInput(
      fmt::format("no MODEL was named, and the bundled one is neither {} nor {}", beside.string(), installed.string()));
}

}  // namespace hearth
