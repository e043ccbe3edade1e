#include "commands/bundled_model.h"

#include <fmt/format.h>

#include "base/error.h"

namespace hearth {

namespace fs = std::filesystem;

fs::path model_or_bundled(const fs::path& named) {
  if (!named.empty()) return named;
  constexpr const char* kName = "hearth-tales-9m-q8_0.gguf";
  std::error_code error;
  const fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
  const fs::path beside = folder / kName, installed = folder.parent_path() / "share/hearth" / kName;
  for (const fs::path& path : {beside, installed}) {
    if (fs::exists(path, error)) return path;
  }
  throw InvalidInput(fmt::format("no MODEL was named, and the bundled one is neither {} nor {}", beside.string(),
                                 installed.string()));
}

}  // namespace hearth
