// BitNet b1.58 (Ma et al. 2024, Microsoft 2025): Llama's shape with further norms, of what heads see and of what the
// feed-forward part's last matrix reads, and a squared ReLU. Weights are ternary times a number, in checkpoints
// packed four to a byte (weights/quantized_folder.h).
#include "model/architectures/common.h"
#include "model/architectures/families.h"

namespace hearth {
namespace {

ModelSpec read_bitnet(const Settings& settings) {
  // GGUF files that do not say it are of models from before the published ones.
  const bool is_squared = settings.text({"hidden_activation"}).value_or(settings.is_gguf() ? "" : "relu2") == "relu2";
  ModelSpec spec =
      read_gated_decoder(settings, {.gguf_pairs = RopePairs::kHalfSplit,
                                    .activation = is_squared ? Activation::kReluSquared : Activation::kSilu,
                                    .epsilon = 1e-5});
  spec.ff_scales = true;
  for (LayerSpec& layer : spec.layers) {
    layer.attention().norm_of_seen = true;
    layer.mlp().norm_of_hidden = true;
  }
  return spec;
}

}  // namespace

std::span<const Architecture> bitnet_family() {
  static constexpr Architecture kFamily[]{{"bitnet", "bitnet", NameScheme::kLlama, read_bitnet}};
  return kFamily;
}

}  // namespace hearth
