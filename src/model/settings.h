// One way to ask a model file for a setting, whichever spelling it uses: GGUF's "<architecture>.embedding_length" or
// config.json's "hidden_size". An architecture is described once, for both.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "weights/model_source.h"

namespace hearth {

// A setting's names. `gguf` stands after "<architecture>."; config.json names are tried in order. Empty: not there.
struct Setting {
  std::string_view gguf;
  std::string_view config[5] = {};
};

namespace settings {
inline constexpr Setting kContext{
    "context_length", {"max_position_embeddings", "n_positions", "model_max_length", "max_seq_len", "seq_length"}};
inline constexpr Setting kWidth{"embedding_length", {"hidden_size", "n_embd", "dim", "d_model", "n_embed"}};
inline constexpr Setting kLayers{"block_count", {"num_hidden_layers", "n_layer", "n_layers", "num_layers"}};
// Layers behind the others that predict further tokens. GGUF counts them in; config.json does not.
inline constexpr Setting kPredictingLayers{"nextn_predict_layers", {"num_nextn_predict_layers"}};
inline constexpr Setting kFfWidth{"feed_forward_length",
                                  {"intermediate_size", "n_inner", "ffn_hidden_size", "ffn_dim", "hidden_dim"}};
inline constexpr Setting kHeads{"attention.head_count", {"num_attention_heads", "n_head", "n_heads", "num_heads"}};
inline constexpr Setting kKvHeads{"attention.head_count_kv", {"num_key_value_heads", "num_kv_heads"}};
inline constexpr Setting kHeadDim{"attention.key_length", {"head_dim"}};
inline constexpr Setting kValueDim{"attention.value_length", {}};
inline constexpr Setting kLatentRank{"attention.kv_lora_rank", {"kv_lora_rank"}};
inline constexpr Setting kLatentQueryRank{"attention.q_lora_rank", {"q_lora_rank"}};
inline constexpr Setting kLatentRopeDim{"rope.dimension_count", {"qk_rope_head_dim"}};
inline constexpr Setting kLatentKeyDim{"", {"qk_nope_head_dim"}};
inline constexpr Setting kLatentHeadDim{"attention.key_length_mla", {}};  // both parts of a key
inline constexpr Setting kLatentValueDim{"attention.value_length_mla", {"v_head_dim"}};
inline constexpr Setting kRmsEpsilon{"attention.layer_norm_rms_epsilon", {"rms_norm_eps"}};
inline constexpr Setting kLayerNormEpsilon{"attention.layer_norm_epsilon",
                                           {"layer_norm_epsilon", "layer_norm_eps", "norm_epsilon", "norm_eps"}};
inline constexpr Setting kActivation{"", {"hidden_act", "activation_function", "hidden_activation", "activation"}};
inline constexpr Setting kRotaryDim{"rope.dimension_count", {"rotary_dim"}};
inline constexpr Setting kRopeBase{"rope.freq_base", {"rope_theta", "rotary_emb_base"}};
inline constexpr Setting kPartialRotary{"", {"partial_rotary_factor", "rotary_pct", "rotary_emb_fraction"}};
inline constexpr Setting kTiedEmbeddings{"", {"tie_word_embeddings"}};
inline constexpr Setting kLogitSoftcap{"final_logit_softcapping", {"final_logit_softcapping"}};
inline constexpr Setting kSlidingWindow{"attention.sliding_window", {"sliding_window"}};
inline constexpr Setting kUsesWindow{"", {"use_sliding_window"}};
inline constexpr Setting kSlidingPattern{"attention.sliding_window_pattern",
                                         {"sliding_window_pattern", "_sliding_window_pattern"}};
inline constexpr Setting kExpertCount{"expert_count",
                                      {"num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts"}};
inline constexpr Setting kExpertsUsed{
    "expert_used_count", {"num_experts_per_tok", "moe_k", "num_experts_per_token", "top_k_experts", "moe_topk"}};
inline constexpr Setting kExpertWidth{"expert_feed_forward_length", {"moe_intermediate_size"}};
inline constexpr Setting kSharedExperts{"expert_shared_count",
                                        {"n_shared_experts", "moe_num_shared_experts", "num_shared_experts"}};
inline constexpr Setting kSharedWidth{"expert_shared_feed_forward_length", {"shared_expert_intermediate_size"}};
inline constexpr Setting kDenseLayers{"leading_dense_block_count", {"first_k_dense_replace", "num_dense_layers"}};
inline constexpr Setting kExpertGating{"expert_gating_func", {}};  // 1: softmax, 2: sigmoid, 3: of the chosen
inline constexpr Setting kExpertNormalized{"expert_weights_norm", {"norm_topk_prob", "moe_renormalize"}};
inline constexpr Setting kExpertScale{"expert_weights_scale", {"routed_scaling_factor"}};
inline constexpr Setting kExpertGroups{"expert_group_count", {"n_group", "num_expert_group"}};
inline constexpr Setting kExpertGroupsUsed{"expert_group_used_count", {"topk_group"}};
}  // namespace settings

// It remembers what it was asked for: what a family has left unread can change results (unread_settings.h).
class Settings {
 public:
  // Throws InvalidInput when the source names no architecture.
  explicit Settings(const ModelSource& source);

