// GPT-2 (Radford et al. 2019) and GPT-BigCode / StarCoder (Li et al. 2023): learned positions, LayerNorm, fused query,
// key and value projections with biases. StarCoder's query heads share one key/value head.
#include "model/architectures/common.h"
#include "model/architectures/families.h"

namespace hearth {

ModelSpec read_gpt2(const Settings& settings) {
  ModelSpec spec = read_gpt_sizes(settings);
  spec.kv_head_count = spec.head_count;
  spec.transposed_linears = !settings.is_gguf();
  if (settings.boolean({"", {"scale_attn_by_inverse_layer_idx"}}).value_or(false)) {
    for (std::size_t i = 0; i < spec.layers.size(); ++i) spec.layers[i].attention_scale /= static_cast<float>(i + 1);
  }
  return spec;
}

ModelSpec read_gpt_bigcode(const Settings& settings) {
  ModelSpec spec = read_gpt_sizes(settings);
  if (!settings.is_gguf()) {
    const bool multi_query = settings.boolean({"", {"multi_query"}}).value_or(true);
    spec.kv_head_count = multi_query ? 1 : spec.head_count;
    spec.interleaved_qkv_heads = !multi_query;
  }
  return spec;
}

}  // namespace hearth
