// Ling and Ring (inclusionAI 2025), whose files call themselves Bailing: Llama's attention with fused projections, then
// experts beside such that all tokens ask. The second generation norms queries and keys, rotates half of each head, and
// chooses from groups by a sigmoid and a bias. Checkpoints of both say `bailing_moe`.
#include <fmt/format.h>

#include "base/error.h"
#include "model/architectures/common.h"
#include "model/architectures/expert_settings.h"
#include "model/architectures/families.h"

namespace hearth {
namespace {

ModelSpec read_bailing_decoder(const Settings& settings, RopePairs gguf_pairs, const RouterDefaults& router) {
  ModelSpec spec = read_gated_decoder(settings, {.gguf_pairs = gguf_pairs});
  ExpertsSpec experts = read_experts(settings, router);
  // Of each of those that all tokens ask.
  const std::int64_t shared_width = settings.positive({settings::kSharedWidth.gguf}).value_or(experts.width);
  experts.shared_width = settings.positive(settings::kSharedExperts).value_or(0) * shared_width;
  give_experts(settings, experts, spec);
  return spec;
}

ModelSpec read_bailing2(const Settings& settings) {
  ModelSpec spec = read_bailing_decoder(settings, RopePairs::kHalfSplit,
                                        {.score = RouterScore::kSigmoid, .normalize = true, .sum_offset = 1e-20f});
  const auto rotary_dim = settings.is_gguf() ? std::nullopt : settings.positive(settings::kRotaryDim);
  if (rotary_dim && *rotary_dim != spec.ropes.front().rotary_dim) {
    throw InvalidInput(fmt::format("{}: setting 'rotary_dim' is {}, and 'partial_rotary_factor' says {}",
                                   settings.file_name(), *rotary_dim, spec.ropes.front().rotary_dim));
  }
  const std::string score = settings.text({"", {"score_function"}}).value_or("sigmoid");
  if (score != "sigmoid") {
    throw Unsupported(fmt::format("{}: setting 'score_function' is '{}'", settings.file_name(), score));
  }
  for (LayerSpec& layer : spec.layers) layer.attention().query_key_norm = QueryKeyNorm::kHead;
  return spec;
}

ModelSpec read_bailing(const Settings& settings) {
  if (settings.boolean({"", {"use_qk_norm"}}).value_or(false)) return read_bailing2(settings);
  refuse_if(settings, {"", {"norm_head"}}, "an output matrix that is normalized (norm_head)");
  return read_bailing_decoder(settings, RopePairs::kAdjacent, {.normalize = true});
}

constexpr OwnName kOwnNames[]{{NameScheme::kLlama, Weight::kTokenEmbedding, "model.word_embeddings"},
                              {NameScheme::kLlama, Weight::kQueryKeyValue, "model.layers.{}.attention.query_key_value"},
                              {NameScheme::kLlama, Weight::kQueryNorm, "model.layers.{}.attention.query_layernorm"},
                              {NameScheme::kLlama, Weight::kKeyNorm, "model.layers.{}.attention.key_layernorm"},
                              {NameScheme::kLlama, Weight::kAttentionOutput, "model.layers.{}.attention.dense"},
                              {NameScheme::kLlama, Weight::kRouterBias, "model.layers.{}.mlp.gate.expert_bias"}};

}  // namespace

std::span<const Architecture> bailing_family() {
  static constexpr Architecture kFamily[]{
      {"bailingmoe", "bailing_moe", NameScheme::kLlama, read_bailing, kOwnNames, FamilyKind::kExperts},
      {"bailingmoe2", "bailing_moe_v2", NameScheme::kLlama, read_bailing2, kOwnNames, FamilyKind::kExperts}};
  return kFamily;
}

}  // namespace hearth
