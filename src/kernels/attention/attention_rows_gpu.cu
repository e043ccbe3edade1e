// Attention in float32: a wave takes one query head of one token and walks its keys, 32 at a time, in ascending order:
// each lane scores a key, then each lane sums values of some dimensions. The reference of the kernels that use the
// matrix unit; a row's sums depend on nothing but the row.
#include "kernels/attention/attention_rows_gpu.h"

#include "device/gpu/gpu.h"
#include "kernels/gpu/gpu_math.h"

namespace hearth::gpu {
namespace {

constexpr int kRowWaves = kAttentionRowThreads / kWaveSize;
constexpr int kDimsPerLane = static_cast<int>(kHeadDimMax) / kWaveSize;

struct RowShared {
  float q[kRowWaves][kHeadDimMax];
  float weight[kRowWaves][kAttentionRowKeys];
};

template <class T>
HEARTH_DEVICE float element(const std::byte* data, std::int64_t index) {
  if constexpr (sizeof(T) == 4) {
    return reinterpret_cast<const float*>(data)[index];
  } else {
    return bf16_to_float(reinterpret_cast<const std::uint16_t*>(data)[index]);
  }
}

// Of the value at `row` (as paged_row counts) of a block that starts at row `block_row`, dimension `d`.
HEARTH_DEVICE std::int64_t value_index(const PagedKv& cache, std::int64_t row, int d) {
  if (!cache.v_by_dimension) return row * cache.head_dim + d;
  const std::int64_t within = row % cache.block_tokens;
  return (row - within) * cache.head_dim + d * cache.block_tokens + within;
}

template <class T>
HEARTH_DEVICE void attend_row(const AttentionRowsParams& p, std::int64_t token, int head, float* q, float* weights) {
  const int lane = lane_index(), head_dim = static_cast<int>(p.cache.head_dim);
  const int kv_head = head / (p.head_count / static_cast<int>(p.cache.kv_heads));
  const std::int32_t* table = block_table_of(p.step, p.step.sequences[token]);
  for (int d = lane; d < head_dim; d += kWaveSize) q[d] = p.q[token * p.q_stride + head * head_dim + d];
  wave_sync();

  const KeyRange range = visible_keys(p.mask, p.step, token);
  float maximum = -__builtin_inff(), total = 0.0f, sums[kDimsPerLane] = {};
  for (std::int64_t first = range.begin / kAttentionRowKeys * kAttentionRowKeys; first < range.end;
       first += kAttentionRowKeys) {
    const std::int64_t key = first + lane;
    const bool visible = lane < kAttentionRowKeys && key < range.end && is_visible(p.mask, p.step, token, key);
    if (ballot(visible) == 0) continue;
    float score = -__builtin_inff();
    if (visible) {
      const std::int64_t at = paged_row(p.cache, table, key, kv_head) * head_dim;
      float dot = 0.0f;
      for (int d = 0; d < head_dim; ++d) dot = fma_exact(q[d], element<T>(p.cache.k, at + d), dot);
      score = dot * p.scale;
      if (p.softcap > 0.0f) score = p.softcap * tanh_accurate(score / p.softcap);
    }
    const float before = maximum;
    maximum = max_or_nan(maximum, wave_max(score));
    // Nothing but minus infinities yet: their weights stay zero.
    const float shift = maximum == -__builtin_inff() ? 0.0f : maximum;
    const float factor = exp_fast(before - shift);
    const float weight = visible ? exp_fast(score - shift) : 0.0f;
    total = total * factor + wave_sum(weight);
    if (lane < kAttentionRowKeys) weights[lane] = weight;
    wave_sync();
    HEARTH_UNROLL
    for (int i = 0; i < kDimsPerLane; ++i) sums[i] *= factor;
    const std::uint64_t seen = ballot(visible);
    for (int j = 0; j < kAttentionRowKeys; ++j) {
      if ((seen >> j & 1) == 0) continue;
      const std::int64_t row = paged_row(p.cache, table, first + j, kv_head);
      HEARTH_UNROLL
      for (int i = 0; i < kDimsPerLane; ++i) {
        const int own = lane + i * kWaveSize, d = own < head_dim ? own : head_dim - 1;  // the surplus is not stored
        sums[i] = fma_exact(weights[j], element<T>(p.cache.v, value_index(p.cache, row, d)), sums[i]);
      }
    }
    wave_sync();
  }
  HEARTH_UNROLL
  for (int i = 0; i < kDimsPerLane; ++i) {
    const int d = lane + i * kWaveSize;
    if (d >= head_dim) continue;
    const std::int64_t at = (token * p.head_count + head) * head_dim + d;
    const float value = total == 0.0f ? 0.0f : sums[i] / total;
    if (p.out_bf16) {
      static_cast<std::uint16_t*>(p.out)[at] = float_to_bf16(value);
    } else {
      static_cast<float*>(p.out)[at] = value;
    }
  }
}

}  // namespace

HEARTH_KERNEL(attention_rows, kAttentionRowThreads, AttentionRowsParams) {
  HEARTH_SHARED(RowShared, shared);
  const int wave = wave_index();
  const int head = block_y() * kRowWaves + wave;
  if (head >= p.head_count) return;
  if (p.cache.format == Format::kF32) {
    attend_row<float>(p, block_x(), head, shared.q[wave], shared.weight[wave]);
  } else {
    attend_row<std::uint16_t>(p, block_x(), head, shared.q[wave], shared.weight[wave]);
  }
}

}  // namespace hearth::gpu
