// Gemma 1, 2 and 3 (Gemma Team 2024, 2024, 2025): scaled embeddings, norms whose checkpoints store the weight less one,
// GELU gates. Gemma 2 has norms after each part, soft caps and a window on every other layer; Gemma 3 norms of queries
// and keys instead of the caps, and a rope of its own on the layers with a window.
#include <cmath>

#include "model/architectures/common.h"
#include "model/architectures/families.h"

namespace hearth {
namespace {

// The sizes of the largest models scale scores by the width of a head as the residual stream has it.
float score_scale(const Settings& settings, const ModelSpec& spec, std::size_t largest_layers) {
  const AttentionSpec& attention = spec.layers.front().attention();
  const std::int64_t by_file =
      spec.layers.size() == largest_layers ? spec.width / attention.head_count : attention.head_dim;
  const double scalar =
      settings.positive_number({"", {"query_pre_attn_scalar"}}).value_or(static_cast<double>(by_file));
  return static_cast<float>(1 / std::sqrt(scalar));
}

ModelSpec read_gemma(const Settings& settings) {
  ModelSpec spec =
      read_gated_decoder(settings, {.gguf_pairs = RopePairs::kHalfSplit, .activation = Activation::kGeluTanh});
  // Early configurations say "gelu" and mean its approximation.
  for (LayerSpec& layer : spec.layers) layer.mlp().activation = Activation::kGeluTanh;
  spec.norm.weight_offset = settings.is_gguf() ? 0 : 1;
  spec.embedding_scale = static_cast<float>(std::sqrt(static_cast<double>(spec.width)));
  return spec;
}

float cap(const Settings& settings, const Setting& setting) {
  return static_cast<float>(settings.positive_number(setting).value_or(0));
}

// What Gemma 2 and 3 share.
ModelSpec read_later_gemma(const Settings& settings, std::int64_t pattern, std::size_t largest_layers) {
  ModelSpec spec = read_gemma(settings);
  spec.logit_softcap = cap(settings, settings::kLogitSoftcap);
  const float scale = score_scale(settings, spec, largest_layers);
  for (LayerSpec& layer : spec.layers) {
    layer.norm_after = true;
    layer.attention().scale = scale;
  }
  if (const auto window = settings.positive(settings::kSlidingWindow)) {
    slide(sliding_layers(settings, spec, pattern), *window, spec);
  }
  return spec;
}

ModelSpec read_gemma2(const Settings& settings) {
  ModelSpec spec = read_later_gemma(settings, 2, 46);
  const float score_cap = cap(settings, {"attn_logit_softcapping", {"attn_logit_softcapping"}});
  for (LayerSpec& layer : spec.layers) layer.attention().softcap = score_cap;
  return spec;
}

// VaultGemma (2025): Gemma 2 without the norms after each part.
ModelSpec read_vault_gemma(const Settings& settings) {
  ModelSpec spec = read_gemma2(settings);
  for (LayerSpec& layer : spec.layers) layer.norm_after = false;
  return spec;
}

// EmbeddingGemma (2025): Gemma 3 where every token sees every other, within a window on both sides: half of what
// Gemma's file says.
void look_both_ways(ModelSpec& spec) {
  for (LayerSpec& layer : spec.layers) {
    Mask& mask = layer.attention().mask;
    const bool is_local = mask.kind == MaskKind::kSlidingWindow;
    mask = is_local ? Mask{.kind = MaskKind::kTwoSidedWindow, .window = mask.window / 2 + 1}
                    : Mask{.kind = MaskKind::kBidirectional};
  }
  spec.has_logits = false;
}

ModelSpec read_gemma3(const Settings& settings) {
  ModelSpec spec = read_later_gemma(settings, 6, 62);
  settings.note_asked("attn_logit_softcapping");  // Gemma 2's: transformers has it here too, and does not apply it
  for (LayerSpec& layer : spec.layers) layer.attention().query_key_norm = QueryKeyNorm::kHead;
  add_sliding_rope(settings, {"rope.freq_base_swa", {"rope_local_base_freq"}}, 10000, spec);
  if (settings.boolean({"", {"use_bidirectional_attention"}}).value_or(false)) look_both_ways(spec);
  return spec;
}

ModelSpec read_embedding_gemma(const Settings& settings) {
  ModelSpec spec = read_gemma3(settings);
  settings.boolean({"attention.causal"});
  look_both_ways(spec);
  return spec;
}

constexpr OwnName kOwnNames[]{{NameScheme::kLlama, Weight::kFfNorm, "model.layers.{}.pre_feedforward_layernorm"}};

}  // namespace

std::span<const Architecture> gemma_family() {
  static constexpr Architecture kFamily[]{
      {"gemma", "gemma", NameScheme::kLlama, read_gemma},
      {"gemma2", "gemma2", NameScheme::kLlama, read_gemma2, kOwnNames},
      {"", "vaultgemma", NameScheme::kLlama, read_vault_gemma, kOwnNames},
      {"gemma3", "gemma3_text", NameScheme::kLlama, read_gemma3, kOwnNames},
      {"gemma-embedding", "", NameScheme::kLlama, read_embedding_gemma, kOwnNames, FamilyKind::kEncoder}};
  return kFamily;
}

}  // namespace hearth
