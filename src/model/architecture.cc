#include "model/architecture.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <set>

#include "base/error.h"
#include "model/architectures/families.h"

namespace hearth {

std::span<const Architecture> architectures() {
  static constexpr std::array kArchitectures{
      Architecture{"llama", "llama", NameScheme::kLlama, read_llama},
      Architecture{"", "mistral", NameScheme::kLlama, read_mistral},
      Architecture{"qwen2", "qwen2", NameScheme::kLlama, read_qwen2},
      Architecture{"qwen3", "qwen3", NameScheme::kLlama, read_qwen3},
      Architecture{"gpt2", "gpt2", NameScheme::kGpt2, read_gpt2},
      Architecture{"starcoder", "gpt_bigcode", NameScheme::kGpt2, read_gpt_bigcode},
  };
  return kArchitectures;
}

const Architecture& architecture_of(const Settings& settings) {
  std::set<std::string_view> known;
  for (const Architecture& candidate : architectures()) {
    const std::string_view name = settings.is_gguf() ? candidate.gguf_name : candidate.config_name;
    if (name == settings.architecture()) return candidate;
    if (!name.empty()) known.insert(name);
  }
  throw Unsupported(fmt::format("{}: architecture '{}' is not supported; known are {}", settings.file_name(),
                                settings.architecture(), fmt::join(known, ", ")));
}

}  // namespace hearth
