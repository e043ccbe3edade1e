// Kimi Linear (Moonshot 2025): three layers of Kimi delta attention to one of latent attention without positions; a few
// dense layers, then experts that a sigmoid and a bias choose. What config.json keeps in `linear_attn_config`,
// transformers 5 writes beside the other settings, and which layers are of which kind as `layer_types`.
#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <cmath>

#include "base/error.h"
#include "model/architectures/common.h"
#include "model/architectures/expert_settings.h"
#include "model/architectures/families.h"
#include "model/architectures/hybrid_settings.h"
#include "model/architectures/latent_settings.h"
#include "weights/json_fields.h"

namespace hearth {
namespace {

constexpr std::int64_t kConvKernelMax = 1024, kHeadsMax = 1 << 16;

// A number of config.json's `linear_attn_config`, or where there is none the setting `own`.
std::int64_t of_linear_attention(const Settings& settings, std::string_view key, const Setting& own, std::int64_t max) {
  const boost::json::object* config = settings.config_object("linear_attn_config");
  if (config == nullptr) return settings.required(own, max);
  const auto value = integer_field(*config, key, settings.file_name());
  if (!value || *value <= 0 || *value > max) {
    throw InvalidInput(
        fmt::format("{}: setting 'linear_attn_config.{}' is missing or out of range", settings.file_name(), key));
  }
  return *value;
}

// Values have the heads of keys, and their size.
void check_values(const Settings& settings, const DeltaSpec& delta) {
  const std::int64_t heads = settings.positive({"", {"linear_num_value_heads"}}).value_or(delta.k_heads);
  const std::int64_t dim = settings.positive({"", {"linear_value_head_dim"}}).value_or(delta.k_dim);
  if (heads == delta.k_heads && dim == delta.k_dim) return;
  throw Unsupported(fmt::format("{}: {} heads of values of size {} with {} of keys of size {}", settings.file_name(),
                                heads, dim, delta.k_heads, delta.k_dim));
}

DeltaSpec read_delta(const Settings& settings, const AttentionSpec& attention, float epsilon) {
  DeltaSpec delta;
  if (settings.is_gguf()) {
    delta.k_heads = attention.head_count;
    delta.k_dim = settings.required({"kda.head_dim"}, kDeltaKeyDimMax);
    delta.kernel = settings.required({"ssm.conv_kernel"}, kConvKernelMax);
    delta.length_epsilon = epsilon;
    delta.plain_products = true;
  } else {
    delta.k_heads =
        of_linear_attention(settings, "num_heads", {"", {"linear_num_key_heads", "linear_num_heads"}}, kHeadsMax);
    delta.k_dim =
        of_linear_attention(settings, "head_dim", {"", {"linear_key_head_dim", "linear_head_dim"}}, kDeltaKeyDimMax);
    check_values(settings, delta);
    delta.kernel =
        of_linear_attention(settings, "short_conv_kernel_size", {"", {"linear_conv_kernel_dim"}}, kConvKernelMax);
  }
  delta.v_heads = delta.k_heads;
  delta.v_dim = delta.k_dim;
  delta.channel_decay = true;
  delta.gate = NormGate::kSigmoid;
  delta.scale = static_cast<float>(1 / std::sqrt(static_cast<double>(delta.k_dim)));
  return delta;
}

std::vector<bool> delta_layers_of_types(const Settings& settings, const boost::json::array& types) {
  std::vector<bool> result;
  for (const boost::json::value& type : types) {
    const std::string_view name = as_string(type, "layer_types", settings.file_name());
    result.push_back(name == "kda_attention" || name == "linear_attention");
    if (result.back() || name == "full_attention") continue;
    throw Unsupported(fmt::format("{}: a layer of type '{}' is not supported", settings.file_name(), name));
  }
  if (std::ssize(result) == settings.layer_count()) return result;
  throw InvalidInput(fmt::format("{}: layer_types lists {} layers of {}", settings.file_name(), result.size(),
                                 settings.layer_count()));
}

// config.json lists them, counted from 1, or the types of all.
std::vector<bool> delta_layers(const Settings& settings) {
  if (settings.is_gguf()) return recurrent_layers_of_gguf(settings, 4);
  if (const auto* types = settings.config_list("layer_types")) return delta_layers_of_types(settings, *types);
  std::vector<bool> result(static_cast<std::size_t>(settings.layer_count()));
  const boost::json::object* config = settings.config_object("linear_attn_config");
  const boost::json::array* list =
      config == nullptr ? nullptr : array_field(*config, "kda_layers", settings.file_name());
  if (list == nullptr) return result;
  for (const boost::json::value& value : *list) {
    const std::int64_t layer = as_integer(value, "kda_layers", settings.file_name());
    if (layer < 1 || layer > std::ssize(result)) {
      throw InvalidInput(
          fmt::format("{}: kda_layers names layer {} of {}", settings.file_name(), layer, result.size()));
    }
    result[static_cast<std::size_t>(layer - 1)] = true;
  }
  return result;
}

// What files say of a rope that the model does not have.
void pass_over_rope(const Settings& settings) {
  settings.number(settings::kRopeBase);
  settings.boolean({"", {"rope_interleave"}});
  for (const std::string_view key : {"rope_theta", "rope_type", "type"}) {
    settings.note_asked(fmt::format("rope_parameters.{}", key));
  }
}

ModelSpec read_kimi_linear(const Settings& settings) {
  refuse_if(settings, {"kda.safe_gate"}, "a decay with a lower bound");
  if (settings.config("forget_gate_lower_bound") != nullptr) {
    throw Unsupported(fmt::format("{}: a decay with a lower bound (forget_gate_lower_bound)", settings.file_name()));
  }
  refuse_if(settings, {"", {"mla_use_output_gate"}}, "a gate on what latent attention sees (mla_use_output_gate)");
  refuse_if(settings, {"", {"use_full_rank_output_gate"}}, "a gate of one matrix (use_full_rank_output_gate)");
  AttentionSpec attention = read_latent_attention(settings);
  attention.latent->plain_queries = settings.is_gguf();
  ModelSpec spec = read_sizes_around(settings, attention);
  spec.norm.epsilon = static_cast<float>(settings.number(settings::kRmsEpsilon).value_or(1e-5));
  pass_over_rope(settings);
  read_activation(settings, Activation::kSilu, spec);
  if (settings.boolean({"", {"mla_use_nope"}}) == false) {
    throw Unsupported(fmt::format("{}: setting 'mla_use_nope' is false", settings.file_name()));
  }
  const RouterDefaults router{
      .score = RouterScore::kSigmoid, .normalize = true, .gguf_normalize = true, .sum_offset = 1e-20f};
  give_experts(settings, read_experts(settings, router), spec);
  const DeltaSpec delta = read_delta(settings, spec.layers.front().attention(), spec.norm.epsilon);
  const std::vector<bool> is_delta = delta_layers(settings);
  for (std::size_t i = 0; i < is_delta.size(); ++i) {
    if (is_delta[i]) spec.layers[i].mixer = delta;
  }
  return spec;
}

constexpr OwnName kOwnNames[]{
    {NameScheme::kGguf, Weight::kDeltaGate, "blk.{}.ssm_g_a"},
    {NameScheme::kGguf, Weight::kDeltaDecay, "blk.{}.ssm_f_a"},
    {NameScheme::kGguf, Weight::kRecurrenceOutput, "blk.{}.attn_output"},
    {NameScheme::kLlama, Weight::kDeltaGate, "model.layers.{}.self_attn.g_a_proj"},
    {NameScheme::kLlama, Weight::kDeltaDecay, "model.layers.{}.self_attn.f_a_proj"},
    {NameScheme::kLlama, Weight::kDeltaBeta, "model.layers.{}.self_attn.b_proj"},
    {NameScheme::kLlama, Weight::kRecurrenceOutput, "model.layers.{}.self_attn.o_proj"},
    {NameScheme::kLlama, Weight::kRecurrenceNorm, "model.layers.{}.self_attn.o_norm"},
    {NameScheme::kLlama, Weight::kRecurrenceRate, "model.layers.{}.self_attn.A_log"},
    {NameScheme::kLlama, Weight::kRecurrenceStepBias, "model.layers.{}.self_attn.dt_bias"},
    {NameScheme::kLlama, Weight::kRouter, "model.layers.{}.block_sparse_moe.gate"},
    {NameScheme::kLlama, Weight::kRouterBias, "model.layers.{}.block_sparse_moe.gate.e_score_correction_bias"},
    {NameScheme::kLlama, Weight::kExpertGate, "model.layers.{}.block_sparse_moe.experts.{}.w1"},
    {NameScheme::kLlama, Weight::kExpertDown, "model.layers.{}.block_sparse_moe.experts.{}.w2"},
    {NameScheme::kLlama, Weight::kExpertUp, "model.layers.{}.block_sparse_moe.experts.{}.w3"},
    {NameScheme::kLlama, Weight::kSharedGate, "model.layers.{}.block_sparse_moe.shared_experts.gate_proj"},
    {NameScheme::kLlama, Weight::kSharedUp, "model.layers.{}.block_sparse_moe.shared_experts.up_proj"},
    {NameScheme::kLlama, Weight::kSharedDown, "model.layers.{}.block_sparse_moe.shared_experts.down_proj"}};

}  // namespace

std::span<const Architecture> kimi_linear_family() {
  static constexpr Architecture kFamily[]{{"kimi-linear", "kimi_linear", NameScheme::kLlama, read_kimi_linear,
                                           kOwnNames, FamilyKind::kHybrid, "latent attention, delta rule"}};
  return kFamily;
}

}  // namespace hearth
