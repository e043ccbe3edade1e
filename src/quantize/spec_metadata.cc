#include "quantize/spec_metadata.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

namespace hearth {
namespace {

constexpr float kTolerance = 1e-6f;

class SpecWriter {
 public:
  SpecWriter(std::string_view architecture, const ModelSpec& spec, GgufWriter& writer)
      : prefix_(std::string(architecture) + "."), spec_(spec), writer_(writer) {}

  void write() {
    number("context_length", spec_.context_max);
    number("embedding_length", spec_.width);
    number("block_count", spec_.layer_count());
    number("feed_forward_length", feed_forward_width());
    const bool is_rms = spec_.norm.kind == NormKind::kRms;
    real(is_rms ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon", spec_.norm.epsilon);
    write_attention(spec_.layers.front().attention());
    if (!spec_.ropes.empty()) write_rope(spec_.ropes.front());
    write_window();
    if (spec_.logit_softcap != 0) real("final_logit_softcapping", spec_.logit_softcap);
    for (const LayerSpec& layer : spec_.layers) {
      if (!layer.has_experts()) continue;
      write_experts(layer.experts());
      break;
    }
    write_scales();
    write_own_keys();
  }

 private:
  void number(std::string_view key, std::int64_t value) {
    writer_.add(prefix_ + std::string(key), static_cast<std::uint32_t>(value));
  }
  void real(std::string_view key, double value) { writer_.add(prefix_ + std::string(key), static_cast<float>(value)); }
  void text(std::string_view key, std::string_view value) { writer_.add(prefix_ + std::string(key), value); }
  void flag(std::string_view key, bool value) { writer_.add(prefix_ + std::string(key), value); }

  // Of the dense layers, or where all have experts, theirs.
  std::int64_t feed_forward_width() const {
    for (const LayerSpec& layer : spec_.layers) {
      if (const auto* mlp = std::get_if<MlpSpec>(&layer.feed_forward)) return mlp->width;
    }
    return spec_.layers.front().experts().width;
  }

  void write_attention(const AttentionSpec& attention) {
    number("attention.head_count", attention.head_count);
    number("attention.head_count_kv", attention.kv_head_count);
    number("attention.key_length", attention.head_dim);
    number("attention.value_length", attention.head_dim);
    if (attention.softcap != 0) real("attn_logit_softcapping", attention.softcap);
  }

  void write_rope(const RopeSpec& rope) {
    number("rope.dimension_count", rope.rotary_dim);
    real("rope.freq_base", rope.base);
    if (spec_.ropes.size() > 1) real("rope.freq_base_swa", spec_.ropes[1].base);
    const RopeScaling& scaling = rope.scaling;
    switch (scaling.kind) {
      case RopeScalingKind::kLinear:
        text("rope.scaling.type", "linear");
        real("rope.scaling.factor", scaling.factor);
        break;
      case RopeScalingKind::kYarn:
        text("rope.scaling.type", "yarn");
        real("rope.scaling.factor", scaling.factor);
        number("rope.scaling.original_context_length", scaling.original_context);
        real("rope.scaling.yarn_beta_fast", scaling.beta_fast);
        real("rope.scaling.yarn_beta_slow", scaling.beta_slow);
        // Readers multiply it by YaRN's own factor.
        real("rope.scaling.attn_factor",
             rope_frequencies(rope, spec_.context_max).scale / yarn_scale(scaling.factor, 1));
        break;
      case RopeScalingKind::kLongRope:
        text("rope.scaling.type", "longrope");
        number("rope.scaling.original_context_length", scaling.original_context);
        real("rope.scaling.attn_factor", rope_frequencies(rope, spec_.context_max).scale);
        break;
      default:  // none; Llama 3's stands in a tensor, and dynamic NTK has no place
        break;
    }
  }

  void write_window() {
    std::vector<bool> slides;
    std::int64_t window = 0;
    for (const LayerSpec& layer : spec_.layers) {
      const Mask& mask = layer.attention().mask;
      slides.push_back(mask.kind == MaskKind::kSlidingWindow);
      window = std::max(window, mask.window);
    }
    if (window == 0) return;
    number("attention.sliding_window", window);
    if (std::find(slides.begin(), slides.end(), false) != slides.end()) {
      writer_.add(prefix_ + "attention.sliding_window_pattern", slides);
    }
  }

  void write_experts(const ExpertsSpec& experts) {
    const Routing& routing = experts.routing;
    number("expert_count", routing.expert_count);
    number("expert_used_count", routing.used);
    number("expert_feed_forward_length", experts.width);
    if (experts.shared_width > 0) {
      number("expert_shared_feed_forward_length", experts.shared_width);
      if (!experts.shared_gate) number("expert_shared_count", experts.shared_width / experts.width);
    }
    if (routing.score == RouterScore::kSigmoid) number("expert_gating_func", 2);
    flag("expert_weights_norm", routing.normalize);
    if (routing.scale != 1) real("expert_weights_scale", routing.scale);
    if (routing.group_count > 1) {
      number("expert_group_count", routing.group_count);
      number("expert_group_used_count", routing.groups_used);
    }
    const auto first = std::find_if(spec_.layers.begin(), spec_.layers.end(),
                                    [](const LayerSpec& layer) { return layer.has_experts(); });
    if (first != spec_.layers.begin()) number("leading_dense_block_count", first - spec_.layers.begin());
  }

  // What the files of Cohere's models and Granite say; those of other families imply theirs.
  void write_scales() {
    if (prefix_ == "command-r." || prefix_ == "cohere2.") real("logit_scale", spec_.logit_scale);
    if (!prefix_.starts_with("granite")) return;
    real("embedding_scale", spec_.embedding_scale);
    real("residual_scale", spec_.layers.front().residual_scale);
    real("attention.scale", spec_.layers.front().attention().scale);
    real("logit_scale", 1 / spec_.logit_scale);
  }

  // What files of one family say.
  void write_own_keys() {
    if (prefix_ == "gptneox." || prefix_ == "stablelm.") flag("use_parallel_residual", spec_.layers.front().parallel);
    // It has LayerNorms, and their epsilon under the other name.
    if (prefix_ == "phimoe.") real("attention.layer_norm_rms_epsilon", spec_.norm.epsilon);
    if (prefix_ == "ernie4_5-moe.") number("interleave_moe_layer_step", expert_layer_step());
  }

  // From one layer with experts to the next.
  std::int64_t expert_layer_step() const {
    std::int64_t last = -1;
    for (std::int64_t i = 0; i < spec_.layer_count(); ++i) {
      if (!spec_.layers[static_cast<std::size_t>(i)].has_experts()) continue;
      if (last >= 0) return i - last;
      last = i;
    }
    return 1;
  }

  std::string prefix_;
  const ModelSpec& spec_;
  GgufWriter& writer_;
};

bool are_close(double a, double b) {
  return std::fabs(a - b) <= kTolerance * std::max(std::fabs(a), std::fabs(b));
}

bool is_same_rope(const RopeSpec& a, const RopeSpec& b, std::int64_t context_max) {
  if (a.rotary_dim != b.rotary_dim) return false;
  for (const std::int64_t context : {std::int64_t{16}, context_max / 2, context_max, 2 * context_max}) {
    const RopeFrequencies x = rope_frequencies(a, context), y = rope_frequencies(b, context);
    if (!are_close(x.scale, y.scale)) return false;
    for (std::size_t i = 0; i < x.inverse.size(); ++i) {
      if (!are_close(x.inverse[i], y.inverse[i])) return false;
    }
  }
  return true;
}

bool is_same_norm(const NormSpec& a, const NormSpec& b) {
  return a.kind == b.kind && a.has_weights == b.has_weights && are_close(a.epsilon, b.epsilon);
}

std::string attention_difference(const AttentionSpec& a, const AttentionSpec& b) {
  if (a.latent || b.latent) return "latent attention";
  if (a.head_count != b.head_count || a.kv_head_count != b.kv_head_count || a.head_dim != b.head_dim) return "heads";
  if (a.mask.kind != b.mask.kind || a.mask.window != b.mask.window || a.mask.global != b.mask.global) return "a window";
  if (a.rope != b.rope) return "which layers are rotated";
  if (!are_close(a.scale, b.scale) || !are_close(a.softcap, b.softcap) || a.slopes != b.slopes ||
      a.bias_rows != b.bias_rows || a.query_scale.beta != b.query_scale.beta ||
      a.query_scale.length != b.query_scale.length) {
    return "the scores of attention";
  }
  if (a.query_key_norm != b.query_key_norm || a.query_key_norm_kind != b.query_key_norm_kind ||
      a.query_key_norm_by_head != b.query_key_norm_by_head || a.query_key_norm_rotated != b.query_key_norm_rotated ||
      a.plain_query_key_norm != b.plain_query_key_norm || a.value_norm != b.value_norm) {
    return "norms of queries and keys";
  }
  if (a.sinks != b.sinks || a.values_of_keys != b.values_of_keys || a.keys_of_layer != b.keys_of_layer ||
      a.gated != b.gated || a.own_gate != b.own_gate || a.gate_of_heads != b.gate_of_heads ||
      a.norm_of_seen != b.norm_of_seen || a.gate != b.gate || a.value_dim != b.value_dim ||
      a.value_factor != b.value_factor || a.qkv_limit != b.qkv_limit || a.limit_of_normed != b.limit_of_normed ||
      a.input_factor != b.input_factor || a.key_factor != b.key_factor || a.output_factor != b.output_factor) {
    return "attention";
  }
  return {};
}

bool is_same_mlp(const MlpSpec& a, const MlpSpec& b) {
  return a.width == b.width && a.activation == b.activation && a.gated == b.gated && a.gate_factor == b.gate_factor &&
         a.down_factor == b.down_factor && a.norm_of_hidden == b.norm_of_hidden && !a.cutoff && !b.cutoff &&
         a.activation != Activation::kXielu;
}

bool is_same_routing(const Routing& a, const Routing& b) {
  const bool same_groups = a.group_count == b.group_count && a.groups_used == b.groups_used &&
                           (a.group_count == 1 || a.group_score == b.group_score);
  const bool same_sum =
      a.normalize == b.normalize && (!a.normalize || (a.sum_offset == b.sum_offset && a.sum_min == b.sum_min));
  return a.expert_count == b.expert_count && a.used == b.used && a.score == b.score && a.tolerance == b.tolerance &&
         same_groups && same_sum && are_close(a.scale, b.scale);
}

bool is_same_experts(const ExpertsSpec& a, const ExpertsSpec& b) {
  return a.width == b.width && a.row_width == b.row_width && a.activation == b.activation &&
         a.gating.limit == b.gating.limit && a.gating.up_offset == b.gating.up_offset &&
         is_same_routing(a.routing, b.routing) && a.shared_width == b.shared_width && a.gated == b.gated &&
         a.shared_gate == b.shared_gate && a.shared_factor == b.shared_factor && a.router_norm == b.router_norm;
}

std::string layer_difference(const LayerSpec& a, const LayerSpec& b) {
  if (!a.has_attention() || !b.has_attention() || a.beside || b.beside) return "layers without attention";
  if (std::string found = attention_difference(a.attention(), b.attention()); !found.empty()) return found;
  if (a.feed_forward.index() != b.feed_forward.index()) return "which layers have experts";
  if (const auto* mlp = std::get_if<MlpSpec>(&a.feed_forward); mlp != nullptr && !is_same_mlp(*mlp, b.mlp())) {
    return "the feed-forward part";
  }
  if (a.has_experts() && !is_same_experts(a.experts(), b.experts())) return "experts";
  if (a.norm_before != b.norm_before || a.norm_after != b.norm_after || a.norm_of_sum != b.norm_of_sum ||
      a.norm_before_mixer != b.norm_before_mixer || a.adds_to_norm != b.adds_to_norm) {
    return "where norms stand";
  }
  const bool has_more = a.dense_beside || b.dense_beside || a.output_scale || b.output_scale || a.laurel_rank != 0;
  if (a.parallel != b.parallel || !are_close(a.residual_scale, b.residual_scale) ||
      !are_close(a.mixer_sum_factor, b.mixer_sum_factor) || !are_close(a.sum_factor, b.sum_factor) || has_more)
    return "layers";
  return {};
}

}  // namespace

void add_spec_metadata(std::string_view architecture, const ModelSpec& spec, GgufWriter& writer) {
  SpecWriter(architecture, spec, writer).write();
}

std::vector<std::pair<std::string, std::vector<float>>> rope_tensors(const ModelSpec& spec) {
  std::vector<std::pair<std::string, std::vector<float>>> tensors;
  if (spec.ropes.empty()) return tensors;
  const RopeSpec& rope = spec.ropes.front();
  const auto as_floats = [](const std::vector<double>& values) {
    return std::vector<float>(values.begin(), values.end());
  };
  if (rope.scaling.kind == RopeScalingKind::kLongRope) {
    tensors.emplace_back("rope_factors_long.weight", as_floats(rope.scaling.long_factors));
    tensors.emplace_back("rope_factors_short.weight", as_floats(rope.scaling.short_factors));
  } else if (rope.scaling.kind == RopeScalingKind::kLlama3) {
    RopeSpec plain = rope;
    plain.scaling = {};
    const RopeFrequencies whole = rope_frequencies(plain, spec.context_max);
    const RopeFrequencies scaled = rope_frequencies(rope, spec.context_max);
    std::vector<float>& divisors = tensors.emplace_back("rope_freqs.weight", std::vector<float>()).second;
    for (std::size_t i = 0; i < whole.inverse.size(); ++i) {
      divisors.push_back(static_cast<float>(whole.inverse[i] / scaled.inverse[i]));
    }
  }
  return tensors;
}

std::string first_difference(const ModelSpec& a, const ModelSpec& b) {
  if (a.vocabulary != b.vocabulary || a.width != b.width || a.embedding_width != b.embedding_width ||
      a.projects_normed != b.projects_normed || a.context_max != b.context_max)
    return "sizes";
  const auto others = [](const ModelSpec& spec) {
    return std::array{spec.norm, spec.own_embedding_norm.value_or(spec.norm), spec.own_norm_after.value_or(spec.norm),
                      spec.own_output_norm.value_or(spec.norm)};
  };
  if (!std::ranges::equal(others(a), others(b), is_same_norm)) return "norms";
  if (a.layers.size() != b.layers.size()) return "the number of layers";
  for (std::size_t i = 0; i < a.layers.size(); ++i) {
    if (std::string found = layer_difference(a.layers[i], b.layers[i]); !found.empty()) return found;
  }
  if (a.ropes.size() != b.ropes.size()) return "the rope";
  for (std::size_t i = 0; i < a.ropes.size(); ++i) {
    if (!is_same_rope(a.ropes[i], b.ropes[i], a.context_max)) return "the rope";
  }
  const bool has_more = a.layer_input_width != 0 || b.layer_input_width != 0 || a.alt_up || b.alt_up ||
                        a.qvk_shards != 0 || b.qvk_shards != 0;
  if (a.learned_positions != b.learned_positions || a.position_offset != b.position_offset ||
      a.token_types != b.token_types || a.embedding_norm != b.embedding_norm || a.output_norm != b.output_norm ||
      a.has_logits != b.has_logits || has_more) {
    return "embeddings";
  }
  if (!are_close(a.embedding_scale, b.embedding_scale) || !are_close(a.logit_scale, b.logit_scale) ||
      !are_close(a.logit_softcap, b.logit_softcap)) {
    return "scales";
  }
  return {};
}

}  // namespace hearth
