// The gated delta rule: a block keeps 32 columns of one head's state of one sequence in registers, eight lanes for
// each, and goes through the sequence's tokens. What all columns share of the next tokens is made once, in shared
// memory.
#include "kernels/gated_delta/gated_delta_gpu.h"

#include "device/gpu/gpu.h"
#include "kernels/gpu/gpu_math.h"
#include "kernels/gpu/gpu_rows.h"

namespace hearth::gpu {
namespace {

// What a lane holds of a column: vectors of four rows, eight lanes side by side.
template <int kVectors, bool kChannels>
struct DeltaTile {
  static constexpr int kRows = 4 * kDeltaLanes * kVectors;
  static constexpr int kTokens = kVectors > 4 || kChannels ? 8 : 16;
  static constexpr int kForgetting = kChannels ? kRows : 4;

  alignas(16) float k[kTokens][kRows];
  alignas(16) float q[kTokens][kRows];
  alignas(16) float forget[kTokens][kForgetting];
  float beta[kTokens];
  float product[kTokens];  // k . q
};

HEARTH_DEVICE float four_products(float sum, const Floats4& a, const Floats4& b) {
  HEARTH_UNROLL
  for (int e = 0; e < 4; ++e) sum = fma_exact(a.value[e], b.value[e], sum);
  return sum;
}

HEARTH_DEVICE Floats4 times(Floats4 v, float factor) {
  HEARTH_UNROLL
  for (int e = 0; e < 4; ++e) v.value[e] *= factor;
  return v;
}

// 32 lanes make one token's row of the tile; zeros where there is no token.
template <class Tile, bool kChannels>
HEARTH_DEVICE void prepare_token(const GatedDeltaParams& p, std::int64_t token, bool valid, int head, Tile& tile,
                                 int row) {
  constexpr int kSteps = (Tile::kRows + 127) / 128;
  const int lane = thread_index() % kGroupLanes;
  const int key_head = p.key_heads == KeyHeadOrder::kGrouped ? head / (p.v_heads / p.k_heads) : head % p.k_heads;
  const std::int64_t at = token * p.row_stride + key_head * p.k_dim;
  Floats4 k[kSteps], q[kSteps];
  float kk = 0.0f, qq = 0.0f, kq = 0.0f;
  HEARTH_UNROLL
  for (int j = 0; j < kSteps; ++j) {
    const int i = 4 * (j * kGroupLanes + lane), count = valid ? p.k_dim - i : 0;
    k[j] = load_floats(p.k + at + i, count, p.aligned);
    q[j] = load_floats(p.q + at + i, count, p.aligned);
    kk = four_products(kk, k[j], k[j]);
    qq = four_products(qq, q[j], q[j]);
  }
  const float k_factor = 1.0f / sqrt_exact(group_sum(kk) + p.length_epsilon);
  const float q_factor = p.scale / sqrt_exact(group_sum(qq) + p.length_epsilon);
  HEARTH_UNROLL
  for (int j = 0; j < kSteps; ++j) {
    const int i = 4 * (j * kGroupLanes + lane);
    k[j] = times(k[j], k_factor);
    q[j] = times(q[j], q_factor);
    kq = four_products(kq, k[j], q[j]);
    if (i < Tile::kRows) {
      *reinterpret_cast<Floats4*>(tile.k[row] + i) = k[j];
      *reinterpret_cast<Floats4*>(tile.q[row] + i) = q[j];
    }
  }
  kq = group_sum(kq);
  const float rate = p.rate[head];
  if constexpr (kChannels) {
    HEARTH_UNROLL
    for (int j = 0; j < kSteps; ++j) {
      const int i = 4 * (j * kGroupLanes + lane), count = valid ? p.k_dim - i : 0;
      const std::int64_t of_head = static_cast<std::int64_t>(head) * p.k_dim + i;
      Floats4 x = load_floats(p.decay + token * p.decay_stride + of_head, count, p.aligned);
      const Floats4 bias = load_floats(p.decay_bias + of_head, count, p.aligned);
      HEARTH_UNROLL
      for (int e = 0; e < 4; ++e) x.value[e] = exp_accurate(rate * softplus_accurate(x.value[e] + bias.value[e]));
      if (i < Tile::kRows) *reinterpret_cast<Floats4*>(tile.forget[row] + i) = x;
    }
  }
  if (lane != 0 || !valid) return;
  if constexpr (!kChannels) {
    const float x = p.decay[token * p.decay_stride + head] + p.decay_bias[head];
    tile.forget[row][0] = exp_accurate(rate * softplus_accurate(x));
  }
  tile.beta[row] = sigmoid_accurate(p.beta[token * p.beta_stride + head]);
  tile.product[row] = kq;
}

// Over the eight lanes of a column.
HEARTH_DEVICE float column_sum(float value) {
  HEARTH_UNROLL
  for (int mask = kDeltaLanes / 2; mask > 0; mask /= 2) value += shuffle_xor(value, mask);
  return value;
}

template <int kVectors, bool kChannels>
HEARTH_DEVICE float step_column(const DeltaTile<kVectors, kChannels>& tile, int row, int lane, float v,
                                Floats4 (&state)[kVectors]) {
  float said = 0.0f, sum = 0.0f;
  const float forget = tile.forget[row][0];
  HEARTH_UNROLL
  for (int j = 0; j < kVectors; ++j) {
    const int i = 4 * (j * kDeltaLanes + lane);
    const Floats4 k = *reinterpret_cast<const Floats4*>(tile.k[row] + i);
    const Floats4 q = *reinterpret_cast<const Floats4*>(tile.q[row] + i);
    if constexpr (kChannels) {
      const Floats4 of_rows = *reinterpret_cast<const Floats4*>(tile.forget[row] + i);
      HEARTH_UNROLL
      for (int e = 0; e < 4; ++e) state[j].value[e] *= of_rows.value[e];
    } else {
      state[j] = times(state[j], forget);
    }
    said = four_products(said, state[j], k);
    sum = four_products(sum, state[j], q);
  }
  said = column_sum(said);
  sum = column_sum(sum);
  const float u = (v - said) * tile.beta[row];
  HEARTH_UNROLL
  for (int j = 0; j < kVectors; ++j) {
    const Floats4 k = *reinterpret_cast<const Floats4*>(tile.k[row] + 4 * (j * kDeltaLanes + lane));
    HEARTH_UNROLL
    for (int e = 0; e < 4; ++e) state[j].value[e] = fma_exact(k.value[e], u, state[j].value[e]);
  }
  return fma_exact(u, tile.product[row], sum);
}

template <int kVectors, bool kChannels>
HEARTH_DEVICE void gated_delta(const GatedDeltaParams& p, DeltaTile<kVectors, kChannels>& tile) {
  using Tile = DeltaTile<kVectors, kChannels>;
  constexpr int kOfLane = Tile::kTokens / kDeltaLanes;
  const int head = block_x() / p.slices, sequence = block_y();
  const int lane = thread_index() % kDeltaLanes;
  const int column = (block_x() % p.slices) * kDeltaColumns + thread_index() / kDeltaLanes;
  const bool valid = column < p.v_dim;
  const int first_lane = lane_index() - lane;
  const std::int64_t begin = p.token_starts[sequence], end = p.token_starts[sequence + 1];
  const bool starts = begin < end && p.positions[begin] == 0;
  float* of_column =
      p.states + p.state_slots[sequence] * p.state_stride + (head * p.v_dim + (valid ? column : 0)) * p.k_dim;
  Floats4 state[kVectors];
  HEARTH_UNROLL
  for (int j = 0; j < kVectors; ++j) {
    const int i = 4 * (j * kDeltaLanes + lane);
    state[j] = load_floats(of_column + i, valid && !starts ? p.k_dim - i : 0, p.aligned);
  }
  for (std::int64_t first = begin; first < end; first += Tile::kTokens) {
    const int count = end - first < Tile::kTokens ? static_cast<int>(end - first) : Tile::kTokens;
    float v[kOfLane];  // each lane of a column reads those of a few tokens
    HEARTH_UNROLL
    for (int j = 0; j < kOfLane; ++j) {
      const int t = j * kDeltaLanes + lane;
      v[j] = valid && t < count ? p.v[(first + t) * p.row_stride + head * p.v_dim + column] : 0.0f;
    }
    block_sync();
    for (int t = 0; t < count; t += kDeltaThreads / kGroupLanes) {
      const int row = t + thread_index() / kGroupLanes;
      prepare_token<Tile, kChannels>(p, first + row, row < count, head, tile, row);
    }
    block_sync();
    HEARTH_UNROLL
    for (int j = 0; j < kOfLane; ++j) {
      float out = 0.0f;
      for (int i = 0; i < kDeltaLanes && j * kDeltaLanes + i < count; ++i) {
        const float y = step_column(tile, j * kDeltaLanes + i, lane, shuffle(v[j], first_lane + i), state);
        out = lane == i ? y : out;
      }
      const int t = j * kDeltaLanes + lane;
      if (valid && t < count) p.out[((first + t) * p.v_heads + head) * p.v_dim + column] = out;
    }
  }
  HEARTH_UNROLL
  for (int j = 0; j < kVectors; ++j) {
    const int i = 4 * (j * kDeltaLanes + lane);
    store_floats(of_column + i, state[j], valid ? p.k_dim - i : 0, p.aligned);
  }
}

}  // namespace

#define HEARTH_GATED_DELTA(name, vectors, channels)      \
  HEARTH_KERNEL(name, kDeltaThreads, GatedDeltaParams) { \
    using Tile = DeltaTile<vectors, channels>;           \
    HEARTH_SHARED(Tile, tile);                           \
    gated_delta<vectors, channels>(p, tile);             \
  }
HEARTH_GATED_DELTA(gated_delta_32, 1, false)
HEARTH_GATED_DELTA(gated_delta_128, 4, false)
HEARTH_GATED_DELTA(gated_delta_256, 8, false)
HEARTH_GATED_DELTA(gated_delta_channels_32, 1, true)
HEARTH_GATED_DELTA(gated_delta_channels_128, 4, true)
HEARTH_GATED_DELTA(gated_delta_channels_256, 8, true)

}  // namespace hearth::gpu
