// Matrix product of activations with a weight matrix, for every weight format and three compute modes.
//
// The order of every sum depends on the weight's shape alone, never on the number of tokens (law 2):
// - f32 and bf16: k is walked in segments of kMatmulSegment, each summed from zero in eight lanes (lane = k mod 8, k
//   ascending) that are then added as ((0+4)+(2+6))+((1+5)+(3+7)); the segments' sums are added in order.
// - int8: within a block of 32 the integer sum is exact; blocks are added in ascending order in a fixed pattern of
//   lanes for each format.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/quantize/quantize.h"
#include "tensor/tensor.h"

namespace hearth {

// How a weight matrix is multiplied. f32: float32 weights and activations. bf16: both rounded to bf16 (weights by their
// format's bf16 decoding), float32 sums. int8: weights as they are, activations in int8 blocks.
enum class Compute : std::uint8_t { kF32, kBf16, kInt8 };
constexpr std::string_view to_string(Compute compute) {
  return compute == Compute::kF32 ? "f32" : compute == Compute::kBf16 ? "bf16" : "int8";
}

inline constexpr std::int64_t kMatmulSegment = 1024;

// y[t][n] = scale * sum_k x[t][k] * w[n][k] + bias[n]
struct MatmulArgs {
  const void* x;                   // [tokens, k]; f32: float32, bf16: what round_bf16 makes (quantize.h)
  QuantizedActivations quantized;  // int8
  std::int64_t token_count;
  std::int64_t k;
  std::int64_t n;
  const std::byte* weights;  // [n, k] in the weight's format, or what the kernel's `pack` made of it
  Format format;
  const float* bias;  // [n], or null
  float scale;        // of the whole matrix; 1 where the file has none
  float* y;           // [tokens, n], rows `y_stride` elements apart
  std::int64_t y_stride;
  // Memory that nobody else uses meanwhile. With matmul_workspace_bytes() a GPU shares k out among its multiprocessors
  // where rows are few; with less it may take longer, with the same bits.
  void* workspace = nullptr;
  std::int64_t workspace_bytes = 0;
};

// A float32 for each segment of each output.
constexpr std::int64_t matmul_workspace_bytes(std::int64_t token_count, std::int64_t n, std::int64_t k) {
  const std::int64_t segments = (k + kMatmulSegment - 1) / kMatmulSegment;
  return segments > 1 ? segments * token_count * n * std::int64_t{sizeof(float)} : 0;
}

// What to keep for a matrix that meets up to `token_count` tokens: more of them, and more rows, fill a GPU by
// themselves.
constexpr std::int64_t matmul_workspace_reserve(std::int64_t token_count, std::int64_t n, std::int64_t k) {
  constexpr std::int64_t kTokens = 384, kBytes = 64 << 20;
  const std::int64_t bytes = matmul_workspace_bytes(token_count < kTokens ? token_count : kTokens, n, k);
  return bytes < kBytes ? bytes : kBytes;
}

}  // namespace hearth
