// Activations as a matmul of a lower compute mode takes them: rounded to bf16, or int8 with a scale per block.
#pragma once

#include <cstdint>

namespace hearth {

// out[i] = x[i] rounded to the nearest bf16 (ties to even), in the form in which the device's matmul_bf16 reads
// activations: on the CPU kept as float32, on a GPU bf16 bits.
struct RoundBf16Args {
  const float* x;  // [elements]
  std::int64_t element_count;
  void* out;  // [elements]; on the CPU it may be x
};

// Elements that share a scale, and elements that share a sum.
inline constexpr std::int64_t kActivationBlock = 32;
inline constexpr std::int64_t kActivationGroup = 16;

// Activations in int8: x[t][k] is about scale[t][k / 32] * q[t][k], q in [-127, 127].
struct QuantizedActivations {
  std::int8_t* q = nullptr;     // [tokens, k]
  float* scale = nullptr;       // [tokens, k / 32]: the block's largest magnitude / 127
  std::int32_t* sum = nullptr;  // [tokens, k / 32]: sum of the block's q
  float* group_sum = nullptr;   // [tokens, k / 16]: scale times the sum of the group's q
};

// Each block on its own: q = x * (127 / largest magnitude), rounded to the nearest integer, ties to even. A block whose
// magnitudes are all below 2^-120 is zeros with scale 0; one with a NaN or an infinity is zeros with a NaN scale (and
// NaN group sums).
struct QuantizeInt8Args {
  const float* x;  // [tokens, k], k a multiple of 32
  std::int64_t token_count;
  std::int64_t k;
  QuantizedActivations out;
};

}  // namespace hearth
