// Apertus (Swiss AI Initiative 2025): Llama's shape without a gate, norms of queries and keys, and xIELU, whose numbers
// were learned for each layer: tensors of a checkpoint, lists of a GGUF file.
#include <fmt/format.h>

#include <cmath>

#include "base/error.h"
#include "model/architectures/common.h"
#include "model/architectures/families.h"

namespace hearth {
namespace {

// A number of `layer`: a tensor with one element, or an entry of a list whose key stands without the family's name.
double learned(const Settings& settings, const char* name, std::size_t layer, double fallback) {
  const ModelSource& source = settings.source();
  if (settings.is_gguf()) {
    const std::string key = fmt::format("xielu.{}", name);
    if (!source.metadata().is_array(key)) return source.metadata().number(key).value_or(fallback);
    const std::vector<float> values = *source.metadata().numbers(key);
    if (layer < values.size()) return static_cast<double>(values[layer]);
    throw InvalidInput(
        fmt::format("{}: metadata key '{}' has no value for layer {}", settings.file_name(), key, layer));
  }
  const std::string tensor = fmt::format("layers.{}.mlp.act_fn.{}", layer, name);
  for (const char* prefix : {"model.", ""}) {
    const WeightEntry* entry = source.find(prefix + tensor);
    if (entry == nullptr) continue;
    if (traits(entry->format).is_quantized() || entry->shape.element_count() != 1) {
      throw InvalidInput(fmt::format("{}: tensor '{}' is not a single float", settings.file_name(), entry->name));
    }
    float value = 0;
    traits(entry->format).decode_f32(entry->bytes.data(), &value, 1);
    return static_cast<double>(value);
  }
  return fallback;
}

double softplus(double x) {
  return x > 20 ? x : std::log1p(std::exp(x));
}

XieluParameters xielu_of(const Settings& settings, std::size_t layer) {
  // What a model begins its training with: positive and negative of 0.8.
  const double beta = learned(settings, "beta", layer, 0.5);
  const double positive = softplus(learned(settings, "alpha_p", layer, std::log(std::expm1(0.8))));
  const double negative = beta + softplus(learned(settings, "alpha_n", layer, std::log(std::expm1(0.3))));
  return {static_cast<float>(positive), static_cast<float>(negative), static_cast<float>(beta),
          static_cast<float>(learned(settings, "eps", layer, -1e-6))};
}

ModelSpec read_apertus(const Settings& settings) {
  ModelSpec spec = read_gated_decoder(
      settings, {.gguf_pairs = RopePairs::kHalfSplit, .activation = Activation::kXielu, .epsilon = 1e-5});
  for (std::size_t i = 0; i < spec.layers.size(); ++i) {
    LayerSpec& layer = spec.layers[i];
    layer.attention().query_key_norm = QueryKeyNorm::kHead;
    layer.mlp().gated = false;
    if (layer.mlp().activation == Activation::kXielu) layer.mlp().xielu = xielu_of(settings, i);
  }
  return spec;
}

constexpr OwnName kOwnNames[]{{NameScheme::kLlama, Weight::kAttentionNorm, "model.layers.{}.attention_layernorm"},
                              {NameScheme::kLlama, Weight::kFfNorm, "model.layers.{}.feedforward_layernorm"}};

}  // namespace

std::span<const Architecture> apertus_family() {
  static constexpr Architecture kFamily[]{{"apertus", "apertus", NameScheme::kLlama, read_apertus, kOwnNames}};
  return kFamily;
}

}  // namespace hearth
