// Llama 1 to 3 and what shares its shape (Touvron et al. 2023, Grattafiori et al. 2024), and Mistral (Jiang et al.
// 2023), which adds a sliding window. GGUF's `llama` files keep rope's pairs adjacent and carry Llama 3's scaling as
// frequency divisors; Mistral's GGUF files call themselves `llama`, and their window is not part of that architecture.
#include "model/architectures/common.h"
#include "model/architectures/families.h"

namespace hearth {

ModelSpec read_llama(const Settings& settings) {
  ModelSpec spec = read_sizes(settings);
  spec.norm_epsilon = static_cast<float>(settings.number(settings::kRmsEpsilon).value_or(1e-6));
  spec.activation = read_activation(settings, Activation::kSilu);
  read_rope(settings, RopePairs::kAdjacent, spec);
  return spec;
}

ModelSpec read_mistral(const Settings& settings) {
  ModelSpec spec = read_llama(settings);
  read_sliding_window(settings, 0, spec);
  return spec;
}

}  // namespace hearth
