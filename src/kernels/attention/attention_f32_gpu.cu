// Attention over a float32 cache, without the matrix unit: a block of threads takes one token's head and walks its keys
// in blocks of 64. Made to be right, and simple.
//
// Order of the sums: q . k in eight lanes, lane i the elements 32 j + 4 i … + 3 ascending by fma, the lanes added by a
// tree (4, 2, 1); the sum of a block's weights by a tree: those 32 apart, then 16, 8, 4, 2, 1; weighted values by fma,
// keys ascending. Hidden keys are left out.
#include "kernels/attention/attention_tile_gpu.h"
#include "kernels/gpu/gpu_math.h"

namespace hearth::gpu {
namespace {

inline constexpr int kThreads = kAttentionF32Threads;
inline constexpr int kLanes = 8;  // of a key
inline constexpr int kKeysAtATime = kThreads / kLanes;
inline constexpr int kDimsOfThread = static_cast<int>(kHeadDimMax) / kThreads;
inline constexpr float kHidden = -1;  // in the place of a weight

struct F32Shared {
  float scores[kBlockKeys];
  float weights[kBlockKeys];
  Octet octets[kOctets];
};

struct alignas(16) Floats4 {
  float value[4];
};

// The scores of a block's keys; minus infinity for a hidden one.
HEARTH_DEVICE void score_keys(const AttentionParams& p, F32Shared& shared, const float* q, std::uint64_t seen) {
  const auto* keys = reinterpret_cast<const float*>(p.k);
  const int lane = thread_index() % kLanes;
  for (int key = thread_index() / kLanes; key < kBlockKeys; key += kKeysAtATime) {
    const bool is_seen = (seen >> key & 1) != 0;
    float dot = 0;
    if (is_seen) {
      const float* row = keys + shared.octets[key / 8].key + key % 8 * p.head_dim;
      for (int dim = 4 * lane; dim < p.head_dim; dim += 4 * kLanes) {
        const Floats4 a = *reinterpret_cast<const Floats4*>(q + dim), b = *reinterpret_cast<const Floats4*>(row + dim);
        HEARTH_UNROLL
        for (int i = 0; i < 4; ++i) dot = fma_exact(a.value[i], b.value[i], dot);
      }
    }
    HEARTH_UNROLL
    for (int mask = kLanes / 2; mask > 0; mask /= 2) dot += shuffle_xor(dot, mask);
    if (p.softcap > 0) dot = p.softcap * tanh_accurate(dot * p.cap_scale);
    if (lane == 0) shared.scores[key] = is_seen ? dot : kMinusInfinity;
  }
}

// Scores become weights in shared memory; every 32 threads compute all of them.
HEARTH_DEVICE void weigh_keys(const AttentionParams& p, F32Shared& shared, std::uint64_t seen, float& block_max,
                              float& block_sum) {
  const int i = thread_index() % 32;
  const float a = shared.scores[i], b = shared.scores[i + 32];
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
  if (thread_index() < 32) {
    shared.weights[i] = a_seen ? a_weight : kHidden;
    shared.weights[i + 32] = b_seen ? b_weight : kHidden;
  }
  block_max = max, block_sum = sum;
}

// The weighted sum of a block's values, for one dimension.
HEARTH_DEVICE float weigh_values(const AttentionParams& p, const F32Shared& shared, int dim) {
  const auto* values = reinterpret_cast<const float*>(p.v);
  float sum = 0;
  for (int key = 0; key < kBlockKeys; ++key) {
    const float weight = shared.weights[key];
    if (weight == kHidden) continue;
    const Octet octet = shared.octets[key / 8];
    const std::int64_t element = p.v_by_dimension
                                     ? octet.value + key % 8 + static_cast<std::int64_t>(dim) * p.block_tokens
                                     : octet.key + key % 8 * p.head_dim + dim;
    sum = fma_exact(weight, values[element], sum);
  }
  return sum;
}

}  // namespace

HEARTH_KERNEL(attention_f32, kAttentionF32Threads, AttentionParams) {
  HEARTH_SHARED(F32Shared, shared);
  const int token = block_x() / p.head_count, head = block_x() % p.head_count;
  const Row row = row_of_token(p, token);
  const std::int64_t out_row = static_cast<std::int64_t>(token) * p.head_count + head;
  const float* q = p.q + token * p.q_stride + static_cast<std::int64_t>(head) * p.head_dim;
  RowTotals totals;
  float o[kDimsOfThread] = {};
  for (int key = row.begin / kBlockKeys * kBlockKeys; key < row.end; key += kBlockKeys) {
    const std::uint64_t seen = seen_keys(p, row, key);
    if (seen == 0) continue;
    block_sync();
    if (thread_index() < kOctets && (seen >> (8 * thread_index()) & 0xff) != 0) {
      shared.octets[thread_index()] =
          octet_at(p, row.sequence, head / (p.head_count / p.kv_heads), key + thread_index() * 8);
    }
    block_sync();
    score_keys(p, shared, q, seen);
    block_sync();
    float block_max, block_sum;
    weigh_keys(p, shared, seen, block_max, block_sum);
    block_sync();
    const float max = max_number(totals.max, block_max), safe_max = max == kMinusInfinity ? 0.0f : max;
    const MergeFactors f{exp_accurate((totals.max - safe_max) * p.exponent_scale),
                         exp_accurate((block_max - safe_max) * p.exponent_scale)};
    totals.sum = fma_exact(totals.sum, f.total, block_sum * f.block);
    totals.max = max;
    HEARTH_UNROLL
    for (int k = 0; k < kDimsOfThread; ++k) {
      const int dim = thread_index() + k * kThreads;
      if (dim < p.head_dim) o[k] = merge_value(o[k], weigh_values(p, shared, dim), f);
    }
  }
  HEARTH_UNROLL
  for (int k = 0; k < kDimsOfThread; ++k) {
    const int dim = thread_index() + k * kThreads;
    if (dim >= p.head_dim) continue;
    const float value = last_value(o[k], last_factor(totals.sum));
    if (p.out_bf16) {
      store_out(static_cast<std::uint16_t*>(p.out) + out_row * p.head_dim + dim, value);
    } else {
      store_out(static_cast<float*>(p.out) + out_row * p.head_dim + dim, value);
    }
  }
}

}  // namespace hearth::gpu
