// Families of Llama's shape with small differences: Seed-OSS (ByteDance 2025), whose GGUF files call the second norm
// otherwise; ERNIE 4.5 (Baidu 2025), whose rope has adjacent pairs; Arcee (2025), without a gate.
#include "model/architectures/common.h"
#include "model/architectures/families.h"

namespace hearth {
namespace {

ModelSpec read_seed_oss(const Settings& settings) {
  return read_gated_decoder(settings, {.gguf_pairs = RopePairs::kHalfSplit});
}

ModelSpec read_ernie(const Settings& settings) {
  ModelSpec spec = read_gated_decoder(
      settings, {.gguf_pairs = RopePairs::kAdjacent, .config_pairs = RopePairs::kAdjacent, .epsilon = 1e-5});
  spec.ff_scales = true;
  return spec;
}

ModelSpec read_arcee(const Settings& settings) {
  ModelSpec spec =
      read_gated_decoder(settings, {.gguf_pairs = RopePairs::kAdjacent, .activation = Activation::kReluSquared});
  for (LayerSpec& layer : spec.layers) layer.mlp().gated = false;
  return spec;
}

constexpr OwnName kSeedNames[]{{NameScheme::kGguf, Weight::kFfNorm, "blk.{}.post_attention_norm"}};

}  // namespace

std::span<const Architecture> llama_kin_family() {
  static constexpr Architecture kFamily[]{{"seed_oss", "seed_oss", NameScheme::kLlama, read_seed_oss, kSeedNames},
                                          {"ernie4_5", "ernie4_5", NameScheme::kLlama, read_ernie},
                                          {"arcee", "arcee", NameScheme::kLlama, read_arcee}};
  return kFamily;
}

}  // namespace hearth
