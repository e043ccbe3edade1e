// Mixtral (Jiang et al. 2024), MiniMax M2 and MiniMax Text 01 (2025): experts in every layer. Mixtral's GGUF files call
// themselves `llama`. M2 chooses by a sigmoid and a bias, rotates a part of each head, and norms all queries as one
// row. Text 01 has lightning attention in most layers, and adds what parts say to what their norms have made.
#include <fmt/format.h>

#include <cmath>

#include "base/error.h"
#include "kernels/selective_scan/selective_scan.h"
#include "model/architectures/common.h"
#include "model/architectures/expert_settings.h"
#include "model/architectures/families.h"
#include "model/architectures/hybrid_settings.h"
#include "model/rope_settings.h"

namespace hearth {
namespace {

ModelSpec read_mixtral(const Settings& settings) {
  ModelSpec spec = read_gated_decoder(settings, {.gguf_pairs = RopePairs::kAdjacent});
  read_sliding_window(settings, 0, spec);
  give_experts(settings, read_experts(settings, {.normalize = true, .gguf_normalize = true}), spec);
  return spec;
}

// The published config.json says `rotary_dim` and has no `rope_parameters`; transformers 5 writes those, and then does
// not look at it.
void read_rotary_dim(const Settings& settings, ModelSpec& spec) {
  const auto rotary_dim = settings.positive(settings::kRotaryDim);
  if (settings.is_gguf() || !rotary_dim || settings.config("rope_parameters") != nullptr) return;
  RopeSpec& rope = spec.ropes.front();
  rope.rotary_dim = *rotary_dim;
  check_rope(settings, rope, spec.layers.front().attention().head_dim);
}

ModelSpec read_minimax_m2(const Settings& settings) {
  ModelSpec spec = read_gated_decoder(settings, {.gguf_pairs = RopePairs::kHalfSplit});
  read_rotary_dim(settings, spec);
  if (settings.boolean({"", {"use_qk_norm"}}).value_or(true)) {
    for (LayerSpec& layer : spec.layers) layer.attention().query_key_norm = QueryKeyNorm::kAllHeads;
  }
  give_experts(settings,
               read_experts(settings, {.score = RouterScore::kSigmoid, .normalize = true, .gguf_normalize = true}),
               spec);
  return spec;
}

// How fast heads forget: ALiBi's slopes, less and less from layer to layer.
std::vector<float> lightning_rates(std::int64_t heads, std::size_t layer, std::size_t layers) {
  const double factor = 1 - static_cast<double>(layer) / (static_cast<double>(layers) - 1 + 1e-5) + 1e-5;
  std::vector<float> rates;
  for (std::int64_t h = 0; h < heads; ++h) {
    const double slope = std::exp2(-8.0 * static_cast<double>(h + 1) / static_cast<double>(heads));
    rates.push_back(static_cast<float>(-slope * factor));
  }
  return rates;
}

// What x and what is added to it are times.
struct SumFactors {
  float x, added;
};
SumFactors read_sum_factors(const Settings& settings, const Setting& x, const Setting& added) {
  const auto number = [&](const Setting& setting) {
    const double value = settings.number(setting).value_or(1);
    if (value > 0) return static_cast<float>(value);
    throw InvalidInput(fmt::format("{}: setting '{}' is {}", settings.file_name(),
                                   settings.is_gguf() ? setting.gguf : setting.config[0], value));
  };
  return {number(x), number(added)};
}

// Which layers have attention: those with a 1 in the published config.json, or of a type that transformers lists; every
// eighth one of a GGUF file that does not say it.
std::vector<bool> minimax_attention_layers(const Settings& settings) {
  std::vector<bool> result(static_cast<std::size_t>(settings.layer_count()));
  if (settings.is_gguf()) {
    const std::vector<bool> recurrent =
        recurrent_layers_of_gguf(settings, settings.positive({"full_attention_interval"}).value_or(8));
    for (std::size_t i = 0; i < result.size(); ++i) result[i] = !recurrent[i];
    return result;
  }
  const std::vector<LayerKind> kinds = listed_layer_kinds(settings);
  const auto marked = settings.per_layer({"", {"attn_type_list"}});
  for (std::size_t i = 0; i < result.size(); ++i) {
    result[i] = marked ? (*marked)[i] != 0 : i < kinds.size() ? kinds[i] == LayerKind::kAttention : i % 2 == 0;
  }
  return result;
}

ModelSpec read_minimax(const Settings& settings) {
  for (const bool refused : {settings.positive({"", {"shared_intermediate_size"}}).has_value(),
                             settings.boolean({"", {"postnorm"}}) == false}) {
    if (!refused) continue;
    throw Unsupported(
        fmt::format("{}: an expert that all tokens ask (shared_intermediate_size) or sums of what norms "
                    "read (postnorm)",
                    settings.file_name()));
  }
  ModelSpec spec = read_gated_decoder(settings, {.gguf_pairs = RopePairs::kHalfSplit, .epsilon = 1e-5});
  read_rotary_dim(settings, spec);
  // transformers rotates whole heads, whatever share of them the file says.
  if (!settings.is_gguf() && !settings.positive(settings::kRotaryDim)) {
    spec.ropes.front().rotary_dim = spec.layers.front().attention().head_dim;
  }
  if (const auto window = settings.positive(settings::kSlidingWindow)) {
    slide(std::vector<bool>(spec.layers.size(), true), *window, spec);
  }
  ExpertsSpec experts = read_experts(settings, {.normalize = true, .gguf_normalize = true});
  experts.width = spec.layers.front().mlp().width;
  experts.shared_width = 0;
  for (LayerSpec& layer : spec.layers) layer.feed_forward = experts;
  settings.integer({"", {"block_size"}});  // of a program that computes tokens together
  const SumFactors full =
      read_sum_factors(settings, {"residual_scale", {"full_attn_alpha_factor", "layernorm_full_attention_alpha"}},
                       {"", {"full_attn_beta_factor", "layernorm_full_attention_beta"}});
  const SumFactors linear =
      read_sum_factors(settings, {"residual_scale", {"linear_attn_alpha_factor", "layernorm_linear_attention_alpha"}},
                       {"", {"linear_attn_beta_factor", "layernorm_linear_attention_beta"}});
  const SumFactors ff = read_sum_factors(settings, {"residual_scale", {"mlp_alpha_factor", "layernorm_mlp_alpha"}},
                                         {"", {"mlp_beta_factor", "layernorm_mlp_beta"}});
  const std::vector<bool> attends = minimax_attention_layers(settings);
  for (std::size_t i = 0; i < spec.layers.size(); ++i) {
    LayerSpec& layer = spec.layers[i];
    const bool is_linear = !attends[i];
    const SumFactors& mixer = is_linear ? linear : full;
    layer.adds_to_norm = true;
    layer.mixer_sum_factor = mixer.x;
    layer.sum_factor = ff.x;
    layer.experts().routing.scale *= ff.added / ff.x;
    layer.attention().output_factor = mixer.added / mixer.x;
    if (!is_linear) continue;
    const AttentionSpec attention = layer.attention();
    if (attention.head_dim > kScanStateMax) {
      throw Unsupported(fmt::format("{}: lightning attention with heads of {}; supported are up to {}",
                                    settings.file_name(), attention.head_dim, kScanStateMax));
    }
    layer.mixer = LightningSpec{.heads = attention.head_count,
                                .head_dim = attention.head_dim,
                                .rates = lightning_rates(attention.head_count, i, spec.layers.size()),
                                .norm_epsilon = settings.is_gguf() ? spec.norm.epsilon : 1e-6f,
                                .output_factor = attention.output_factor};
  }
  return spec;
}

constexpr OwnName kMinimaxNames[]{
    {NameScheme::kGguf, Weight::kRecurrenceOutput, "blk.{}.attn_output"},
    {NameScheme::kGguf, Weight::kRecurrenceNorm, "blk.{}.attn_norm_2"},
    {NameScheme::kLlama, Weight::kQueryKeyValue, "model.layers.{}.self_attn.qkv_proj"},
    {NameScheme::kLlama, Weight::kAttentionGate, "model.layers.{}.self_attn.output_gate"},
    {NameScheme::kLlama, Weight::kRecurrenceOutput, "model.layers.{}.self_attn.out_proj"},
    {NameScheme::kLlama, Weight::kRecurrenceNorm, "model.layers.{}.self_attn.norm"},
    {NameScheme::kLlama, Weight::kRouter, "model.layers.{}.block_sparse_moe.gate"},
    {NameScheme::kLlama, Weight::kExpertGate, "model.layers.{}.block_sparse_moe.experts.{}.w1"},
    {NameScheme::kLlama, Weight::kExpertDown, "model.layers.{}.block_sparse_moe.experts.{}.w2"},
    {NameScheme::kLlama, Weight::kExpertUp, "model.layers.{}.block_sparse_moe.experts.{}.w3"}};

constexpr OwnName kOwnNames[]{
    {NameScheme::kLlama, Weight::kRouter, "model.layers.{}.block_sparse_moe.gate"},
    {NameScheme::kLlama, Weight::kRouterBias, "model.layers.{}.block_sparse_moe.e_score_correction_bias"},
    {NameScheme::kLlama, Weight::kExpertGate, "model.layers.{}.block_sparse_moe.experts.{}.w1"},
    {NameScheme::kLlama, Weight::kExpertDown, "model.layers.{}.block_sparse_moe.experts.{}.w2"},
    {NameScheme::kLlama, Weight::kExpertUp, "model.layers.{}.block_sparse_moe.experts.{}.w3"}};

}  // namespace

std::span<const Architecture> mixtral_family() {
  static constexpr Architecture kFamily[]{
      {"", "mixtral", NameScheme::kLlama, read_mixtral, kOwnNames, FamilyKind::kExperts},
      {"minimax-01", "minimax", NameScheme::kLlama, read_minimax, kMinimaxNames, FamilyKind::kHybrid,
       "attention, lightning attention"},
      {"", "minimax_text_01", NameScheme::kLlama, read_minimax, kMinimaxNames, FamilyKind::kHybrid,
       "attention, lightning attention"},
      {"", "minimax_m1", NameScheme::kLlama, read_minimax, kMinimaxNames, FamilyKind::kHybrid,
       "attention, lightning attention"},
      {"minimax-m2", "minimax_m2", NameScheme::kLlama, read_minimax_m2, kOwnNames, FamilyKind::kExperts}};
  return kFamily;
}

}  // namespace hearth
