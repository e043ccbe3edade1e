// OPT (Zhang et al. 2022): GPT-2's shape with separate projections, ReLU, and learned positions whose table has two
// rows before the first. OPT-350M has norms of each part's sum, and narrower embeddings.
#include <fmt/format.h>

#include "base/error.h"
#include "model/architectures/common.h"
#include "model/architectures/families.h"

namespace hearth {
namespace {

constexpr std::int64_t kEmbeddingWidthMax = std::int64_t{1} << 24;

ModelSpec read_opt(const Settings& settings) {
  ModelSpec spec = read_gpt_sizes(settings);
  spec.position_offset = 2;
  spec.embedding_width = settings.positive({"", {"word_embed_proj_dim"}}).value_or(spec.width);
  if (spec.embedding_width > kEmbeddingWidthMax) {
    throw InvalidInput(fmt::format("{}: embeddings of {} elements", settings.file_name(), spec.embedding_width));
  }
  spec.norm.has_weights = settings.boolean({"", {"layer_norm_elementwise_affine"}}).value_or(true);
  const bool norm_before = settings.boolean({"", {"do_layer_norm_before"}}).value_or(true);
  spec.output_norm = norm_before && !settings.boolean({"", {"_remove_final_layer_norm"}}).value_or(false);
  for (LayerSpec& layer : spec.layers) layer.norm_of_sum = !norm_before;
  return spec;
}

constexpr OwnName kOwnNames[]{
    {NameScheme::kLlama, Weight::kTokenEmbedding, "model.decoder.embed_tokens"},
    {NameScheme::kLlama, Weight::kPositionEmbedding, "model.decoder.embed_positions"},
    {NameScheme::kLlama, Weight::kEmbeddingProjection, "model.decoder.project_in"},
    {NameScheme::kLlama, Weight::kOutputProjection, "model.decoder.project_out"},
    {NameScheme::kLlama, Weight::kOutputNorm, "model.decoder.final_layer_norm"},
    {NameScheme::kLlama, Weight::kAttentionNorm, "model.decoder.layers.{}.self_attn_layer_norm"},
    {NameScheme::kLlama, Weight::kAttentionPostNorm, "model.decoder.layers.{}.self_attn_layer_norm"},
    {NameScheme::kLlama, Weight::kQuery, "model.decoder.layers.{}.self_attn.q_proj"},
    {NameScheme::kLlama, Weight::kKey, "model.decoder.layers.{}.self_attn.k_proj"},
    {NameScheme::kLlama, Weight::kValue, "model.decoder.layers.{}.self_attn.v_proj"},
    {NameScheme::kLlama, Weight::kAttentionOutput, "model.decoder.layers.{}.self_attn.out_proj"},
    {NameScheme::kLlama, Weight::kFfNorm, "model.decoder.layers.{}.final_layer_norm"},
    {NameScheme::kLlama, Weight::kFfPostNorm, "model.decoder.layers.{}.final_layer_norm"},
    {NameScheme::kLlama, Weight::kFfUp, "model.decoder.layers.{}.fc1"},
    {NameScheme::kLlama, Weight::kFfDown, "model.decoder.layers.{}.fc2"}};

}  // namespace

std::span<const Architecture> opt_family() {
  static constexpr Architecture kFamily[]{{"", "opt", NameScheme::kLlama, read_opt, kOwnNames}};
  return kFamily;
}

}  // namespace hearth
