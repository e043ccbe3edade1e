// GPT-2 (Radford et al. 2019) and GPT-BigCode / StarCoder (Li et al. 2023): learned positions, LayerNorm, fused query,
// key and value projections with biases. StarCoder's query heads share one key/value head.
#include "model/architectures/common.h"
#include "model/architectures/families.h"

namespace hearth {
namespace {

ModelSpec read_gpt2(const Settings& settings) {
  ModelSpec spec = read_gpt_sizes(settings);
  spec.transposed_linears = !settings.is_gguf();
  const bool by_layer = settings.boolean({"", {"scale_attn_by_inverse_layer_idx"}}).value_or(false);
  for (std::size_t i = 0; i < spec.layers.size(); ++i) {
    AttentionSpec& attention = spec.layers[i].attention();
    attention.kv_head_count = attention.head_count;
    if (by_layer) attention.scale /= static_cast<float>(i + 1);
  }
  return spec;
}

ModelSpec read_gpt_bigcode(const Settings& settings) {
  ModelSpec spec = read_gpt_sizes(settings);
  if (settings.is_gguf()) return spec;
  const bool multi_query = settings.boolean({"", {"multi_query"}}).value_or(true);
  spec.interleaved_qkv_heads = !multi_query;
  for (LayerSpec& layer : spec.layers) {
    layer.attention().kv_head_count = multi_query ? 1 : layer.attention().head_count;
  }
  return spec;
}

}  // namespace

std::span<const Architecture> gpt2_family() {
  static constexpr Architecture kFamily[]{{"gpt2", "gpt2", NameScheme::kGpt2, read_gpt2},
                                          {"starcoder", "gpt_bigcode", NameScheme::kGpt2, read_gpt_bigcode}};
  return kFamily;
}

}  // namespace hearth
