// MPT (MosaicML 2023): ALiBi or learned positions, LayerNorm, usually without any bias; queries, keys and values may be
// held within a limit, and queries and keys be normalized as whole rows. config.json has all of that in `attn_config`.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>

#include "base/error.h"
#include "model/architectures/common.h"
#include "model/architectures/families.h"

namespace hearth {
namespace {

// What `attn_config` says; absent and null: nothing.
class AttentionConfig {
 public:
  explicit AttentionConfig(const Settings& settings)
      : settings_(settings), object_(settings.config_object("attn_config")) {
    if (object_ == nullptr) return;
    settings.note_asked("attn_config");
    for (const auto& item : *object_) check(item.key(), item.value());
  }

  std::optional<double> positive(std::string_view key) const {
    const boost::json::value* value = find(key);
    if (value == nullptr) return std::nullopt;
    const double number = value->is_number() ? value->to_number<double>() : 0;
    if (number > 0 && std::isfinite(number)) return number;
    throw InvalidInput(fmt::format("{}: setting 'attn_config.{}' is no number above 0", settings_.file_name(), key));
  }
  bool boolean(std::string_view key, bool fallback) const {
    const boost::json::value* value = find(key);
    if (value == nullptr) return fallback;
    if (value->is_bool()) return value->get_bool();
    throw InvalidInput(
        fmt::format("{}: setting 'attn_config.{}' is neither true nor false", settings_.file_name(), key));
  }

 private:
  const boost::json::value* find(std::string_view key) const {
    const boost::json::value* value = object_ == nullptr ? nullptr : object_->if_contains(key);
    return value == nullptr || value->is_null() ? nullptr : value;
  }
  // What nobody reads here and changes results. Files of transformers have much else beside it.
  void check(std::string_view key, const boost::json::value& value) const {
    static constexpr std::string_view kChanging[]{
        "prefix_lm", "rope", "qk_gn", "sliding_window_size", "attn_logit_softcapping", "attn_temperature_tuning"};
    if (std::ranges::find(kChanging, key) == std::end(kChanging)) return;
    const bool is_off =
        value.is_null() || value == false || value.is_object() || (value.is_number() && value.to_number<double>() <= 0);
    if (is_off) return;
    throw Unsupported(
        fmt::format("{}: setting 'attn_config.{}' of an MPT is not supported", settings_.file_name(), key));
  }

