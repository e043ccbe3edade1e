// What a model is, as plain data: a list of layers, each of which says what it is, and what they have in common. GGUF
// metadata and config.json both become one of these (architectures/), and the forward pass is built from it alone.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "kernels/activation/activation.h"
#include "kernels/attention/mask.h"
#include "kernels/causal_conv/causal_conv.h"
#include "kernels/experts/experts.h"
#include "kernels/gate_cutoff/gate_cutoff.h"
#include "kernels/gated_delta/gated_delta.h"
#include "kernels/gated_rms_norm/gated_rms_norm.h"
#include "kernels/rope/position_scale.h"
#include "model/rope_frequencies.h"

namespace hearth {

enum class NormKind : std::uint8_t { kRms, kLayer };

struct NormSpec {
  NormKind kind = NormKind::kRms;
  float epsilon = 0;
  float weight_offset = 0;  // what is added to the file's weights: Gemma's checkpoints store them less one
  bool has_weights = true;  // false: neither weights nor biases
};

// A norm of queries and keys before they are rotated: of each head by itself, or of all heads as one row.
enum class QueryKeyNorm : std::uint8_t { kNone, kHead, kAllHeads };

// Latent attention: keys and values of all heads are made of one row of `rank` elements for each token, beside which
// the cache keeps a key of `rope_dim` elements that is rotated and that all heads share.
struct LatentSpec {
  std::int64_t q_rank = 0;  // of the queries; 0: they are made of the input itself
  std::int64_t rank = 0;
  std::int64_t rope_dim = 0;
  std::int64_t key_dim = 0;    // of a head's key before the rotated elements
  std::int64_t value_dim = 0;  // of a head's value
  float norm_epsilon = 0;      // of the norms of both ranks
  bool plain_queries = false;  // a file's scale of the queries' projection does not count
};

struct AttentionSpec {
  std::int64_t head_count = 0;
  std::int64_t kv_head_count = 0;
  std::int64_t head_dim = 0;
  Mask mask;
  int rope = -1;              // index into ModelSpec::ropes; -1: queries and keys are not rotated
  float scale = 0;            // of the scores
  float softcap = 0;          // of the scaled scores; 0: none
  PositionScale query_scale;  // of the queries, in the end
  QueryKeyNorm query_key_norm = QueryKeyNorm::kNone;
  NormKind query_key_norm_kind = NormKind::kRms;
  bool plain_query_key_norm = false;    // it has no weights
  bool query_key_norm_by_head = false;  // each head has weights of its own
  bool query_key_norm_rotated = false;  // the norm is of what has been rotated
  std::vector<float> slopes;            // ALiBi: what each head takes from a score for each position; empty: nothing
  // What scores have added by distance: for keys from half of them before a query to half of them after it, which row
  // of the file's table; beyond those the outermost. Empty: nothing.
  std::vector<std::int32_t> bias_rows;
  float qkv_limit = 0;           // what queries, keys and values are held within; 0: no limit
  bool limit_of_normed = false;  // and it is of queries and keys after their norm
  bool sinks = false;            // each head has a score without a key in its softmax's sum
  bool value_norm = false;       // each head of values is normalized, without weights
  bool values_of_keys = false;   // values are made by the keys' matrix
  // The layer whose keys and values heads see, of the same sizes; -1: those of this layer. Then it makes queries alone.
  int keys_of_layer = -1;
  // Then kv_head_count is 1 and head_dim that of the cache's rows, rank + rope_dim, with which heads compare queries.
  std::optional<LatentSpec> latent;
  bool gated = false;          // heads are multiplied by a sigmoid of further rows of the queries' matrix, head by head
  bool own_gate = false;       // and these rows are a matrix of their own
  bool gate_of_heads = false;  // which then has one for each head
  NormGate gate = NormGate::kSigmoid;
  bool norm_of_seen = false;  // what all heads see is normalized as one row
  // Not 0: of a head's values where they are shorter than its keys. In the cache they are as long, with zeros behind.
  std::int64_t value_dim = 0;
  // Multipliers of the input, of keys, of values and of the output.
  float input_factor = 1;
  float key_factor = 1;
  float value_factor = 1;
  float output_factor = 1;

