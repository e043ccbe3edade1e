// Qwen 2 and 2.5 (biases on queries, keys and values; a sliding window on the upper layers where it is switched on) and
// Qwen 3 (a norm of each query and key head instead of the biases).
#include "model/architectures/common.h"
#include "model/architectures/families.h"

namespace hearth {

ModelSpec read_qwen2(const Settings& settings) {
  ModelSpec spec = read_sizes(settings);
  spec.norm_epsilon = static_cast<float>(settings.number(settings::kRmsEpsilon).value_or(1e-6));
  spec.activation = read_activation(settings, Activation::kSilu);
  read_rope(settings, RopePairs::kHalfSplit, spec);
  if (settings.boolean({"", {"use_sliding_window"}}).value_or(false)) {
    read_sliding_window(settings, settings.integer({"", {"max_window_layers"}}).value_or(0), spec);
  }
  return spec;
}

ModelSpec read_qwen3(const Settings& settings) {
  ModelSpec spec = read_qwen2(settings);
  spec.query_key_norm = true;
  return spec;
}

}  // namespace hearth
