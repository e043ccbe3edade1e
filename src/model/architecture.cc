#include "model/architecture.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>

#include "base/error.h"
#include "model/architectures/families.h"
#include "model/unread_settings.h"

namespace hearth {

const std::vector<Architecture>& architectures() {
  static const std::vector<Architecture> kArchitectures = [] {
    std::vector<Architecture> all;
#define HEARTH_APPEND(name) \
  for (const Architecture& architecture : name##_family()) all.push_back(architecture);
    HEARTH_FAMILIES(HEARTH_APPEND)
#undef HEARTH_APPEND
    return all;
  }();
  return kArchitectures;
}

const Architecture& architecture_of(const Settings& settings) {
  if (settings.is_gguf() && settings.architecture() == "clip") {
    throw Unsupported(
        fmt::format("{}: this is the part of a model that sees or hears (a projector, mmproj), and no "
                    "language model; open the file of its text model",
                    settings.file_name()));
  }
  std::set<std::string_view> known;
  for (const Architecture& candidate : architectures()) {
    const std::string_view name = settings.is_gguf() ? candidate.gguf_name : candidate.config_name;
    if (name == settings.architecture()) return candidate;
    if (!name.empty()) known.insert(name);
  }
  throw Unsupported(fmt::format("{}: architecture '{}' is not supported; known are {}", settings.file_name(),
                                settings.architecture(), fmt::join(known, ", ")));
}

ModelSpec read_model_spec(const Settings& settings) {
  ModelSpec spec = architecture_of(settings).read_spec(settings);
  refuse_unread(settings, spec);
  return spec;
}

}  // namespace hearth
