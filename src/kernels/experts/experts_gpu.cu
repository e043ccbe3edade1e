// Experts on a GPU, without the products of packed weights (matmul_stream_gpu.cu): the router's choice, a wave for each
// token; slots in the order of their experts, by one block; products in float32; the weighted sum.
#include "device/gpu/gpu.h"
#include "kernels/experts/expert_tile_gpu.h"
#include "kernels/gpu/gpu_math.h"

namespace hearth::gpu {
namespace {

struct RouteShared {
  float weight[kExpertsMax];
  float score[kExpertsMax];
  float groups[kExpertsMax];
  std::int32_t chosen[kExpertsUsedMax];
};

// As unsigned integers, numbers are in their order; minus infinity and NaN are 0, below all of them.
HEARTH_DEVICE std::uint32_t order_of(float value) {
  if (!(value > -kInfinity)) return 0;
  const std::uint32_t bits = float_bits(value + 0.0f);  // of the two zeros one
  return bits ^ (bits >> 31 != 0 ? ~0u : 0x80000000u);
}

// The places of the `used` largest of `count`, in descending order and the first where equal; where nothing is left but
// minus infinity and NaN, 0. Takes them: they are minus infinity from then on.
HEARTH_DEVICE void take_largest(float* values, int count, int used, std::int32_t* chosen) {
  const int lane = lane_index();
  std::uint32_t best = 0;  // of this lane's values that are left
  int place = 0;
  const auto look = [&] {
    best = 0;
    for (int i = lane; i < count; i += kWaveSize) {
      const std::uint32_t order = order_of(values[i]);
      if (order > best) best = order, place = i;
    }
  };
  look();
  for (int j = 0; j < used; ++j) {
    const std::uint32_t largest = wave_max(best);
    // The first place has the largest complement.
    const int first = static_cast<int>(~wave_max(best == largest ? ~static_cast<std::uint32_t>(place) : 0u));
    if (lane == 0) chosen[j] = largest == 0 ? 0 : first;
    if (largest == 0 || first != place || best != largest) continue;
    values[place] = -kInfinity;
    look();
  }
  wave_sync();
}

// Turns values into their softmax.
HEARTH_DEVICE void softmax_of(float* values, int count) {
  float largest = -kInfinity;
  for (int i = lane_index(); i < count; i += kWaveSize) largest = max_or_nan(largest, values[i]);
  largest = wave_max(largest);
  float sum = 0.0f;
  for (int i = lane_index(); i < count; i += kWaveSize) {
    values[i] = exp_accurate(values[i] - largest);
    sum += values[i];
  }
  sum = wave_sum(sum);
  for (int i = lane_index(); i < count; i += kWaveSize) values[i] /= sum;
  wave_sync();
}

HEARTH_DEVICE float score_of_group(const float* score, int size, GroupScore kind) {
  float first = -kInfinity, second = -kInfinity;
  for (int i = 0; i < size; ++i) {
    if (score[i] > first) {
      second = first;
      first = score[i];
    } else if (score[i] > second) {
      second = score[i];
    }
  }
  return kind == GroupScore::kLargest || size == 1 ? first : first + second;
}

// Leaves the experts of the best groups.
HEARTH_DEVICE void keep_groups(const Routing& r, RouteShared& s) {
  const int groups = static_cast<int>(r.group_count), size = static_cast<int>(r.expert_count) / groups;
  for (int g = lane_index(); g < groups; g += kWaveSize) {
    s.groups[g] = score_of_group(s.score + g * size, size, r.group_score);
  }
  wave_sync();
  // The others are taken away from the best one down to the last of those that stay; what has been taken says so.
  take_largest(s.groups, groups, static_cast<int>(r.groups_used), s.chosen);
  for (int e = lane_index(); e < static_cast<int>(r.expert_count); e += kWaveSize) {
    bool stays = false;
    for (int i = 0; i < static_cast<int>(r.groups_used); ++i) stays = stays || s.chosen[i] == e / size;
    if (!stays) s.score[e] = -kInfinity;
  }
  wave_sync();
}

// Weights of the chosen as RouterScore::kSparseMixer says, to `groups`.
HEARTH_DEVICE void weigh_sparsely(const Routing& r, RouteShared& s) {
  for (int j = 0; j < static_cast<int>(r.used); ++j) {
    const float best = s.weight[s.chosen[j]];
    float sum = 0.0f;
    for (int e = lane_index(); e < static_cast<int>(r.expert_count); e += kWaveSize) {
      bool is_left = true;
      for (int i = 0; i < j; ++i) is_left = is_left && s.chosen[i] != e;
      const float value = s.weight[e], magnitude = value < 0.0f ? -value : value;
      const float distance = (best - value) / (magnitude < best ? best : magnitude);
      if (is_left && !(distance > r.tolerance)) sum += exp_accurate(value - best);
    }
    sum = wave_sum(sum);
    if (lane_index() == 0) s.groups[j] = 1.0f / sum;
  }
  wave_sync();
}

}  // namespace

HEARTH_KERNEL(route, kRouteThreads, RouteArgs) {
  HEARTH_SHARED(RouteShared, s);
  if (wave_index() > 0) return;
  const Routing& r = p.routing;
  const int experts = static_cast<int>(r.expert_count), used = static_cast<int>(r.used);
  const float* products = p.products + static_cast<std::int64_t>(block_x()) * experts;
  for (int e = lane_index(); e < experts; e += kWaveSize) {
    s.weight[e] = r.score == RouterScore::kSigmoid ? 1.0f / (1.0f + exp_accurate(-products[e])) : products[e];
  }
  wave_sync();
  if (r.score == RouterScore::kSoftmax) softmax_of(s.weight, experts);
  for (int e = lane_index(); e < experts; e += kWaveSize) {
    s.score[e] = p.bias == nullptr ? s.weight[e] : s.weight[e] + p.bias[e];
  }
  wave_sync();
  if (r.groups_used < r.group_count) keep_groups(r, s);
  take_largest(s.score, experts, used, s.chosen);
  // From here on `groups` holds the weights of the chosen ones.
  for (int j = lane_index(); j < used; j += kWaveSize) s.groups[j] = s.weight[s.chosen[j]];
  wave_sync();
  if (r.score == RouterScore::kChosenSoftmax) softmax_of(s.groups, used);
  if (r.score == RouterScore::kSparseMixer) weigh_sparsely(r, s);
  float divisor = 1.0f;
  if (r.normalize) {
    float sum = 0.0f;
    for (int j = 0; j < used; ++j) sum += s.groups[j];
    sum += r.sum_offset;
    divisor = sum < r.sum_min ? r.sum_min : sum;
  }
  for (int j = lane_index(); j < used; j += kWaveSize) {
    const std::int64_t slot = static_cast<std::int64_t>(block_x()) * used + j;
    p.experts[slot] = s.chosen[j];
    p.weights[slot] = s.groups[j] / divisor * r.scale;
  }
}

namespace {

struct GroupShared {
  std::uint32_t count[kExpertsMax];
  std::int32_t slots[kGroupExpertsThreads], tiles[kGroupExpertsThreads];
};

// Turns each thread's two numbers into the sums of those of the threads before it; `slots` and `tiles` become the sums
// of all.
HEARTH_DEVICE void sum_before(GroupShared& s, int& slots, int& tiles) {
  const int thread = thread_index(), own_slots = slots, own_tiles = tiles;
  s.slots[thread] = slots;
  s.tiles[thread] = tiles;
  for (int step = 1; step < kGroupExpertsThreads; step *= 2) {
    block_sync();
    const int more_slots = thread >= step ? s.slots[thread - step] : 0;
    const int more_tiles = thread >= step ? s.tiles[thread - step] : 0;
    block_sync();
    s.slots[thread] += more_slots;
    s.tiles[thread] += more_tiles;
  }
  slots = s.slots[thread] - own_slots;
  tiles = s.tiles[thread] - own_tiles;
  block_sync();
}

}  // namespace

HEARTH_KERNEL(group_experts, kGroupExpertsThreads, GroupExpertsParams) {
  HEARTH_SHARED(GroupShared, s);
  const int experts = static_cast<int>(p.expert_count), slots = static_cast<int>(p.slot_count);
  const ExpertGroups& groups = p.groups;
  for (int e = thread_index(); e < experts; e += kGroupExpertsThreads) s.count[e] = 0;
  block_sync();
  for (int i = thread_index(); i < slots; i += kGroupExpertsThreads) atomic_add(&s.count[groups.experts[i]], 1u);
  block_sync();
  // Each thread places some experts in a row.
  const int own = (experts + kGroupExpertsThreads - 1) / kGroupExpertsThreads;
  const int first = thread_index() * own, after = first + own < experts ? first + own : experts;
  int at = 0, tile = 0;
  for (int e = first; e < after; ++e) {
    at += static_cast<int>(s.count[e]);
    tile += (static_cast<int>(s.count[e]) + p.tile_slots - 1) / p.tile_slots;
  }
  sum_before(s, at, tile);
  for (int e = first; e < after; ++e) {
    const auto count = static_cast<int>(s.count[e]);
    s.count[e] = static_cast<std::uint32_t>(at);
    groups.begin[e] = at;
    for (int done = 0; done < count; done += p.tile_slots) {
      groups.tiles[1 + 2 * tile] = e;
      groups.tiles[2 + 2 * tile] = at + done;
      ++tile;
    }
    at += count;
  }
  if (thread_index() == kGroupExpertsThreads - 1) {
    groups.begin[experts] = slots;
    groups.tiles[0] = tile;  // those of all threads before are counted
  }
  block_sync();
  for (int i = thread_index(); i < slots; i += kGroupExpertsThreads) {
    groups.slots[atomic_add(&s.count[groups.experts[i]], 1u)] = i;
  }
}

HEARTH_KERNEL(expert_gather, kExpertGatherThreads, ExpertGatherParams) {
  const std::int64_t row = p.slots[block_x()] / p.slots_per_row;
  const auto* from = reinterpret_cast<const Bytes16*>(p.x + row * p.k);
  auto* to = reinterpret_cast<Bytes16*>(p.out + static_cast<std::int64_t>(block_x()) * p.k);
  for (int i = thread_index(); i < p.k / 8; i += kExpertGatherThreads) to[i] = from[i];
}

namespace {

constexpr int kF32Chunk = 16;

struct ExpertF32Shared {
  float x[kExpertF32Slots][kF32Chunk + 1];
  float w[kExpertF32Rows][kF32Chunk + 1];
};

}  // namespace

// As matmul_f32 sums: k ascending, by fused multiply-adds, in segments.
HEARTH_KERNEL(expert_matmul_f32, kExpertF32Threads, ExpertMatmulF32Params) {
  HEARTH_SHARED(ExpertF32Shared, shared);
  const ExpertTile tile = expert_tile<kExpertF32Slots>(p, block_y());
  if (tile.slot_count == 0) return;
  const MatmulF32Params& m = p.matmul;
  const auto* weights =
      reinterpret_cast<const float*>(reinterpret_cast<const std::byte*>(m.weights) + tile.expert * p.expert_bytes);
  const int column = thread_index() % kF32Chunk, across = thread_index() / kF32Chunk;
  const int first_row = block_x() * kExpertF32Rows;
  const bool has_slot = across < tile.slot_count, has_row = first_row + across < m.n;
  const float* x =
      has_slot ? m.x + static_cast<std::int64_t>(slot_at(p, tile.first + across) / p.slots_per_row) * m.k : m.x;
  const float* w = has_row ? weights + static_cast<std::int64_t>(first_row + across) * m.k : weights;
  float total = 0.0f, sum = 0.0f;
  for (int k = 0; k < m.k; k += kF32Chunk) {
    const bool in_row = k + column < m.k;
    shared.x[across][column] = has_slot && in_row ? x[k + column] : 0.0f;
    shared.w[across][column] = has_row && in_row ? w[k + column] : 0.0f;
    block_sync();
    const int columns = m.k - k < kF32Chunk ? m.k - k : kF32Chunk;
    for (int c = 0; c < columns; ++c) sum = fma_exact(shared.x[across][c], shared.w[column][c], sum);
    block_sync();
    if ((k + kF32Chunk) % kGpuMatmulSegment != 0 && k + kF32Chunk < m.k) continue;
    total += sum;
    sum = 0.0f;
  }
  const int n = first_row + column;
  if (!has_slot || n >= m.n) return;
  const float scale = p.scales == nullptr ? m.scale : m.scale * p.scales[tile.expert];
  const float bias = m.bias == nullptr ? 0.0f : m.bias[static_cast<std::int64_t>(tile.expert) * m.n + n];
  m.y[slot_at(p, tile.first + across) * m.y_stride + n] = scale * total + bias;
}

HEARTH_KERNEL(expert_sum, kExpertSumThreads, ExpertSumArgs) {
  const std::int64_t token = block_x();
  const std::int64_t i = static_cast<std::int64_t>(block_y()) * kExpertSumThreads + thread_index();
  if (i >= p.width) return;
  const float* y = p.y + token * p.used * p.width + i;
  const float* weights = p.weights + token * p.used;
  float sum = weights[0] * y[0];
  for (int j = 1; j < static_cast<int>(p.used); ++j) sum += weights[j] * y[j * p.width];
  if (p.shared != nullptr) {
    const float gate = p.gate == nullptr ? 1.0f : 1.0f / (1.0f + exp_accurate(-p.gate[token]));
    sum += gate * p.shared[token * p.width + i];
  }
  p.out[token * p.width + i] = sum;
}

}  // namespace hearth::gpu
