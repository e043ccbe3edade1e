// Gemma 3n's text models (Google 2025): alternating updates of several residual streams, a low-rank way around the
// mixer, inputs of layers' own, last layers that see the keys of others, and gates of which the first layers keep the
// largest.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "kernels/alt_up/alt_up.h"
#include "model/architectures/common.h"
#include "model/architectures/families.h"
#include "model/architectures/shared_keys.h"
#include "model/rope_settings.h"
#include "weights/json_fields.h"

namespace hearth {
namespace {

// What llama.cpp takes where a file does not say it.
constexpr std::int64_t kOwnKeyLayers = 20, kSparseLayers = 10;
constexpr double kSparseDeviations = 1.6448533535003662;
constexpr double kUsualSparsity = 0.95;

// Rows of a tensor of the first layer: sizes that GGUF files have nowhere else.
std::int64_t rows_of_tensor(const Settings& settings, std::string_view name) {
  const WeightEntry* entry = settings.source().find(name);
  if (entry == nullptr || entry->shape.rank() != 2) {
    throw InvalidInput(fmt::format("{}: tensor '{}' is missing, or no matrix", settings.file_name(), name));
  }
  return entry->shape[0];
}

// How many standard deviations above the mean this share of a normal distribution ends.
double deviations_of(double share) {
  double low = -40, high = 40;
  for (int i = 0; i < 200; ++i) {
    const double middle = (low + high) / 2;
    (std::erfc(-middle * std::sqrt(0.5)) / 2 < share ? low : high) = middle;
  }
  return (low + high) / 2;
}

// Of each layer; minus infinity: its gates are dense.
std::vector<double> read_deviations(const Settings& settings, std::int64_t layers) {
  const auto count = static_cast<std::size_t>(layers);
  std::vector<double> result(count, -INFINITY);
  if (settings.is_gguf()) {
    const auto listed = settings.source().metadata().numbers(settings.architecture() + ".activation_sparsity_scale");
    const bool is_set = listed && std::ranges::any_of(*listed, [](float value) { return value != 0; });
    for (std::size_t i = 0; i < count; ++i) {
      if (!is_set) {
        result[i] = i < kSparseLayers ? kSparseDeviations : -INFINITY;
      } else if (i < listed->size()) {
        result[i] = static_cast<double>((*listed)[i]);
      }
    }
    return result;
  }
  std::vector<double> shares(count, 0);
  const boost::json::value* pattern = settings.config("activation_sparsity_pattern");
  if (pattern == nullptr) {
    if (layers > kSparseLayers) std::fill_n(shares.begin(), kSparseLayers, kUsualSparsity);
  } else if (!pattern->is_array()) {
    shares.assign(count, as_number(*pattern, "activation_sparsity_pattern", settings.file_name()));
  } else {
    if (pattern->get_array().size() != count) {
      throw InvalidInput(fmt::format("{}: setting 'activation_sparsity_pattern' has {} numbers for {} layers",
                                     settings.file_name(), pattern->get_array().size(), count));
    }
    for (std::size_t i = 0; i < count; ++i) {
      shares[i] = as_number(pattern->get_array()[i], "activation_sparsity_pattern", settings.file_name());
    }
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (shares[i] >= 1) throw InvalidInput(fmt::format("{}: a layer without gates", settings.file_name()));
    if (shares[i] > 0) result[i] = deviations_of(shares[i]);
  }
  return result;
}

AltUpSpec read_alt_up(const Settings& settings) {
  AltUpSpec alt_up;
  alt_up.streams = settings.positive({"altup.num_inputs", {"altup_num_inputs"}}).value_or(4);
  alt_up.active = settings.integer({"altup.active_idx", {"altup_active_idx"}}).value_or(0);
  if (alt_up.streams > kAltUpStreamsMax || alt_up.active < 0 || alt_up.active >= alt_up.streams) {
    throw Unsupported(fmt::format("{}: {} residual streams of which number {} is computed; supported are up to {}",
                                  settings.file_name(), alt_up.streams, alt_up.active, kAltUpStreamsMax));
  }
  if (settings.is_gguf()) return alt_up;
  alt_up.magnitude_min = 1e-5f;
  alt_up.scaled = settings.boolean({"", {"altup_correct_scale"}}).value_or(true);
  const bool has_clip = settings.config().contains("altup_coef_clip");
  const auto clip = settings.number({"", {"altup_coef_clip"}});
  alt_up.correction_max = static_cast<float>(clip.value_or(has_clip ? INFINITY : 120));
  return alt_up;
}

// Sizes that config.json has, or means where it does not say them.
struct Sizes {
  std::int64_t layer_input = 256, laurel = 64, shared_keys = 15;
};

Sizes read_own_sizes(const Settings& settings, std::int64_t layers) {
  Sizes sizes;
  const auto input = settings.positive(kLayerInputWidth);
  const auto shared = settings.integer(kSharedKeyLayers);
  if (settings.is_gguf()) {
    sizes.layer_input = input.value_or(rows_of_tensor(settings, "blk.0.inp_gate.weight"));
    sizes.laurel = rows_of_tensor(settings, "blk.0.laurel_l.weight");
    sizes.shared_keys = shared && *shared > 0 ? *shared : std::max<std::int64_t>(0, layers - kOwnKeyLayers);
    return sizes;
  }
  sizes.layer_input = input.value_or(sizes.layer_input);
  sizes.laurel = settings.positive({"", {"laurel_rank"}}).value_or(sizes.laurel);
  sizes.shared_keys = shared.value_or(sizes.shared_keys);
  return sizes;
}

ModelSpec read_gemma3n(const Settings& settings) {
  ModelSpec spec = read_gated_decoder(
      settings, {.gguf_pairs = RopePairs::kHalfSplit, .activation = Activation::kGeluTanh, .config_head_dim = 256});
  if (!settings.is_gguf() && settings.config("rope_theta") == nullptr && !has_rope_of(settings, "full_attention")) {
    spec.ropes.front().base = 1000000;
  }
  const std::vector<bool> slides = sliding_layers(settings, spec, 5);
  slide(slides, settings.positive(settings::kSlidingWindow).value_or(512), spec);
  add_sliding_rope(settings, {"rope.freq_base_swa", {"rope_local_base_freq"}}, 10000, spec);
  spec.embedding_scale = static_cast<float>(std::sqrt(static_cast<double>(spec.width)));
  const auto cap = settings.number(settings::kLogitSoftcap);
  spec.logit_softcap = static_cast<float>(cap.value_or(30));
  const Sizes sizes = read_own_sizes(settings, spec.layer_count());
  spec.layer_input_width = sizes.layer_input;
  spec.layer_input_activation = spec.layers.front().mlp().activation;
  spec.alt_up = read_alt_up(settings);
  const std::vector<double> deviations = read_deviations(settings, spec.layer_count());
  for (std::size_t i = 0; i < spec.layers.size(); ++i) {
    LayerSpec& layer = spec.layers[i];
    layer.norm_after = true;
    layer.laurel_rank = sizes.laurel;
    layer.attention().scale = 1;
    layer.attention().value_norm = true;
    norm_query_and_key(layer.attention(), NormKind::kRms);
    if (std::isfinite(deviations[i])) {
      layer.mlp().cutoff = GateCutoff{static_cast<float>(deviations[i]), settings.is_gguf()};
    }
  }
  share_keys(settings, sizes.shared_keys, slides, spec);
  return spec;
}

constexpr OwnName kOwnNames[]{{NameScheme::kLlama, Weight::kFfNorm, "model.layers.{}.pre_feedforward_layernorm"}};

}  // namespace

std::span<const Architecture> gemma3n_family() {
  static constexpr Architecture kFamily[]{{"gemma3n", "gemma3n_text", NameScheme::kLlama, read_gemma3n, kOwnNames}};
  return kFamily;
}

}  // namespace hearth
