// What kernels over rows of floats share: four elements at a time, in one load where the layout allows, and reductions
// with a fixed tree. The tree is cut at 32 lanes whatever the wave, so that all GPUs add in the same order.
#pragma once

#include "device/gpu/gpu.h"

namespace hearth::gpu {

inline constexpr int kGroupLanes = 32;

struct alignas(16) Floats4 {
  float value[4];
};

// Elements [0, 4) of `from`, of which `count` exist (it may be negative, or more than 4); zeros for the others.
// `aligned` says that `from` is at a multiple of 16 bytes and that `count` is not 1, 2 or 3.
HEARTH_DEVICE Floats4 load_floats(const float* from, int count, bool aligned) {
  Floats4 v{};
  if (aligned) {
    if (count > 0) v = *reinterpret_cast<const Floats4*>(from);
    return v;
  }
  HEARTH_UNROLL
  for (int i = 0; i < 4; ++i) {
    if (i < count) v.value[i] = from[i];
  }
  return v;
}

// The same backwards.
HEARTH_DEVICE void store_floats(float* out, const Floats4& v, int count, bool aligned) {
  if (aligned) {
    if (count > 0) *reinterpret_cast<Floats4*>(out) = v;
    return;
  }
  HEARTH_UNROLL
  for (int i = 0; i < 4; ++i) {
    if (i < count) out[i] = v.value[i];
  }
}

// To element `at` of an array of float32, or of bf16; `aligned`: at a multiple of four elements' bytes.
HEARTH_DEVICE void store_converted(void* out, std::int64_t at, bool bf16, const Floats4& v, int count, bool aligned) {
  if (!bf16) return store_floats(static_cast<float*>(out) + at, v, count, aligned);
  auto* halves = static_cast<std::uint16_t*>(out) + at;
  if (aligned) {
    const Bytes8 packed{{pair_of_floats(v.value[0], v.value[1]), pair_of_floats(v.value[2], v.value[3])}};
    if (count > 0) *reinterpret_cast<Bytes8*>(halves) = packed;
    return;
  }
  HEARTH_UNROLL
  for (int i = 0; i < 4; ++i) {
    if (i < count) halves[i] = float_to_bf16(v.value[i]);
  }
}

// Over each 32 lanes; all of the wave take part.
HEARTH_DEVICE float group_sum(float value) {
  HEARTH_UNROLL
  for (int mask = kGroupLanes / 2; mask > 0; mask /= 2) value += shuffle_xor(value, mask);
  return value;
}
HEARTH_DEVICE float group_max(float value) {
  HEARTH_UNROLL
  for (int mask = kGroupLanes / 2; mask > 0; mask /= 2) value = max_or_nan(value, shuffle_xor(value, mask));
  return value;
}

// What a reduction over a block needs of shared memory. A block's second reduction takes another one, so that nobody
// writes where others still read.
template <int kThreads>
struct BlockPartials {
  static constexpr int kCount = kThreads / kGroupLanes;
  float value[kCount];
};

// Over the block, the same bits in every thread.
template <int kThreads>
HEARTH_DEVICE float block_sum(float value, BlockPartials<kThreads>& partials) {
  constexpr int kCount = BlockPartials<kThreads>::kCount;
  value = group_sum(value);
  if (thread_index() % kGroupLanes == 0) partials.value[thread_index() / kGroupLanes] = value;
  block_sync();
  value = partials.value[thread_index() % kCount];
  HEARTH_UNROLL
  for (int mask = kCount / 2; mask > 0; mask /= 2) value += shuffle_xor(value, mask);
  return value;
}
// Two sums at once.
struct SumPair {
  float first, second;
};
template <int kThreads>
HEARTH_DEVICE SumPair block_sums(SumPair sums, BlockPartials<kThreads> (&partials)[2]) {
  constexpr int kCount = BlockPartials<kThreads>::kCount;
  sums = {group_sum(sums.first), group_sum(sums.second)};
  if (thread_index() % kGroupLanes == 0) {
    partials[0].value[thread_index() / kGroupLanes] = sums.first;
    partials[1].value[thread_index() / kGroupLanes] = sums.second;
  }
  block_sync();
  sums = {partials[0].value[thread_index() % kCount], partials[1].value[thread_index() % kCount]};
  HEARTH_UNROLL
  for (int mask = kCount / 2; mask > 0; mask /= 2) {
    sums.first += shuffle_xor(sums.first, mask);
    sums.second += shuffle_xor(sums.second, mask);
  }
  return sums;
}
template <int kThreads>
HEARTH_DEVICE float block_max(float value, BlockPartials<kThreads>& partials) {
  constexpr int kCount = BlockPartials<kThreads>::kCount;
  value = group_max(value);
  if (thread_index() % kGroupLanes == 0) partials.value[thread_index() / kGroupLanes] = value;
  block_sync();
  value = partials.value[thread_index() % kCount];
  HEARTH_UNROLL
  for (int mask = kCount / 2; mask > 0; mask /= 2) value = max_or_nan(value, shuffle_xor(value, mask));
  return value;
}

}  // namespace hearth::gpu
