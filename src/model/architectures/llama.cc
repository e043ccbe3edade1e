// Llama 1 to 3 and what shares its shape (Touvron et al. 2023, Grattafiori et al. 2024): Mistral (Jiang et al. 2023)
// and Ministral, which add a sliding window, on all layers or some, CWM (Meta 2025) likewise; Ministral 3 and Mistral
// Small 3 (2025), whose queries grow beyond the context before YaRN stretched it. GGUF's files keep rope's pairs
// adjacent and carry Llama 3's scaling as frequency divisors; those of Mistral's first models call themselves `llama`,
// and their window is not part of that architecture.
#include "model/architectures/common.h"
#include "model/architectures/expert_settings.h"
#include "model/architectures/families.h"

namespace hearth {
namespace {

ModelSpec read_llama(const Settings& settings) {
  ModelSpec spec = read_gated_decoder(settings, {.gguf_pairs = RopePairs::kAdjacent});
  spec.ff_scales = true;
  // Mixtral's GGUF files.
  if (settings.is_gguf() && settings.positive(settings::kExpertCount)) {
    give_experts(settings, read_experts(settings, {.normalize = true, .gguf_normalize = true}), spec);
  }
  return spec;
}

ModelSpec read_mistral(const Settings& settings) {
  ModelSpec spec = read_llama(settings);
  read_sliding_window(settings, 0, spec);
  return spec;
}

ModelSpec read_ministral3(const Settings& settings) {
  ModelSpec spec = read_mistral(settings);
  read_query_scale(settings, spec);
  return spec;
}

}  // namespace

std::span<const Architecture> llama_family() {
  static constexpr Architecture kFamily[]{{"llama", "llama", NameScheme::kLlama, read_llama},
                                          {"", "mistral", NameScheme::kLlama, read_mistral},
                                          {"", "ministral", NameScheme::kLlama, read_mistral},
                                          {"", "cwm", NameScheme::kLlama, read_mistral},
                                          {"mistral3", "ministral3", NameScheme::kLlama, read_ministral3}};
  return kFamily;
}

}  // namespace hearth
