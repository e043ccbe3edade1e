// What each weight of a model is called: one table for GGUF's spelling and those of Hugging Face checkpoints, and what
// a family calls otherwise.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weights/weight_entry.h"

namespace hearth {

enum class Weight : std::uint8_t {
  kTokenEmbedding,
  kPositionEmbedding,
  kTokenTypeEmbedding,
  kEmbeddingNorm,
  kEmbeddingProjection,  // from the width of tokens' embeddings to that of the residual stream, and back
  kOutputProjection,
  kDistanceBiases,  // the whole name of the tensor: what attention adds to scores
  kOutputNorm,
  kOutput,
  // Of one layer:
  kAttentionNorm,
  kQuery,
  kKey,
  kValue,
  kQueryKeyValue,
  kQueryNorm,
  kKeyNorm,
  kAttentionSinks,  // the whole name of the tensor
  kAttentionGate,   // where it is not a part of the queries' matrix
  // Of latent attention; "up" is from a rank to the heads.
  kLatentQuery,
  kLatentQueryNorm,
  kLatentQueryUp,
  kLatentKeyValue,  // and the key that is rotated
  kLatentKeyValueNorm,
  kLatentKeyValueUp,   // keys and values in one, head by head
  kLatentKeyUp,        // [heads, rank, key_dim]
  kLatentValueUp,      // [heads, value_dim, rank]
  kAttentionSeenNorm,  // of what heads see
  kAttentionOutput,
  kAttentionPostNorm,
  kFfNorm,
  kFfGate,
  kFfUp,
  kFfGateUp,      // both in one, gate first
  kFfHiddenNorm,  // of what kFfDown reads
  kFfDown,
  kFfPostNorm,
  kLayerScale,  // the whole name of the tensor
  // Of a layer's experts; matrices are stacked, or one for each expert:
  kRouter,
  kRouterBias,   // the whole name of the tensor, as of the next two
  kRouterNorm,   // of the router's own input
  kExpertScale,  // of what experts say; where it is not the scale of a matrix
  kExpertGate,
  kExpertUp,
  kExpertGateUp,  // both in one, gate first
  kExpertDown,
  kExpertsInput,  // to the rows that experts read, and back
  kExpertsOutput,
  kSharedGate,
  kSharedUp,
  kSharedGateUp,  // both in one, gate first
  kSharedDown,
  kSharedRouter,
  // Of a dense part beside experts, and of those: norms of their own.
  kDensePostNorm,
  kExpertsNorm,
  kExpertsPostNorm,
  // Of a short convolution:
  kConvIn,
  kConv,
  kConvOut,
  // Of a recurrence:
  kRecurrenceInput,
  kRecurrenceConv,
  kRecurrenceOutput,
  kRecurrenceNorm,
  kRecurrenceRate,      // the whole name of the tensor, as of the next two
  kRecurrenceStepBias,  // of Mamba's steps and the delta rule's decays
  kRecurrenceSkip,
  kScanInputs,  // Mamba 1's step, B and C
  kScanStep,
  kScanStepNorm,
  kScanInputNorm,   // of B
  kScanOutputNorm,  // of C
  kDeltaQueryKeyValue,
  kDeltaGate,
  kDeltaGate2,  // where the gate is a product of two matrices
  kDeltaMixed,  // queries, keys, values and gate, key head by key head
  kDeltaBeta,
  kDeltaDecay,
  kDeltaDecay2,
  kDeltaMixedBetaDecay,  // both, key head by key head
  kDeltaConvQuery,
  kDeltaConvKey,
  kDeltaConvValue,
  // Of layers' inputs: the first three of all layers.
  kLayerInputEmbedding,
  kLayerInputProjection,
  kLayerInputNorm,
  kLayerInputGate,
  kLayerInputOutput,
  kLayerInputPostNorm,
  // Of alternating updates: the first two of the streams, which take a layer's place in the name.
  kAltUpProjection,
  kAltUpMerge,
  kAltUpRouter,
  kAltUpRouterNorm,
  kAltUpPredict,
  kAltUpCorrect,
  kAltUpScale,  // the whole name of the tensor
  kLaurelLeft,
  kLaurelRight,
  kLaurelNorm,
};

enum class NameScheme : std::uint8_t {
  kGguf,
  kLlama,  // "model.layers.0.self_attn.q_proj": Llama and most later checkpoints
  kGpt2,   // "transformer.h.0.attn.c_attn"
};

// A name that a family's files have in place of the scheme's; The first "{}" is the layer, a second one
// the expert. Empty: there is no such weight. Several names, which files of different kinds have, stand with '|'
// between them: the first that is there counts (and the layer is "{0}").
struct OwnName {
  NameScheme scheme;
  Weight weight;
  std::string_view pattern;
};

class TensorNames {
 public:
  // `own` outlives the object.
  TensorNames(NameScheme scheme, std::span<const OwnName> own) : scheme_(scheme), own_(own) {}

  NameScheme scheme() const { return scheme_; }
  // The weight's name up to ".weight" or ".bias", or several with '|' between them; empty where the file has no such
  // weight.
  std::string of(Weight weight, std::int64_t layer = 0, std::int64_t expert = 0) const;

  // Every name, with "{}" in the place of a layer's or an expert's number.
  std::vector<std::string> patterns() const;

  // Checkpoints keep a model within a larger one, or without its head: then every name has another beginning, which is
  // found by where the token embedding stands. Not of GGUF files.
  void place_within(std::span<const WeightEntry> tensors);

 private:
  std::string_view pattern_of(Weight weight) const;
  std::string placed(std::string name) const;

  NameScheme scheme_;
  std::span<const OwnName> own_;
  std::string from_, to_;  // the beginning that names have, and what the file has in its place
};

}  // namespace hearth
