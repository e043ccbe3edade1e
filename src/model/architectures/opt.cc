// OPT (Zhang et al. 2022): GPT-2's shape with separate projections, ReLU, and learned positions whose table has two
// rows before the first.
#include <fmt/format.h>

#include "base/error.h"
#include "model/architectures/common.h"
#include "model/architectures/families.h"

namespace hearth {
namespace {

ModelSpec read_opt(const Settings& settings) {
  ModelSpec spec = read_gpt_sizes(settings);
  if (!settings.boolean({"", {"do_layer_norm_before"}}).value_or(true)) {
    throw Unsupported(fmt::format("{}: norms behind each part (do_layer_norm_before is false)", settings.file_name()));
  }
  if (const auto width = settings.positive({"", {"word_embed_proj_dim"}}); width && *width != spec.width) {
    throw Unsupported(
        fmt::format("{}: embeddings of {} elements in a model of {}", settings.file_name(), *width, spec.width));
  }
  spec.position_offset = 2;
  return spec;
}

constexpr OwnName kOwnNames[]{
    {NameScheme::kLlama, Weight::kTokenEmbedding, "model.decoder.embed_tokens"},
    {NameScheme::kLlama, Weight::kPositionEmbedding, "model.decoder.embed_positions"},
    {NameScheme::kLlama, Weight::kOutputNorm, "model.decoder.final_layer_norm"},
    {NameScheme::kLlama, Weight::kAttentionNorm, "model.decoder.layers.{}.self_attn_layer_norm"},
    {NameScheme::kLlama, Weight::kQuery, "model.decoder.layers.{}.self_attn.q_proj"},
    {NameScheme::kLlama, Weight::kKey, "model.decoder.layers.{}.self_attn.k_proj"},
    {NameScheme::kLlama, Weight::kValue, "model.decoder.layers.{}.self_attn.v_proj"},
    {NameScheme::kLlama, Weight::kAttentionOutput, "model.decoder.layers.{}.self_attn.out_proj"},
    {NameScheme::kLlama, Weight::kFfNorm, "model.decoder.layers.{}.final_layer_norm"},
    {NameScheme::kLlama, Weight::kFfUp, "model.decoder.layers.{}.fc1"},
    {NameScheme::kLlama, Weight::kFfDown, "model.decoder.layers.{}.fc2"}};

}  // namespace

std::span<const Architecture> opt_family() {
  static constexpr Architecture kFamily[]{{"", "opt", NameScheme::kLlama, read_opt, kOwnNames}};
  return kFamily;
}

}  // namespace hearth
