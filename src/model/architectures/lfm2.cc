// LFM2 and LFM2-MoE (Liquid AI 2025): layers of attention among layers with a short convolution, the later ones of the
// second with experts that a sigmoid and a bias choose.
#include <fmt/format.h>

#include <boost/json/array.hpp>

#include "base/error.h"
#include "model/architectures/common.h"
#include "model/architectures/expert_settings.h"
#include "model/architectures/families.h"
#include "weights/json_fields.h"

namespace hearth {
namespace {

constexpr Setting kEpsilon{"attention.layer_norm_rms_epsilon", {"norm_eps"}};
constexpr Setting kConvKernel{"shortconv.l_cache", {"conv_L_cache"}};
constexpr std::int64_t kConvKernelMax = 1024;

// config.json lists the kinds of layers, or in older files the indices of those with attention.
std::vector<bool> conv_layers(const Settings& settings, std::size_t count) {
  if (settings.is_gguf()) return layers_without_kv_heads(settings);
  std::vector<bool> is_conv(count, true);
  if (const boost::json::array* types = settings.config_list("layer_types")) {
    if (types->size() != count) {
      throw InvalidInput(
          fmt::format("{}: layer_types lists {} layers of {}", settings.file_name(), types->size(), count));
    }
    for (std::size_t i = 0; i < count; ++i) {
      const std::string_view type = as_string((*types)[i], "layer_types", settings.file_name());
      if (type != "conv" && type != "full_attention") {
        throw Unsupported(fmt::format("{}: setting 'layer_types' names '{}'; supported are conv and full_attention",
                                      settings.file_name(), type));
      }
      is_conv[i] = type == "conv";
    }
    settings.note_asked("full_attn_idxs");  // which says the same
    return is_conv;
  }
  const boost::json::array* attention = settings.config_list("full_attn_idxs");
  if (attention == nullptr) return std::vector<bool>(count);
  for (const boost::json::value& item : *attention) {
    const std::int64_t layer = as_integer(item, "full_attn_idxs", settings.file_name());
    if (layer < 0 || layer >= static_cast<std::int64_t>(count)) {
      throw InvalidInput(fmt::format("{}: full_attn_idxs names layer {} of {}", settings.file_name(), layer, count));
    }
    is_conv[static_cast<std::size_t>(layer)] = false;
  }
  return is_conv;
}

// Both kinds, with the feed-forward width that the settings name.
ModelSpec read_hybrid(const Settings& settings) {
  ModelSpec spec =
      read_gated_decoder(settings, {.gguf_pairs = RopePairs::kHalfSplit, .attention_layers = AttentionLayers::kSome});
  spec.norm.epsilon = static_cast<float>(settings.number(kEpsilon).value_or(1e-5));
  const std::int64_t kernel = settings.required(kConvKernel, kConvKernelMax);
  const std::vector<bool> is_conv = conv_layers(settings, spec.layers.size());
  const auto window = settings.is_gguf() ? settings.positive(settings::kSlidingWindow) : std::nullopt;
  const auto slides = window ? settings.per_layer(settings::kSlidingPattern) : std::nullopt;
  for (std::size_t i = 0; i < is_conv.size(); ++i) {
    LayerSpec& layer = spec.layers[i];
    if (is_conv[i]) {
      layer.mixer = ShortConvSpec{spec.width, kernel};
      continue;
    }
    layer.attention().query_key_norm = QueryKeyNorm::kHead;
    if (window && (!slides || (*slides)[i] != 0))
      layer.attention().mask = {.kind = MaskKind::kSlidingWindow, .window = *window};
  }
  return spec;
}

// The width that checkpoints have of the one that config.json names: two thirds, times a factor, rounded up.
std::int64_t adjusted_ff_width(const Settings& settings, std::int64_t width) {
  if (!settings.boolean({"", {"block_auto_adjust_ff_dim"}}).value_or(true)) return width;
  constexpr std::string_view kFactor = "block_ffn_dim_multiplier";
  const boost::json::value* stated = settings.source().config().if_contains(kFactor);
  if (stated != nullptr && stated->is_null()) return 2 * width / 3;  // said to be none, which is not left out
  const double factor = settings.positive_number({"", {kFactor}}).value_or(1);
  const std::int64_t multiple = settings.positive({"", {"block_multiple_of"}}).value_or(256);
  const auto scaled = static_cast<std::int64_t>(factor * static_cast<double>(2 * width / 3));
  return (scaled + multiple - 1) / multiple * multiple;
}

ModelSpec read_lfm2(const Settings& settings) {
  ModelSpec spec = read_hybrid(settings);
  if (settings.is_gguf()) return spec;
  const std::int64_t stated = settings.positive({"", {"block_ff_dim"}}).value_or(spec.layers.front().mlp().width);
  for (LayerSpec& layer : spec.layers) layer.mlp().width = adjusted_ff_width(settings, stated);
  return spec;
}

ModelSpec read_lfm2_moe(const Settings& settings) {
  ModelSpec spec = read_hybrid(settings);
  const RouterDefaults router{.score = RouterScore::kSigmoid,
                              .normalize = true,
                              .gguf_normalize = true,
                              .sum_offset = settings.is_gguf() ? 0 : 1e-6f};
  give_experts(settings, read_experts(settings, router), spec);
  return spec;
}

constexpr OwnName kOwnNames[]{{NameScheme::kGguf, Weight::kOutputNorm, "token_embd_norm"},
                              {NameScheme::kLlama, Weight::kOutputNorm, "model.embedding_norm"},
                              {NameScheme::kLlama, Weight::kAttentionNorm, "model.layers.{}.operator_norm"},
                              {NameScheme::kLlama, Weight::kQueryNorm, "model.layers.{}.self_attn.q_layernorm"},
                              {NameScheme::kLlama, Weight::kKeyNorm, "model.layers.{}.self_attn.k_layernorm"},
                              {NameScheme::kLlama, Weight::kAttentionOutput, "model.layers.{}.self_attn.out_proj"},
                              {NameScheme::kLlama, Weight::kFfNorm, "model.layers.{}.ffn_norm"},
                              {NameScheme::kLlama, Weight::kFfGate, "model.layers.{}.feed_forward.w1"},
                              {NameScheme::kLlama, Weight::kFfUp, "model.layers.{}.feed_forward.w3"},
                              {NameScheme::kLlama, Weight::kFfDown, "model.layers.{}.feed_forward.w2"},
                              {NameScheme::kLlama, Weight::kRouter, "model.layers.{}.feed_forward.gate"},
                              {NameScheme::kLlama, Weight::kRouterBias, "model.layers.{}.feed_forward.expert_bias"},
                              {NameScheme::kLlama, Weight::kExpertGate, "model.layers.{}.feed_forward.experts.{}.w1"},
                              {NameScheme::kLlama, Weight::kExpertUp, "model.layers.{}.feed_forward.experts.{}.w3"},
                              {NameScheme::kLlama, Weight::kExpertDown, "model.layers.{}.feed_forward.experts.{}.w2"}};

}  // namespace

std::span<const Architecture> lfm2_family() {
  static constexpr Architecture kFamily[]{
      {"lfm2", "lfm2", NameScheme::kLlama, read_lfm2, kOwnNames, FamilyKind::kHybrid, "attention, short convolution"},
      {"lfm2moe", "lfm2_moe", NameScheme::kLlama, read_lfm2_moe, kOwnNames, FamilyKind::kHybrid,
       "attention, short convolution"}};
  return kFamily;
}

}  // namespace hearth
