// The angles per position of rotary embeddings, with the scalings that stretch a model's context.
//
// Sources: Su et al. 2021 (rope); linear interpolation, Chen et al. 2023; dynamic NTK; YaRN, Peng et al. 2023;
// LongRoPE, Ding et al. 2024; Llama 3.1's published scaling. Parameters are named as in Hugging Face's
// `rope_parameters`.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "kernels/rope/rope.h"

namespace hearth {

enum class RopeScalingKind : std::uint8_t { kNone, kLinear, kDynamicNtk, kYarn, kLlama3, kLongRope };

struct RopeScaling {
  RopeScalingKind kind = RopeScalingKind::kNone;
  double factor = 1;
  std::int64_t original_context = 0;                           // positions before stretching
  std::optional<double> attention_factor;                      // YaRN, LongRoPE; unset: derived
  double beta_fast = 32, beta_slow = 1;                        // YaRN
  bool truncate = true;                                        // YaRN: whole dimensions at the ends of the ramp
  double mscale = 0, mscale_all_dim = 0;                       // YaRN; 0: unset
  double low_frequency_factor = 1, high_frequency_factor = 4;  // Llama 3
  std::vector<double> short_factors, long_factors;             // LongRoPE
  std::optional<double> short_scale, long_scale;               // LongRoPE: before attention_factor, where they are
};

struct RopeSpec {
  RopePairs pairs = RopePairs::kHalfSplit;
  std::int64_t rotary_dim = 0;  // the first elements of a head that are rotated; even
  double base = 10000;
  RopeScaling scaling;
  std::vector<double> frequency_divisors;  // [rotary_dim / 2]: GGUF's `rope_freqs.weight`; empty: ones
};

struct RopeFrequencies {
  std::vector<double> inverse;  // [rotary_dim / 2], radians per position
  double scale = 1;             // of cosine and sine
};

// YaRN's factor of cosines and sines for a stretch by `factor` (its equation 22), whose logarithm counts `multiplier`
// times; 1 for no stretching.
double yarn_scale(double factor, double multiplier);

// `context` is the size asked for at load: what depends on a length (dynamic NTK, LongRoPE) is chosen here, once, so
// that a prompt's bits do not depend on how far it has been read (law 2).
RopeFrequencies rope_frequencies(const RopeSpec& rope, std::int64_t context);

// table[p][i] = (scale * cos, scale * sin)((first_position + p) * inverse[i]) for `count` positions, in double
// precision and then rounded. A host's work, on every device: not all GPUs have accurate sines.
void fill_rope_table(const RopeFrequencies& frequencies, std::int64_t first_position, std::int64_t count,
                     float* table);  // [count, pairs, 2]

}  // namespace hearth
