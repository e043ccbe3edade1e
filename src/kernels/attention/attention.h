// Attention over the paged cache, fused: scores, scale, mask, softmax and weighted sum in one pass (Milakov and
// Gimelshein 2018; Dao et al. 2022). Multi-head, grouped-query and multi-query.
//
// Order of the sums (law 2), for each token and head, on the CPU:
// - q . k in eight lanes (lane = element mod 8, elements ascending), the lanes added as ((0+4)+(2+6))+((1+5)+(3+7));
//   then times `scale`, then the cap, or from it the slope times the distance is taken, or the bias added.
// - Keys in blocks of kAttentionKeyBlock at absolute positions, kept in splits of kAttentionSplit positions. A split
//   starts from maximum m = -inf, l = 0, o = 0. A block, in ascending order: m' = max(m, its scores), c = exp(m - m'),
//   p_j = exp(score_j - m'), with p_j = 0 for a hidden key; l = l c + sum p_j, in eight lanes ((p_0..7 + p_8..15) +
//   (p_16..23 + p_24..31)) added as above; o = o c, and then p_j v_j added key by key.
// - Splits in ascending order: m' = max(m1, m2), l = l1 exp(m1 - m') + l2 exp(m2 - m'), o likewise.
// - At the end o / l.
// With sinks, l = l + exp(sink - m) comes before that, where l is not 0.
// Hidden keys and values are never part of a sum, whatever they are, so a block or a split without a visible key leaves
// the bits unchanged and is skipped.
//
// On a GPU, with a bf16 cache:
// - q is rounded to bf16; q . k by the matrix unit, 16 elements at a time, ascending; the cap if there is one, or
//   fma(-(slope / scale), distance, q . k).
// - Keys in blocks of kAttentionKeyBlockGpu at absolute positions, each for itself: its maximum m, p_j = 2^((score_j -
//   m) log2 e) rounded to bf16, 0 for a hidden key, and l = sum p_j, o = sum p_j v_j by the matrix unit, 16 keys at a
//   time, in float32 from zero.
// - Blocks in ascending order: M' = max(M, m), a = exp(M - M'), b = exp(m - M'), L = fma(L, a, l b), and O = fma(O, a,
//   o b).
// - At the end O * (1 / L), and NaN if that is not finite; with sinks, L = L + 2^(fma(M, -scale, sink log2 e)) before
//   that, where L is not 0.
// With a float32 cache, and with either of heads wider than kAttentionTileDimMax (with slopes: kAttentionSlopeDimMax;
// of any with biases), the same in float32: the order of the sums inside a block is that of attention_f32_gpu.cu. How
// many rows or key blocks one block of threads takes is free, and so is which of the kernels of attention_gpu.h
// computes a row.
#pragma once

#include <cstdint>

#include "formats/format.h"
#include "kernels/attention/distance_biases.h"
#include "kernels/attention/mask.h"
#include "kernels/attention/paged_kv.h"

namespace hearth {

inline constexpr std::int64_t kAttentionKeyBlock = 32;
inline constexpr std::int64_t kAttentionSplit = 1024;
inline constexpr std::int64_t kAttentionKeyBlockGpu = 64;
inline constexpr std::int64_t kAttentionTileDimMax = 256;   // of heads that a GPU's matrix units take
inline constexpr std::int64_t kAttentionSlopeDimMax = 128;  // of such heads with slopes

// With a latent cache (PagedKv::latent_dim) values are the beginnings of the keys, head_dim is that of keys and
// queries, and the output's rows are as long as values; on a GPU sums are those of a float32 cache, whatever the
// format. out[t][h][:] = softmax_j(cap(scale * q[t][h] . k[j][g])) . v[j][g], g = h / (heads / kv_heads), over the
// visible keys j of the token's sequence; cap(s) = softcap * tanh(s / softcap) where softcap > 0. No visible key:
// zeros. With slopes (ALiBi: Press et al. 2022) slopes[h] * |j - position of t| is taken from the scaled score, and
// with biases that of j - position of t is added; no two of softcap, slopes and biases go together.
struct AttentionArgs {
  const float* q;  // [tokens, heads, head_dim], rows `q_stride` elements apart
  std::int64_t q_stride;
  std::int64_t head_count;
  StepView step;
  PagedKv cache;  // of one layer, with this step's keys and values written
  Mask mask;
  float scale;
  float softcap;                     // 0: none
  void* out;                         // [tokens, heads, value_dim], contiguous
  Format out_format = Format::kF32;  // on a GPU also kBf16
  // A GPU's, aligned to 16 bytes, or none or less than is asked for; then steps are slower, and their results the same:
  // of attention_workspace_bytes() for the parts of sequences that one token of the step reads, of
  // attention_prompt_workspace_bytes() for the blocks of keys that many tokens of a sequence read.
  void* workspace = nullptr;
  std::int64_t workspace_bytes = 0;
  // [heads], or null: of each head a score without a key, which counts in the softmax's sum alone (gpt-oss).
  const float* sinks = nullptr;
  const float* slopes = nullptr;  // [heads], or null: none
  DistanceBiases biases = {};
};

// What a GPU's attention needs of workspace for steps of up to `sequences` sequences with up to `keys` keys. The parts
// of a block of 64 keys are a float32 row for each of its heads: beside the cache itself, little.
constexpr std::int64_t attention_workspace_bytes(std::int64_t sequences, std::int64_t keys, std::int64_t head_count,
                                                 std::int64_t head_dim) {
  const std::int64_t blocks = (keys + kAttentionKeyBlockGpu - 1) / kAttentionKeyBlockGpu;
  return sequences * head_count * blocks * (head_dim + 2) * 4;
}

// What the Hopper kernels need for steps with many tokens of up to `sequences` sequences: keys and values once more.
constexpr std::int64_t attention_prompt_workspace_bytes(std::int64_t sequences, std::int64_t keys,
                                                        std::int64_t kv_heads, std::int64_t head_dim) {
  const std::int64_t blocks = (keys + kAttentionKeyBlockGpu - 1) / kAttentionKeyBlockGpu;
  return sequences * kv_heads * blocks * kAttentionKeyBlockGpu * head_dim * 4;
}

}  // namespace hearth
