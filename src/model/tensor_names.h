// What each weight of a model is called: one table for GGUF's spelling and those of Hugging Face checkpoints.
#pragma once

#include <cstdint>
#include <string>

namespace hearth {

enum class Weight : std::uint8_t {
  kTokenEmbedding,
  kPositionEmbedding,
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
  kAttentionOutput,
  kFfNorm,
  kFfGate,
  kFfUp,
  kFfDown,
};

enum class NameScheme : std::uint8_t {
  kGguf,
  kLlama,  // "model.layers.0.self_attn.q_proj": Llama and most later checkpoints
  kGpt2,   // "transformer.h.0.attn.c_attn"
};

// The weight's name up to ".weight" or ".bias"; empty where the scheme has no such weight.
std::string tensor_name(NameScheme scheme, Weight weight, std::int64_t layer = 0);

}  // namespace hearth
