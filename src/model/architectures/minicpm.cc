// MiniCPM (Hu et al. 2024): Llama's shape, or in MiniCPM 3 latent attention; its depth and width scale what layers add
// and what comes out.
#include <fmt/format.h>

#include <cmath>

#include "base/error.h"
#include "model/architectures/common.h"
#include "model/architectures/families.h"
#include "model/architectures/latent_settings.h"

namespace hearth {
namespace {

// GGUF files without the three numbers are of models that all have these.
void read_minicpm_scales(const Settings& settings, ModelSpec& spec) {
  const auto number = [&](const Setting& setting, double fallback) {
    return settings.positive_number(setting).value_or(fallback);
  };
  const auto width = static_cast<double>(spec.width), layers = static_cast<double>(spec.layer_count());
  const double residual = number({"", {"scale_depth"}}, 1.4) / std::sqrt(layers);
  const double divisor = width / number({"", {"dim_model_base"}}, 256);
  spec.embedding_scale = static_cast<float>(number({"embedding_scale", {"scale_emb"}}, 12));
  spec.logit_scale = static_cast<float>(1 / number({"logit_scale"}, divisor));
  for (LayerSpec& layer : spec.layers) {
    layer.residual_scale = static_cast<float>(number({"residual_scale"}, residual));
  }
}

ModelSpec read_minicpm(const Settings& settings) {
  if (settings.positive({settings::kExpertCount.gguf, {"num_experts"}})) {
    throw Unsupported(fmt::format("{}: MiniCPM with experts is not supported", settings.file_name()));
  }
  if (settings.config("sparse_config") != nullptr) {
    throw Unsupported(fmt::format("{}: attention to some blocks alone (sparse_config)", settings.file_name()));
  }
  ModelSpec spec = read_gated_decoder(settings, {.gguf_pairs = RopePairs::kAdjacent, .epsilon = 1e-5});
  read_minicpm_scales(settings, spec);
  return spec;
}

ModelSpec read_minicpm3(const Settings& settings) {
  ModelSpec spec = read_sizes_around(settings, read_latent_attention(settings, LatentValues::kOfWidth));
  spec.norm.epsilon = static_cast<float>(settings.number(settings::kRmsEpsilon).value_or(1e-5));
  read_activation(settings, Activation::kSilu, spec);
  read_rope(settings, RopePairs::kHalfSplit, spec);
  read_minicpm_scales(settings, spec);
  return spec;
}

}  // namespace

std::span<const Architecture> minicpm_family() {
  static constexpr Architecture kFamily[]{
      {"minicpm", "minicpm", NameScheme::kLlama, read_minicpm},
      {"minicpm3", "minicpm3", NameScheme::kLlama, read_minicpm3, {}, FamilyKind::kDense, "latent attention"}};
  return kFamily;
}

}  // namespace hearth