  bool has_keys() const { return keys_of_layer < 0; }
  std::int64_t q_width() const { return head_count * head_dim; }
  std::int64_t kv_width() const { return has_keys() ? kv_head_count * head_dim : 0; }  // of what the layer makes
  std::int64_t gate_width() const { return gated ? (gate_of_heads ? head_count : q_width()) : 0; }
  std::int64_t seen_width() const { return head_count * (value_dim > 0 ? value_dim : head_dim); }  // of all heads
  std::int64_t out_width() const { return latent ? head_count * latent->rank : q_width(); }        // of what heads see
};

// LFM2's mixer: out(c * conv(b * x)), where b, c and x are projections of the input.
struct ShortConvSpec {
  std::int64_t width = 0;   // of the residual stream, and of each projection
  std::int64_t kernel = 0;  // tokens that a position sees, its own included

  std::int64_t state_floats() const { return causal_conv_state_floats(width, kernel); }
};

// Floats from the beginning of a mixer's state, where its convolution's stands, to that of its recurrence.
constexpr std::int64_t recurrence_offset(std::int64_t conv_floats) {
  return (conv_floats + 15) / 16 * 16;
}

// The gated delta rule over convolved queries, keys and values.
struct DeltaSpec {
  std::int64_t k_heads = 0;
  std::int64_t v_heads = 0;
  std::int64_t k_dim = 0;
  std::int64_t v_dim = 0;
  KeyHeadOrder key_heads = KeyHeadOrder::kGrouped;
  std::int64_t kernel = 0;     // of the convolution: tokens that a position sees, its own included
  bool channel_decay = false;  // Kimi delta attention
  NormGate gate = NormGate::kSilu;
  float scale = 0;               // of queries
  float length_epsilon = 1e-6f;  // of the lengths that queries and keys are divided by
  bool plain_products = false;   // a file's biases and scales of the projections do not count

  std::int64_t v_width() const { return v_heads * v_dim; }
  std::int64_t conv_width() const { return 2 * k_heads * k_dim + v_width(); }
  std::int64_t conv_floats() const { return causal_conv_state_floats(conv_width(), kernel); }
  std::int64_t state_floats() const {
    return recurrence_offset(conv_floats()) + gated_delta_state_size(v_heads, k_dim, v_dim);
  }
};

// What becomes of a state space's output and its gate z: y * silu(z), or with an RMS norm behind that or before it.
// kIfInFile: kGateFirst where the file has a norm, else kNone.
enum class MambaNorm : std::uint8_t { kNone, kGateFirst, kNormFirst, kIfInFile };

// Mamba 2, or where `dt_rank` is not 0 Mamba 1: B, C and a step of that rank are projections of the convolved input.
struct MambaSpec {
  std::int64_t heads = 0;
  std::int64_t head_dim = 1;
  std::int64_t groups = 1;
  std::int64_t state = 0;
  std::int64_t kernel = 0;
  std::int64_t dt_rank = 0;
  float step_norm_epsilon = 0;     // of an RMS norm of step, B and C (Falcon Mamba); 0: none
  bool step_norm_weights = false;  // each of the three has weights (Jamba)
  float delta_min = 0;
  float delta_max = std::numeric_limits<float>::infinity();
  MambaNorm norm = MambaNorm::kNone;
  std::int64_t norm_groups = 1;
  // Falcon-H1's multipliers: of the input, of the projections z, x, B, C and steps, and of the output.
  float input_factor = 1;
  std::array<float, 5> factors{1, 1, 1, 1, 1};
  float output_factor = 1;

  std::int64_t inner() const { return heads * head_dim; }
  std::int64_t conv_width() const { return inner() + (dt_rank > 0 ? 0 : 2 * groups * state); }
  std::int64_t conv_floats() const { return causal_conv_state_floats(conv_width(), kernel); }
  std::int64_t state_floats() const { return recurrence_offset(conv_floats()) + inner() * state; }
};

// Lightning attention: a head's keys fade by e^rate from one token to the next, and what it sees of them is normalized
// with the other heads' as one row, and gated.
struct LightningSpec {
  std::int64_t heads = 0;
  std::int64_t head_dim = 0;
  std::vector<float> rates;                   // of each head, below 0
  Activation activation = Activation::kSilu;  // of queries, keys and values
  float norm_epsilon = 0;
  float output_factor = 1;

