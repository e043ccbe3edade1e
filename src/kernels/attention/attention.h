// Attention over the paged cache, fused: scores, scale, mask, softmax and weighted sum in one pass (Milakov and
// Gimelshein 2018; Dao et al. 2022). Multi-head, grouped-query and multi-query.
//
// Order of the sums (law 2), for each token and head, on the CPU:
// - q . k in eight lanes (lane = element mod 8, elements ascending), the lanes added as ((0+4)+(2+6))+((1+5)+(3+7));
//   then times `scale`, then the cap.
// - Keys in blocks of kAttentionKeyBlock at absolute positions, kept in splits of kAttentionSplit positions. A split
//   starts from maximum m = -inf, l = 0, o = 0. A block, in ascending order: m' = max(m, its scores), c = exp(m - m'),
//   p_j = exp(score_j - m'), with p_j = 0 for a hidden key; l = l c + sum p_j, in eight lanes ((p_0..7 + p_8..15) +
//   (p_16..23 + p_24..31)) added as above; o = o c, and then p_j v_j added key by key.
// - Splits in ascending order: m' = max(m1, m2), l = l1 exp(m1 - m') + l2 exp(m2 - m'), o likewise.
// - At the end o / l.
// Hidden keys and values are never part of a sum, whatever they are, so a block or a split without a visible key leaves
// the bits unchanged and is skipped.
#pragma once

#include <cstdint>

#include "kernels/attention/mask.h"
#include "kernels/attention/paged_kv.h"

namespace hearth {

inline constexpr std::int64_t kAttentionKeyBlock = 32;
inline constexpr std::int64_t kAttentionSplit = 1024;

// out[t][h][:] = softmax_j(cap(scale * q[t][h] . k[j][g])) . v[j][g], g = h / (heads / kv_heads), over the visible keys
// j of the token's sequence; cap(s) = softcap * tanh(s / softcap) where softcap > 0. No visible key: zeros.
struct AttentionArgs {
  const float* q;  // [tokens, heads, head_dim], rows `q_stride` elements apart
  std::int64_t q_stride;
  std::int64_t head_count;
  StepView step;
  PagedKv cache;  // of one layer, with this step's keys and values written
  Mask mask;
  float scale;
  float softcap;  // 0: none
  float* out;     // [tokens, heads, head_dim], contiguous
};

}  // namespace hearth
