// GPT-J (Wang and Komatsuzaki 2021): both halves of a layer side by side behind one LayerNorm, a rope of adjacent pairs
// over a part of each head.
#include "model/architectures/common.h"
#include "model/architectures/families.h"
#include "model/rope_settings.h"

namespace hearth {
namespace {

ModelSpec read_gptj(const Settings& settings) {
  ModelSpec spec = read_layer_norm_decoder(settings, RopePairs::kAdjacent, Activation::kGeluTanh);
  RopeSpec& rope = spec.ropes.front();
  if (const auto rotary_dim = settings.positive(settings::kRotaryDim)) rope.rotary_dim = *rotary_dim;
  check_rope(settings, rope, spec.layers.front().attention().head_dim);
  for (LayerSpec& layer : spec.layers) {
    layer.parallel = true;
    layer.mlp().gated = false;
  }
  return spec;
}

constexpr OwnName kGptjNames[]{{NameScheme::kGpt2, Weight::kQuery, "transformer.h.{}.attn.q_proj"},
                               {NameScheme::kGpt2, Weight::kKey, "transformer.h.{}.attn.k_proj"},
                               {NameScheme::kGpt2, Weight::kValue, "transformer.h.{}.attn.v_proj"},
                               {NameScheme::kGpt2, Weight::kQueryKeyValue, ""},
                               {NameScheme::kGpt2, Weight::kAttentionOutput, "transformer.h.{}.attn.out_proj"},
                               {NameScheme::kGpt2, Weight::kFfUp, "transformer.h.{}.mlp.fc_in"},
                               {NameScheme::kGpt2, Weight::kFfDown, "transformer.h.{}.mlp.fc_out"}};

}  // namespace

std::span<const Architecture> gptj_family() {
  static constexpr Architecture kFamily[]{{"", "gptj", NameScheme::kGpt2, read_gptj, kGptjNames}};
  return kFamily;
}

}  // namespace hearth