  std::int64_t inner() const { return heads * head_dim; }
  std::int64_t state_floats() const { return inner() * head_dim; }
};

// What a layer lacks that is a mixer or a feed-forward part alone.
struct NoPart {};

// down(act(gate) * up) where it is gated, else down(act(up)).
struct MlpSpec {
  std::int64_t width = 0;
  Activation activation = Activation::kSilu;
  bool gated = true;
  float gate_factor = 1;  // of gate before the activation
  float down_factor = 1;
  XieluParameters xielu = {};
  std::optional<GateCutoff> cutoff = std::nullopt;  // of gate, before the activation
  bool norm_of_hidden = false;                      // what down reads is normalized
};

// The weighted sum of what a few of many experts say, each an MLP of its own; and of one that all tokens ask, where
// `shared_width` is not 0.
struct ExpertsSpec {
  std::int64_t width = 0;  // of an expert
  Activation activation = Activation::kSilu;
  Gating gating;
  Routing routing;
  std::int64_t shared_width = 0;
  bool gated = true;         // else down(act(up))
  bool shared_gate = false;  // what the shared one says is multiplied by a sigmoid of the input
  bool router_norm = false;  // the router reads a norm of the residual stream of its own
  // Not 0: experts read and say rows of so many elements, to and from which matrices lead (LatentMoE, Nemotron 3).
  std::int64_t row_width = 0;
  float shared_factor = 1;  // of what the shared one says

  MlpSpec shared() const {
    return {.width = shared_width, .activation = activation, .gated = gated, .down_factor = shared_factor};
  }
};

// x += scale * after(mixer(before(x))), then the same with the feed-forward part. Where `parallel`, both read x as it
// was before the layer.
struct LayerSpec {
  std::variant<AttentionSpec, ShortConvSpec, DeltaSpec, MambaSpec, LightningSpec, NoPart> mixer;
  std::optional<MambaSpec> beside;  // the mixer, reading and adding to what it does (Falcon-H1)
  std::variant<MlpSpec, ExpertsSpec, NoPart> feed_forward;
  bool norm_before = true;  // of what each part reads
  bool norm_after = false;  // of what each part adds
  bool parallel = false;
  bool norm_of_sum = false;       // each part's norm is of x plus what it adds, and becomes x; no other norms
  bool adds_to_norm = false;      // what a part reads, the norm of x, becomes x before the part is added
  bool norm_before_mixer = true;  // false: the mixer alone reads x itself, in spite of norm_before
  float residual_scale = 1;
  float mixer_sum_factor = 1;  // of x once the mixer's part is added to it
  float sum_factor = 1;        // of x at the layer's end
  // Beside the experts: each of the two reads a norm of its own and is normalized before they are added (Gemma 4).
  std::optional<MlpSpec> dense_beside;
  bool output_scale = false;     // x is multiplied by a number of the file at the layer's end
  std::int64_t laurel_rank = 0;  // not 0: a low-rank way around the mixer (LAuReL, Gemma 3n)

