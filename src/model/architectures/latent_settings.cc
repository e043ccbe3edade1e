#include "model/architectures/latent_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "kernels/attention/paged_kv.h"

namespace hearth {
namespace {

constexpr std::int64_t kLatentSizeMax = std::int64_t{1} << 20;

void check(const Settings& settings, const AttentionSpec& spec) {
  const LatentSpec& latent = *spec.latent;
  const auto is_size = [](std::int64_t size) { return size > 0 && size % 8 == 0; };
  if (!is_size(latent.rank) || !is_size(latent.rope_dim) || latent.rank > kLatentDimMax ||
      spec.head_dim > kLatentKeyDimMax) {
    throw Unsupported(
        fmt::format("{}: latents of {} elements with {} rotated ones; supported are multiples of 8, up to "
                    "{} and {} together",
                    settings.file_name(), latent.rank, latent.rope_dim, kLatentDimMax, kLatentKeyDimMax));
  }
  if (latent.key_dim <= 0 || latent.value_dim <= 0 || spec.head_count <= 0 || spec.head_count > kExpertsMax) {
    throw InvalidInput(fmt::format("{}: {} heads with keys of {} and values of {} elements", settings.file_name(),
                                   spec.head_count, latent.key_dim, latent.value_dim));
  }
}

}  // namespace

AttentionSpec read_latent_attention(const Settings& settings, LatentValues values) {
  AttentionSpec spec;
  LatentSpec latent;
  // Layers of another kind may have none.
  for (const std::int64_t heads : settings.per_layer(settings::kHeads).value_or(std::vector<std::int64_t>())) {
    spec.head_count = std::max(spec.head_count, heads);
  }
  latent.rank = settings.required(settings::kLatentRank, kLatentSizeMax);
  latent.rope_dim = settings.required(settings::kLatentRopeDim, kLatentSizeMax);
  latent.q_rank = settings.positive(settings::kLatentQueryRank).value_or(0);
  // As wide as all heads together are to be, where it is not said.
  const bool of_width = values == LatentValues::kOfWidth && spec.head_count > 0;
  const std::int64_t width_of_head =
      of_width ? settings.required(settings::kWidth, kLatentSizeMax) / spec.head_count : 0;
  if (settings.is_gguf()) {
    // Those of the cache's rows, where the heads' own are said beside them.
    const auto row_dim = settings.positive(settings::kHeadDim), row_values = settings.positive(settings::kValueDim);
    settings.per_layer(settings::kKvHeads);
    const auto key = settings.positive(settings::kLatentHeadDim), value = settings.positive(settings::kLatentValueDim);
    latent.key_dim = std::min(key.value_or(row_dim.value_or(0)), kLatentSizeMax) - latent.rope_dim;
    latent.value_dim = std::min(value.value_or(row_values.value_or(width_of_head)), kLatentSizeMax);
    latent.norm_epsilon = static_cast<float>(settings.number(settings::kRmsEpsilon).value_or(1e-6));
    // Files of the small models say a rank that they do not have.
    if (settings.source().find("blk.0.attn_q.weight") != nullptr) latent.q_rank = 0;
  } else {
    latent.key_dim = settings.required(settings::kLatentKeyDim, kLatentSizeMax);
    latent.value_dim = of_width ? settings.positive(settings::kLatentValueDim).value_or(width_of_head)
                                : settings.required(settings::kLatentValueDim, kLatentSizeMax);
    latent.norm_epsilon = 1e-6f;  // whatever rms_norm_eps says
  }
  spec.kv_head_count = 1;
  spec.head_dim = latent.rank + latent.rope_dim;
  spec.scale = static_cast<float>(1 / std::sqrt(static_cast<double>(latent.key_dim + latent.rope_dim)));
  spec.latent = latent;
  check(settings, spec);
  return spec;
}

void scale_latent_attention(const Settings& settings, ModelSpec& spec) {
  RopeScaling& scaling = spec.ropes.front().scaling;
  double factor = 1;
  if (settings.is_gguf()) {
    const double log_multiplier = settings.positive_number({"rope.scaling.yarn_log_multiplier"}).value_or(0);
    if (scaling.kind == RopeScalingKind::kYarn && log_multiplier > 0) {
      // A tenth of config.json's mscale_all_dim; both of YaRN's are taken for the same.
      factor = scaling.factor <= 1 ? 1 : 1 + log_multiplier * std::log(scaling.factor);
      scaling.attention_factor = settings.positive_number({"rope.scaling.attn_factor"}).value_or(1);
      factor *= *scaling.attention_factor;
    }
  } else if (scaling.kind != RopeScalingKind::kNone && scaling.mscale_all_dim != 0) {
    factor = yarn_scale(scaling.factor, scaling.mscale_all_dim);
  }
  for (LayerSpec& layer : spec.layers) {
    AttentionSpec& attention = layer.attention();
    attention.scale = static_cast<float>(static_cast<double>(attention.scale) * factor * factor);
  }
}

}  // namespace hearth
