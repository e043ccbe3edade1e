// Attention over a float32 cache, or of either format a latent one or one of wide heads, without the matrix unit: a
// block of threads takes one head of a token, or of the latter a few that share keys, and walks their keys in blocks of
// 64. Made to be right, and simple.
//
// Order of the sums, for each head: q . k in eight lanes, lane i the elements 32 j + 4 i … + 3 ascending by fma, the
// lanes added by a tree (4, 2, 1); the sum of a block's weights by a tree: those 32 apart, then 16, 8, 4, 2, 1;
// weighted values by fma, keys ascending. Hidden keys are left out.
#include "kernels/attention/attention_tile_gpu.h"
#include "kernels/gpu/gpu_math.h"

namespace hearth::gpu {
namespace {

inline constexpr int kThreads = kAttentionF32Threads;
inline constexpr int kLanes = 8;  // of a key
inline constexpr int kKeysAtATime = kThreads / kLanes;
inline constexpr float kHidden = -1;  // in the place of a weight

template <int kHeads>
struct F32Shared {
  float scores[kHeads][kBlockKeys];
  alignas(16) float weights[kBlockKeys][kHeads];
  float block_max[kHeads], block_sum[kHeads];
  Octet octets[kOctets];
};

struct alignas(16) Floats4 {
  float value[4];
};

HEARTH_DEVICE Floats4 load_4(const float* from) {
  return *reinterpret_cast<const Floats4*>(from);
}
HEARTH_DEVICE Floats4 load_4(const std::uint16_t* from) {
  const Bytes8 halves = *reinterpret_cast<const Bytes8*>(from);
  return {{float_from_bits(halves.word[0] << 16), float_from_bits(halves.word[0] & 0xffff0000u),
           float_from_bits(halves.word[1] << 16), float_from_bits(halves.word[1] & 0xffff0000u)}};
}
HEARTH_DEVICE float load_1(const float* from) {
  return *from;
}
HEARTH_DEVICE float load_1(const std::uint16_t* from) {
  return bf16_to_float(*from);
}

// Beyond the last head there is none, and the last one is read again.
HEARTH_DEVICE const float* query_of(const AttentionParams& p, int token, int head) {
  const int last = p.head_count - 1;
  return p.q + token * p.q_stride + static_cast<std::int64_t>(head < last ? head : last) * p.head_dim;
}

// A score with what its key's distance takes from it or adds.
HEARTH_DEVICE float with_distance(const AttentionParams& p, int token, int head, int key, float dot) {
  const int offset = key - p.step.positions[token], reach = opaque(p.bias_reach);
  const float distance = magnitude(static_cast<float>(offset));
  if (reach == 0) return fma_exact(-(p.slopes[head] * p.slope_scale), distance, dot);
  const int within = offset < -reach ? -reach : offset > reach ? reach : offset;
  return fma_exact(p.slopes[head * (2 * reach + 1) + reach + within], p.slope_scale, dot);
}

// The scores of the keys of the block from `first_key` on; minus infinity for a hidden one.
template <class Element, int kHeads>
HEARTH_DEVICE void score_keys(const AttentionParams& p, F32Shared<kHeads>& shared, int token, int first_head,
                              int first_key, std::uint64_t seen) {
  const auto* keys = reinterpret_cast<const Element*>(p.k);
  const int lane = thread_index() % kLanes;
  const float* q[kHeads];
  HEARTH_UNROLL
  for (int h = 0; h < kHeads; ++h) q[h] = query_of(p, token, opaque(first_head) + h);  // there are few scalar registers
  for (int key = thread_index() / kLanes; key < kBlockKeys; key += kKeysAtATime) {
    const bool is_seen = (seen >> key & 1) != 0;
    float dot[kHeads] = {};
    if (is_seen) {
      const Element* row = keys + shared.octets[key / 8].key + key % 8 * p.head_dim;
      for (int dim = 4 * lane; dim < p.head_dim; dim += 4 * kLanes) {
        const Floats4 b = load_4(row + dim);
        HEARTH_UNROLL
        for (int h = 0; h < kHeads; ++h) {
          const Floats4 a = load_4(q[h] + dim);
          HEARTH_UNROLL
          for (int i = 0; i < 4; ++i) dot[h] = fma_exact(a.value[i], b.value[i], dot[h]);
        }
      }
    }
    HEARTH_UNROLL
    for (int h = 0; h < kHeads; ++h) {
      HEARTH_UNROLL
      for (int mask = kLanes / 2; mask > 0; mask /= 2) dot[h] += shuffle_xor(dot[h], mask);
      if (kHeads == 1 && p.softcap > 0) dot[h] = p.softcap * tanh_accurate(dot[h] * p.cap_scale);
      if (kHeads == 1 && p.slopes != nullptr) {
        dot[h] = with_distance(p, opaque(token), opaque(first_head), first_key + key, dot[h]);
      }
      if (lane == 0) shared.scores[h][key] = is_seen ? dot[h] : kMinusInfinity;
    }
  }
}

// Scores become weights in shared memory; every 32 threads compute those of a head.
template <int kHeads>
HEARTH_DEVICE void weigh_keys(const AttentionParams& p, F32Shared<kHeads>& shared, std::uint64_t seen) {
  static_assert(kThreads / 32 % kHeads == 0);
  const int i = thread_index() % 32, h = thread_index() / 32 % kHeads;
  const float a = shared.scores[h][i], b = shared.scores[h][i + 32];
  float max = max_number(a, b);
  HEARTH_UNROLL
  for (int mask = 16; mask > 0; mask /= 2) max = max_number(max, shuffle_xor(max, mask));
  const float shift = max == kMinusInfinity ? 0.0f : max;
  const bool a_seen = (seen >> i & 1) != 0, b_seen = (seen >> (i + 32) & 1) != 0;
  const float a_weight = a_seen ? exp_accurate((a - shift) * p.exponent_scale) : 0.0f;
  const float b_weight = b_seen ? exp_accurate((b - shift) * p.exponent_scale) : 0.0f;
  float sum = a_weight + b_weight;
  HEARTH_UNROLL
  for (int mask = 16; mask > 0; mask /= 2) sum += shuffle_xor(sum, mask);
  if (thread_index() / 32 != h) return;
  shared.weights[i][h] = a_seen ? a_weight : kHidden;
  shared.weights[i + 32][h] = b_seen ? b_weight : kHidden;
  if (i == 0) shared.block_max[h] = max, shared.block_sum[h] = sum;
}

// The weighted sums of a block's values, for one dimension.
template <class Element, int kHeads>
HEARTH_DEVICE void weigh_values(const AttentionParams& p, const F32Shared<kHeads>& shared, int dim,
                                float (&sums)[kHeads]) {
  const auto* values = reinterpret_cast<const Element*>(p.v);
  HEARTH_UNROLL
  for (float& sum : sums) sum = 0;
  const int keys = opaque(kBlockKeys);  // unrolled, their addresses would fill the registers
  for (int key = 0; key < keys; ++key) {
    if (shared.weights[key][0] == kHidden) continue;  // from all heads alike
    const Octet octet = shared.octets[key / 8];
    const std::int64_t element = p.v_by_dimension
                                     ? octet.value + key % 8 + static_cast<std::int64_t>(dim) * p.block_tokens
                                     : octet.key + key % 8 * p.head_dim + dim;
    const float value = load_1(values + element);
    HEARTH_UNROLL
    for (int h = 0; h < kHeads; ++h) sums[h] = fma_exact(shared.weights[key][h], value, sums[h]);
  }
}

// Values of at most `kDims` dimensions. Heads are taken together where nothing caps scores and there are neither sinks
// nor slopes nor biases.
template <class Element, int kDims, int kHeads>
HEARTH_DEVICE void attend(const AttentionParams& p, F32Shared<kHeads>& shared) {
  constexpr int kDimsOfThread = kDims / kThreads;
  const int blocks = (p.head_count + kHeads - 1) / kHeads, token = block_x() / blocks;
  const int first_head = block_x() % blocks * kHeads;
  const Row row = row_of_token(p, token);
  RowTotals totals[kHeads];
  float o[kDimsOfThread][kHeads] = {};
  for (int key = row.begin / kBlockKeys * kBlockKeys; key < row.end; key += kBlockKeys) {
    const std::uint64_t seen = seen_keys(p, row, key);
    if (seen == 0) continue;
    block_sync();
    if (thread_index() < kOctets && (seen >> (8 * thread_index()) & 0xff) != 0) {
      shared.octets[thread_index()] =
          octet_at(p, row.sequence, first_head / (p.head_count / p.kv_heads), key + thread_index() * 8);
    }
    block_sync();
    score_keys<Element, kHeads>(p, shared, token, first_head, key, seen);
    block_sync();
    weigh_keys<kHeads>(p, shared, seen);
    block_sync();
    MergeFactors f[kHeads];
    HEARTH_UNROLL
    for (int h = 0; h < kHeads; ++h) {
      const float block_max = shared.block_max[h], max = max_number(totals[h].max, block_max);
      const float safe_max = max == kMinusInfinity ? 0.0f : max;
      f[h] = {exp_accurate((totals[h].max - safe_max) * p.exponent_scale),
              exp_accurate((block_max - safe_max) * p.exponent_scale)};
      totals[h].sum = fma_exact(totals[h].sum, f[h].total, shared.block_sum[h] * f[h].block);
      totals[h].max = max;
    }
    HEARTH_UNROLL
    for (int k = 0; k < kDimsOfThread; ++k) {
      const int dim = thread_index() + k * kThreads;
      if (dim >= p.value_dim) continue;
      float sums[kHeads];
      weigh_values<Element, kHeads>(p, shared, dim, sums);
      HEARTH_UNROLL
      for (int h = 0; h < kHeads; ++h) o[k][h] = merge_value(o[k][h], sums[h], f[h]);
    }
  }
  HEARTH_UNROLL
  for (int h = 0; h < kHeads; ++h) {
    schedule_fence();
    const int head = opaque(first_head) + h;
    if (head >= p.head_count) continue;
    float sink = 0;
    if (kHeads == 1 && p.sinks != nullptr) {
      sink = exp_accurate(fma_exact(totals[h].max, -p.exponent_scale, p.sinks[head]));
    }
    const float factor = totals[h].sum == 0.0f ? 0.0f : 1.0f / (totals[h].sum + sink);
    const std::int64_t out = (static_cast<std::int64_t>(token) * p.head_count + head) * p.value_dim;
    HEARTH_UNROLL
    for (int k = 0; k < kDimsOfThread; ++k) {
      const int dim = thread_index() + k * kThreads;
      if (dim >= p.value_dim) continue;
      const float value = last_value(o[k][h], factor);
      if (p.out_bf16) {
        store_out(static_cast<std::uint16_t*>(p.out) + out + dim, value);
      } else {
        store_out(static_cast<float*>(p.out) + out + dim, value);
      }
    }
  }
}

}  // namespace

HEARTH_KERNEL(attention_f32, kAttentionF32Threads, AttentionParams) {
  HEARTH_SHARED(F32Shared<1>, shared);
  attend<float, static_cast<int>(kAttentionTileDimMax), 1>(p, shared);
}

// Latents, and heads wider than the others.
static_assert(kLatentDimMax == kHeadDimMax);
#define HEARTH_ATTENTION_WIDE(name, Element, heads)                   \
  HEARTH_KERNEL(name, kAttentionF32Threads, AttentionParams) {        \
    HEARTH_SHARED(F32Shared<heads>, shared);                          \
    attend<Element, static_cast<int>(kHeadDimMax), heads>(p, shared); \
  }
HEARTH_ATTENTION_WIDE(attention_wide_f32, float, 1)
HEARTH_ATTENTION_WIDE(attention_wide_1, std::uint16_t, 1)
HEARTH_ATTENTION_WIDE(attention_wide_4, std::uint16_t, 4)
#undef HEARTH_ATTENTION_WIDE

}  // namespace hearth::gpu
