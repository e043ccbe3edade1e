#include "model/architecture.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "base/error.h"
#include "model/architectures/families.h"
#include "model/nearest_architecture.h"
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

std::string_view family_kind_name(FamilyKind kind) {
  switch (kind) {
    case FamilyKind::kDense:
      return "dense";
    case FamilyKind::kExperts:
      return "experts";
    case FamilyKind::kHybrid:
      return "hybrid";
    case FamilyKind::kRecurrent:
      return "recurrent";
    case FamilyKind::kEncoder:
      return "encoder";
  }
  return "";
}

namespace {

// Models of a known one's layers that write otherwise: opened as that, they would say something, and nothing of sense.
void refuse_diffusion(const Settings& settings) {
  static constexpr std::string_view kDiffusion[]{"dream", "Dream", "llada", "llada-moe", "llada_moe", "rnd1"};
  if (std::ranges::find(kDiffusion, settings.architecture()) == std::end(kDiffusion)) return;
  throw Unsupported(
      fmt::format("{}: architecture '{}' is one of diffusion, which fills in tokens all over a text instead of going "
                  "on with it; this is not supported",
                  settings.file_name(), settings.architecture()));
}

}  // namespace

const Architecture& architecture_of(const Settings& settings) {
  const bool is_projector =
      settings.architecture() == "clip" || settings.source().metadata().string("general.type").value_or("") == "mmproj";
  if (settings.is_gguf() && is_projector) {
    throw Unsupported(
        fmt::format("{}: this is the part of a model that sees or hears (a projector, mmproj), and no "
                    "language model; open the file of its text model",
                    settings.file_name()));
  }
  refuse_diffusion(settings);
  std::set<std::string_view> known;
  for (const Architecture& candidate : architectures()) {
    const std::string_view name = settings.is_gguf() ? candidate.gguf_name : candidate.config_name;
    if (name == settings.family()) return candidate;
    if (!name.empty()) known.insert(name);
  }
  throw Unsupported(fmt::format("{}: architecture '{}' is not supported; {}; known are {}", settings.file_name(),
                                settings.architecture(), nearest_architecture_note(settings), fmt::join(known, ", ")));
}

ModelSpec read_model_spec(const Settings& settings) {
  ModelSpec spec = architecture_of(settings).read_spec(settings);
  refuse_unread(settings, spec);
  return spec;
}

}  // namespace hearth
