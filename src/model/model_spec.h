// What a model is, as plain data: sizes, position handling, masks, norms, activations. GGUF metadata and config.json
// both become one of these (architectures/), and the forward pass is built from it alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/activation/activation.h"
#include "kernels/attention/mask.h"
#include "model/rope_frequencies.h"

namespace hearth {

enum class NormKind : std::uint8_t { kRms, kLayer };

struct LayerSpec {
  Mask mask;
  int rope = -1;  // index into ModelSpec::ropes; -1: this layer's queries and keys are not rotated
  float attention_scale = 0;
};

struct ModelSpec {
  std::string architecture;  // as the file says: "llama", "gpt2", …

  std::int64_t vocabulary = 0;
  std::int64_t width = 0;  // of the residual stream
  std::int64_t head_count = 0;
  std::int64_t kv_head_count = 0;
  std::int64_t head_dim = 0;
  std::int64_t ff_width = 0;
  std::int64_t context_max = 0;  // positions that the model was made for

  NormKind norm = NormKind::kRms;
  float norm_epsilon = 0;
  bool query_key_norm = false;  // RMS norm of each query and key head before rope

  Activation activation = Activation::kSilu;
  bool gated = true;  // down(act(gate) * up), else down(act(up))

  bool learned_positions = false;
  std::vector<RopeSpec> ropes;
  std::vector<LayerSpec> layers;

  // How the file stores weights, where it differs from rows [out, in] in the order q, k, v.
  bool transposed_linears = false;     // matrices inside layers are [in, out] (GPT-2's Conv1D)
  bool ff_scales = true;               // GGUF: the feed-forward matrices' ".scale" counts
  bool interleaved_qkv_heads = false;  // fused rows are head by head q, k, v (GPT-BigCode with multi-head attention)

  std::int64_t layer_count() const { return static_cast<std::int64_t>(layers.size()); }
  std::int64_t q_width() const { return head_count * head_dim; }
  std::int64_t kv_width() const { return kv_head_count * head_dim; }
};

}  // namespace hearth
