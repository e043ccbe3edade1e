// What a model is, as plain data: a list of layers, each of which says what it is, and what they have in common. GGUF
// metadata and config.json both become one of these (architectures/), and the forward pass is built from it alone.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "kernels/activation/activation.h"
#include "kernels/attention/mask.h"
#include "kernels/causal_conv/causal_conv.h"
#include "kernels/experts/experts.h"
#include "model/rope_frequencies.h"

namespace hearth {

enum class NormKind : std::uint8_t { kRms, kLayer };

struct NormSpec {
  NormKind kind = NormKind::kRms;
  float epsilon = 0;
  float weight_offset = 0;  // what is added to the file's weights: Gemma's checkpoints store them less one
};

// An RMS norm of queries and keys before they are rotated: of each head by itself, or of all heads as one row.
enum class QueryKeyNorm : std::uint8_t { kNone, kHead, kAllHeads };

struct AttentionSpec {
  std::int64_t head_count = 0;
  std::int64_t kv_head_count = 0;
  std::int64_t head_dim = 0;
  Mask mask;
  int rope = -1;      // index into ModelSpec::ropes; -1: queries and keys are not rotated
  float scale = 0;    // of the scores
  float softcap = 0;  // of the scaled scores; 0: none
  QueryKeyNorm query_key_norm = QueryKeyNorm::kNone;

  std::int64_t q_width() const { return head_count * head_dim; }
  std::int64_t kv_width() const { return kv_head_count * head_dim; }
};

// LFM2's mixer: out(c * conv(b * x)), where b, c and x are projections of the input.
struct ShortConvSpec {
  std::int64_t width = 0;   // of the residual stream, and of each projection
  std::int64_t kernel = 0;  // tokens that a position sees, its own included

  std::int64_t state_floats() const { return causal_conv_state_floats(width, kernel); }
};

// down(act(gate) * up) where it is gated, else down(act(up)).
struct MlpSpec {
  std::int64_t width = 0;
  Activation activation = Activation::kSilu;
  bool gated = true;
};

// The weighted sum of what a few of many experts say, each an MLP of its own; and of one that all tokens ask, where
// `shared_width` is not 0.
struct ExpertsSpec {
  std::int64_t width = 0;  // of an expert
  Activation activation = Activation::kSilu;
  Routing routing;
  std::int64_t shared_width = 0;
  bool shared_gate = false;  // what the shared one says is multiplied by a sigmoid of the input

  MlpSpec shared() const { return {shared_width, activation, true}; }
};

// x += scale * after(mixer(before(x))), then the same with the feed-forward part. Where `parallel`, both read x as it
// was before the layer.
struct LayerSpec {
  std::variant<AttentionSpec, ShortConvSpec> mixer;
  std::variant<MlpSpec, ExpertsSpec> feed_forward;
  bool norm_before = true;  // of what each part reads
  bool norm_after = false;  // of what each part adds
  bool parallel = false;
  float residual_scale = 1;

  bool has_attention() const { return std::holds_alternative<AttentionSpec>(mixer); }
  // Of the state that the mixer keeps for each sequence; 0: none.
  std::int64_t state_floats() const {
    return std::visit(
        []<class Mixer>(const Mixer& m) -> std::int64_t {
          if constexpr (requires { m.state_floats(); }) return m.state_floats();
          return 0;
        },
        mixer);
  }
  const AttentionSpec& attention() const { return std::get<AttentionSpec>(mixer); }
  AttentionSpec& attention() { return std::get<AttentionSpec>(mixer); }
  bool has_experts() const { return std::holds_alternative<ExpertsSpec>(feed_forward); }
  const ExpertsSpec& experts() const { return std::get<ExpertsSpec>(feed_forward); }
  const MlpSpec& mlp() const { return std::get<MlpSpec>(feed_forward); }
  MlpSpec& mlp() { return std::get<MlpSpec>(feed_forward); }
};

struct ModelSpec {
  std::string architecture;  // as the file says: "llama", "gpt2", …

  std::int64_t vocabulary = 0;
  std::int64_t width = 0;        // of the residual stream
  std::int64_t context_max = 0;  // positions that the model was made for

  NormSpec norm;
  std::vector<RopeSpec> ropes;
  std::vector<LayerSpec> layers;

  bool learned_positions = false;
  float embedding_scale = 1;
  float logit_scale = 1;
  float logit_softcap = 0;  // 0: none

  // How the file stores weights, where it differs from rows [out, in] in the order q, k, v.
  bool transposed_linears = false;     // matrices inside layers are [in, out] (GPT-2's Conv1D)
  bool ff_scales = false;              // GGUF: the feed-forward matrices' ".scale" counts
  bool interleaved_qkv_heads = false;  // fused rows are head by head q, k, v (GPT-BigCode with multi-head attention)

  bool has_states() const {
    return std::any_of(layers.begin(), layers.end(), [](const LayerSpec& l) { return l.state_floats() > 0; });
  }
  std::int64_t layer_count() const { return static_cast<std::int64_t>(layers.size()); }
};

}  // namespace hearth