  bool has_attention() const { return std::holds_alternative<AttentionSpec>(mixer); }
  // Of the state that the mixer keeps for each sequence; 0: none.
  std::int64_t state_floats() const {
    if (beside) return beside->state_floats();
    return std::visit(
        []<class Mixer>(const Mixer& m) -> std::int64_t {
          if constexpr (requires { m.state_floats(); }) return m.state_floats();
          return 0;
        },
        mixer);
  }
  bool has_mixer() const { return !std::holds_alternative<NoPart>(mixer); }
  bool has_feed_forward() const { return !std::holds_alternative<NoPart>(feed_forward); }
  const AttentionSpec& attention() const { return std::get<AttentionSpec>(mixer); }
  AttentionSpec& attention() { return std::get<AttentionSpec>(mixer); }
  bool has_experts() const { return std::holds_alternative<ExpertsSpec>(feed_forward); }
  ExpertsSpec& experts() { return std::get<ExpertsSpec>(feed_forward); }
  const ExpertsSpec& experts() const { return std::get<ExpertsSpec>(feed_forward); }
  const MlpSpec& mlp() const { return std::get<MlpSpec>(feed_forward); }
  MlpSpec& mlp() { return std::get<MlpSpec>(feed_forward); }
};

// Alternating updates (AltUp, Baykal et al. 2023): the residual stream is `streams` wide. A layer predicts all of them,
// computes one, and corrects the others by what it changed there.
struct AltUpSpec {
  std::int64_t streams = 0;
  std::int64_t active = 0;          // the one that layers compute
  float magnitude_min = 0;          // the least mean square that streams made of another are divided by
  float correction_max = INFINITY;  // of the coefficients of corrections, either way
  bool scaled = true;               // what layer inputs are chosen by is the corrected stream times a vector
};

struct ModelSpec {
  std::string architecture;  // as the file says: "llama", "gpt2", …

  std::int64_t vocabulary = 0;
  std::int64_t width = 0;  // of the residual stream
  // Of tokens' embeddings and of what the output matrix reads, where not of the residual stream: matrices lead from the
  // one to the other, and back. 0: the same.
  std::int64_t embedding_width = 0;
  bool projects_normed = false;  // what is added to tokens' embeddings is as wide as these, and so is their norm
  std::int64_t context_max = 0;  // positions that the model was made for

  NormSpec norm;
  // Where those of embeddings, behind parts, or before the output are others.
  std::optional<NormSpec> own_embedding_norm, own_norm_after, own_output_norm;
  std::vector<RopeSpec> ropes;
  std::vector<LayerSpec> layers;

  bool learned_positions = false;
  std::int64_t position_offset = 0;  // rows of their table before that of position 0
  bool token_types = false;          // a row of a table is added to every token: the second in a pair's second text
  bool embedding_norm = false;       // of the sum of these
  // Not 0: every layer has an input of its own, of so many elements, made of the token and its embedding, which is
  // added to x at the layer's end as x itself chooses (per-layer embeddings, Gemma 3n).
  std::int64_t layer_input_width = 0;
  Activation layer_input_activation = Activation::kGeluTanh;  // of what x chooses by
  std::optional<AltUpSpec> alt_up;
  bool output_norm = true;
  bool has_logits = true;  // false: the states after the last layer and norm are all there is
  float embedding_scale = 1;
  float logit_scale = 1;
  float logit_softcap = 0;  // 0: none

  // How the file stores weights, where it differs from rows [out, in] in the order q, k, v.
  bool transposed_linears = false;     // matrices inside layers are [in, out] (GPT-2's Conv1D)
  bool ff_scales = false;              // GGUF: the feed-forward matrices' ".scale" counts
  bool interleaved_qkv_heads = false;  // fused rows are for each key/value head those of its queries, of k and of v
  // > 0: fused rows stand in so many shards one after another, each with its heads' queries, values and keys (CodeGen).
  std::int64_t qvk_shards = 0;
  bool transposed_experts = false;   // stacked matrices of experts are [experts, in, out]
  bool interleaved_gate_up = false;  // experts' rows of gate and up alternate where they are in one tensor

  bool has_states() const {
    return std::any_of(layers.begin(), layers.end(), [](const LayerSpec& l) { return l.state_floats() > 0; });
  }
  // A sequence's tokens see later ones: it is computed whole, in one step.
  bool looks_ahead() const {
    return std::ranges::any_of(layers, [](const LayerSpec& layer) {
      const auto* attention = std::get_if<AttentionSpec>(&layer.mixer);
      return attention != nullptr && hearth::looks_ahead(attention->mask);
    });
  }
  std::int64_t layer_count() const { return static_cast<std::int64_t>(layers.size()); }
  bool projects_embeddings() const { return embedding_width > 0 && embedding_width != width; }
  std::int64_t token_width() const { return projects_embeddings() ? embedding_width : width; }
  // Of positions, types and the norm of the sum.
  std::int64_t sum_width() const { return projects_normed ? token_width() : width; }
};

}  // namespace hearth