  const Settings& settings_;
  const boost::json::object* object_;
};

void limit_and_normalize(ModelSpec& spec, std::optional<double> limit, bool normalize) {
  for (LayerSpec& layer : spec.layers) {
    AttentionSpec& attention = layer.attention();
    if (limit) attention.qkv_limit = static_cast<float>(*limit);
    if (!normalize) continue;
    attention.query_key_norm = QueryKeyNorm::kAllHeads;
    attention.query_key_norm_kind = NormKind::kLayer;
  }
}

// llama.cpp's files say the limit and the steepness, and show the rest by their tensors.
void read_gguf_attention(const Settings& settings, ModelSpec& spec) {
  const ModelSource& source = settings.source();
  if (source.find("blk.0.ffn_act.scales") != nullptr) {
    throw Unsupported(fmt::format("{}: scales of activations (ffn_act.scales)", settings.file_name()));
  }
  limit_and_normalize(spec, settings.positive_number({"attention.clamp_kqv", {}}),
                      source.find("blk.0.attn_q_norm.weight") != nullptr);
  spec.learned_positions = source.find("position_embd.weight") != nullptr;
  if (const auto max_bias = settings.positive_number({"attention.max_alibi_bias", {}})) use_alibi(spec, *max_bias);
}

void read_config_attention(const Settings& settings, ModelSpec& spec) {
  const AttentionConfig config(settings);
  const auto kv_heads = config.positive("kv_n_heads"), scale = config.positive("softmax_scale");
  for (LayerSpec& layer : spec.layers) {
    AttentionSpec& attention = layer.attention();
    if (kv_heads && (*kv_heads > static_cast<double>(attention.head_count) || *kv_heads != std::floor(*kv_heads))) {
      throw InvalidInput(fmt::format("{}: setting 'attn_config.kv_n_heads' is {}; there are {} heads",
                                     settings.file_name(), *kv_heads, attention.head_count));
    }
    if (kv_heads) attention.kv_head_count = static_cast<std::int64_t>(*kv_heads);
    if (scale) attention.scale = static_cast<float>(*scale);
    check_heads(settings, attention);
  }
  limit_and_normalize(spec, config.positive("clip_qkv"), config.boolean("qk_ln", false));
  if (config.boolean("alibi", true)) {
    use_alibi(spec, config.positive("alibi_bias_max").value_or(8));
  } else {
    spec.learned_positions = settings.boolean({"", {"learned_pos_emb"}}).value_or(true);
  }
}

// "inv_sqrt_d_model" or a number.
float read_logit_scale(const Settings& settings, std::int64_t width) {
  const boost::json::value* value = settings.config("logit_scale");
  if (value == nullptr) return 1;
  settings.note_asked("logit_scale");
  if (value->is_number()) return static_cast<float>(value->to_number<double>());
  if (*value == "inv_sqrt_d_model") return static_cast<float>(1 / std::sqrt(static_cast<double>(width)));
  throw Unsupported(
      fmt::format("{}: setting 'logit_scale' is neither a number nor 'inv_sqrt_d_model'", settings.file_name()));
}

ModelSpec read_mpt(const Settings& settings) {
  ModelSpec spec = read_sizes(settings);
  spec.norm = {NormKind::kLayer, static_cast<float>(settings.number(settings::kLayerNormEpsilon).value_or(1e-5))};
  read_activation(settings, Activation::kGelu, spec);
  for (LayerSpec& layer : spec.layers) layer.mlp().gated = false;
  if (settings.is_gguf()) {
    read_gguf_attention(settings, spec);
    return spec;
  }
  if (const auto norm = settings.text({"", {"norm_type"}}); norm && !norm->ends_with("layernorm")) {
    throw Unsupported(fmt::format("{}: norms of type '{}'; supported is layernorm", settings.file_name(), *norm));
  }
  if (const auto ratio = settings.positive_number({"", {"expansion_ratio"}})) {
    const double width = *ratio * static_cast<double>(spec.width);
    if (width != std::floor(width) || width > 1 << 28) {
      throw InvalidInput(
          fmt::format("{}: a feed-forward part of {} times {}", settings.file_name(), *ratio, spec.width));
    }
    for (LayerSpec& layer : spec.layers) layer.mlp().width = static_cast<std::int64_t>(width);
  }
  read_config_attention(settings, spec);
  spec.logit_scale = read_logit_scale(settings, spec.width);
  return spec;
}

constexpr OwnName kOwnNames[]{{NameScheme::kGpt2, Weight::kOutputNorm, "transformer.norm_f"},
                              {NameScheme::kGpt2, Weight::kAttentionNorm, "transformer.blocks.{}.norm_1"},
                              {NameScheme::kGpt2, Weight::kQueryKeyValue, "transformer.blocks.{}.attn.Wqkv"},
                              {NameScheme::kGpt2, Weight::kQueryNorm, "transformer.blocks.{}.attn.q_ln"},
                              {NameScheme::kGpt2, Weight::kKeyNorm, "transformer.blocks.{}.attn.k_ln"},
                              {NameScheme::kGpt2, Weight::kAttentionOutput, "transformer.blocks.{}.attn.out_proj"},
                              {NameScheme::kGpt2, Weight::kFfNorm, "transformer.blocks.{}.norm_2"},
                              {NameScheme::kGpt2, Weight::kFfUp, "transformer.blocks.{}.ffn.up_proj"},
                              {NameScheme::kGpt2, Weight::kFfDown, "transformer.blocks.{}.ffn.down_proj"}};

}  // namespace

std::span<const Architecture> mpt_family() {
  static constexpr Architecture kFamily[]{{"mpt", "mpt", NameScheme::kGpt2, read_mpt, kOwnNames}};
  return kFamily;
}

}  // namespace hearth