  bool is_gguf() const { return source_.kind() == ModelSource::Kind::kGguf; }
  const ModelSource& source() const { return source_; }
  // GGUF's general.architecture, or config.json's model_type.
  const std::string& architecture() const { return architecture_; }
  // The family whose model this is read as: architecture(), unless read_as() says another.
  const std::string& family() const { return family_.empty() ? architecture_ : family_; }
  void read_as(std::string family) { family_ = std::move(family); }
  std::string file_name() const { return source_.path().string(); }

  // Absent (or null in config.json): nullopt. Of another kind: InvalidInput with the setting's name as the file spells
  // it. A list with one number for each layer counts as that number where all are equal; Unsupported where they differ.
  std::optional<std::int64_t> integer(const Setting& setting) const;
  std::optional<double> number(const Setting& setting) const;
  std::optional<bool> boolean(const Setting& setting) const;
  std::optional<std::string> text(const Setting& setting) const;

  // A list of whole numbers or truth values; nullopt where there is none, or one value.
  std::optional<std::vector<std::int64_t>> list(const Setting& setting) const;

  // As integer() and number(), but zero and below count as absent: GGUF writers put 0 for "unset".
  std::optional<std::int64_t> positive(const Setting& setting) const;
  std::optional<double> positive_number(const Setting& setting) const;
  // Throws InvalidInput when absent, not positive, or past `max`.
  std::int64_t required(const Setting& setting, std::int64_t max) const;

  // One number for each layer: of a list, which must be as long as there are layers, or a single one for all.
  std::optional<std::vector<std::int64_t>> per_layer(const Setting& setting) const;
  // How many layers the model has. Throws InvalidInput where tensors of further ones are in the file.
  std::int64_t layer_count() const;

  // config.json, or its part about text where the model is more than that (`text_config`, or of that kind).
  const boost::json::object& config() const { return *config_; }
  // A sentence for the user where the files hold more than the text model; nullopt: they do not.
  std::optional<std::string> larger_model_note() const;
  // A value of config() itself; null if absent or null. GGUF: always null.
  const boost::json::value* config(std::string_view key) const;
  // The same for one that must be an object or a list where it is there: InvalidInput otherwise.
  const boost::json::object* config_object(std::string_view key) const;
  const boost::json::array* config_list(std::string_view key) const;

  // Whether a key, as the file spells it, has been asked for. One inside of an object of config.json is
  // "object.key"; whoever reads such an object says so with note_asked().
  bool was_asked(std::string_view key) const { return asked_.contains(key); }
  void note_asked(std::string key) const { asked_.insert(std::move(key)); }

 private:
  struct Found {
    std::string_view key;
    const boost::json::value* value = nullptr;  // null: absent
  };
  template <typename T>
  struct Listed {
    std::vector<T> values;  // one, or those of a list
    bool is_list;
  };

  std::string name_of(const Setting& setting) const;  // as this file spells it
  Found find_config(const Setting& setting) const;
  std::string gguf_key(const Setting& setting) const;  // which is asked for
  template <typename T>
  std::optional<Listed<T>> listed(const Setting& setting) const;
  template <typename T>
  std::optional<T> of_all_layers(const Setting& setting) const;
  template <typename T>
  void check_length(const Setting& setting, const Listed<T>& list) const;

  const ModelSource& source_;
  const boost::json::object* config_;
  std::string architecture_, family_;
  mutable std::set<std::string, std::less<>> asked_;
};

}  // namespace hearth
