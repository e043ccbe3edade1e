// GPT-J (Wang and Komatsuzaki 2021): both halves of a layer side by side behind one LayerNorm, a rope of adjacent pairs
// over a part of each head. CodeGen (Nijkamp et al. 2022) is the same with queries, keys and values in one matrix, as
// it was shared out over four devices when it was trained.
#include <fmt/format.h>

#include "base/error.h"
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

ModelSpec read_codegen(const Settings& settings) {
  constexpr std::int64_t kShards = 4;
  ModelSpec spec = read_gptj(settings);
  spec.qvk_shards = kShards;
  const AttentionSpec& attention = spec.layers.front().attention();
  if (attention.head_count % kShards != 0 || attention.kv_head_count != attention.head_count) {
    throw InvalidInput(fmt::format("{}: {} heads with {} of keys cannot be shared out over {} devices",
                                   settings.file_name(), attention.head_count, attention.kv_head_count, kShards));
  }
  return spec;
}

constexpr OwnName kCodegenNames[]{{NameScheme::kGpt2, Weight::kQueryKeyValue, "transformer.h.{}.attn.qkv_proj"},
                                  {NameScheme::kGpt2, Weight::kAttentionOutput, "transformer.h.{}.attn.out_proj"},
                                  {NameScheme::kGpt2, Weight::kFfUp, "transformer.h.{}.mlp.fc_in"},
                                  {NameScheme::kGpt2, Weight::kFfDown, "transformer.h.{}.mlp.fc_out"}};

constexpr OwnName kGptjNames[]{{NameScheme::kGpt2, Weight::kQuery, "transformer.h.{}.attn.q_proj"},
                               {NameScheme::kGpt2, Weight::kKey, "transformer.h.{}.attn.k_proj"},
                               {NameScheme::kGpt2, Weight::kValue, "transformer.h.{}.attn.v_proj"},
                               {NameScheme::kGpt2, Weight::kQueryKeyValue, ""},
                               {NameScheme::kGpt2, Weight::kAttentionOutput, "transformer.h.{}.attn.out_proj"},
                               {NameScheme::kGpt2, Weight::kFfUp, "transformer.h.{}.mlp.fc_in"},
                               {NameScheme::kGpt2, Weight::kFfDown, "transformer.h.{}.mlp.fc_out"}};

}  // namespace

std::span<const Architecture> gptj_family() {
  static constexpr Architecture kFamily[]{{"", "gptj", NameScheme::kGpt2, read_gptj, kGptjNames},
                                          {"", "codegen", NameScheme::kGpt2, read_codegen, kCodegenNames}};
  return kFamily;
}

}  // namespace hearth
