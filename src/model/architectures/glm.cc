// GLM-4 9B (whose GGUF files are called `chatglm`), and GLM-4-0414 and Z1, which have norms after each part as well
// (Team GLM 2024): a rope of adjacent pairs over a part of each head, gate and up in one matrix.
#include "model/architectures/common.h"
#include "model/architectures/families.h"

namespace hearth {
namespace {

ModelSpec read_glm(const Settings& settings) {
  ModelSpec spec = read_gated_decoder(
      settings, {.gguf_pairs = RopePairs::kAdjacent, .config_pairs = RopePairs::kAdjacent, .epsilon = 1e-5});
  RopeSpec& rope = spec.ropes.front();
  if (has_position_sections(settings, rope.rotary_dim)) rope.pairs = RopePairs::kHalfSplit;
  return spec;
}

ModelSpec read_glm4(const Settings& settings) {
  ModelSpec spec = read_glm(settings);
  for (LayerSpec& layer : spec.layers) layer.norm_after = true;
  return spec;
}

constexpr OwnName kOwnNames[]{
    {NameScheme::kLlama, Weight::kAttentionPostNorm, "model.layers.{}.post_self_attn_layernorm"},
    {NameScheme::kLlama, Weight::kFfPostNorm, "model.layers.{}.post_mlp_layernorm"}};

}  // namespace

std::span<const Architecture> glm_family() {
  static constexpr Architecture kFamily[]{{"chatglm", "glm", NameScheme::kLlama, read_glm},
                                          {"glm4", "glm4", NameScheme::kLlama, read_glm4, kOwnNames},
                                          {"", "glm4v_text", NameScheme::kLlama, read_glm4, kOwnNames}};
  return kFamily;
}

}  // namespace hearth
