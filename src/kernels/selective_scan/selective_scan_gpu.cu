// Selective state spaces: a few lanes keep a row's state in registers and go through the sequence's tokens. Each lane
// makes what the row needs of one token in as many, and hands it round.
#include "kernels/selective_scan/selective_scan_gpu.h"

#include "device/gpu/gpu.h"
#include "kernels/gpu/gpu_math.h"
#include "kernels/gpu/gpu_rows.h"

namespace hearth::gpu {
namespace {

template <int kLanes, int kVectors>
HEARTH_DEVICE void load_vectors(const SelectiveScanParams& p, const float* from, int lane, bool aligned,
                                Floats4 (&to)[kVectors]) {
  HEARTH_UNROLL
  for (int j = 0; j < kVectors; ++j) {
    const int i = 4 * (j * kLanes + lane);
    to[j] = load_floats(from + i, static_cast<int>(p.state_size) - i, aligned);
  }
}

HEARTH_DEVICE float delta_of(const SelectiveScanParams& p, std::int64_t token, int head) {
  const float bias = p.dt_bias == nullptr ? 0.0f : p.dt_bias[head];
  const float delta = softplus_accurate(p.dt[token * p.dt_stride + head] + bias);
  return delta < p.delta_min ? p.delta_min : delta > p.delta_max ? p.delta_max : delta;
}

// One token's step: the lane's part of the state, and S . C in all of the row's lanes. `decay`: of the whole state, or
// where its elements have their own, delta.
template <int kLanes, int kVectors, bool kOfStates>
HEARTH_DEVICE float step_row(Floats4 (&state)[kVectors], const Floats4 (&a)[kVectors], const Floats4 (&b)[kVectors],
                             const Floats4 (&c)[kVectors], float decay, float input) {
  float sum = 0.0f;
  HEARTH_UNROLL
  for (int j = 0; j < kVectors; ++j) {
    HEARTH_UNROLL
    for (int e = 0; e < 4; ++e) {
      const float factor = kOfStates ? exp_accurate(decay * a[j].value[e]) : decay;
      state[j].value[e] = fma_exact(input, b[j].value[e], state[j].value[e] * factor);
      sum = fma_exact(state[j].value[e], c[j].value[e], sum);
    }
  }
  HEARTH_UNROLL
  for (int mask = kLanes / 2; mask > 0; mask /= 2) sum += shuffle_xor(sum, mask);
  return sum;
}

template <int kLanes, int kVectors, bool kOfStates>
HEARTH_DEVICE void selective_scan(const SelectiveScanParams& p) {
  constexpr int kRows = kScanThreads / kLanes;
  const int lane = thread_index() % kLanes, first_lane = lane_index() - lane, sequence = block_y();
  const int index = static_cast<int>(block_x()) * kRows + thread_index() / kLanes;
  const bool valid = index < p.heads * p.head_dim;
  const int r = valid ? index : 0, head = r / static_cast<int>(p.head_dim);
  const std::int64_t group = head / (p.heads / p.groups) * p.state_size;
  const float *b_rows = p.b + group, *c_rows = p.c + group;
  const std::int64_t begin = p.step.token_starts[sequence], end = p.step.token_starts[sequence + 1];
  float* of_row = state_of(p.states, p.step, sequence) + r * p.state_size;
  Floats4 state[kVectors] = {}, a[kVectors] = {}, b[kVectors], c[kVectors];
  if (begin == end) return;
  if (p.step.positions[begin] != 0) load_vectors<kLanes>(p, of_row, lane, p.state_aligned, state);
  if constexpr (kOfStates) load_vectors<kLanes>(p, p.a + head * p.state_size, lane, p.a_aligned, a);
  const float rate = kOfStates ? 0.0f : p.a[head], skip = p.d == nullptr ? 0.0f : p.d[head];
  load_vectors<kLanes>(p, b_rows + begin * p.bc_stride, lane, p.inputs_aligned, b);
  load_vectors<kLanes>(p, c_rows + begin * p.bc_stride, lane, p.inputs_aligned, c);
  for (std::int64_t first = begin; first < end; first += kLanes) {
    const int count = end - first < kLanes ? static_cast<int>(end - first) : kLanes;
    const std::int64_t own = first + (lane < count ? lane : 0);
    const float x = p.x[own * p.x_stride + r], delta = delta_of(p, own, head);
    const float decay = kOfStates ? delta : exp_accurate(delta * rate), input = delta * x;
    float sum = 0.0f;
    for (int i = 0; i < count; ++i) {
      // The next token's are on their way while this one is computed.
      Floats4 next_b[kVectors], next_c[kVectors];
      const std::int64_t next = first + i + 1 < end ? first + i + 1 : first;
      load_vectors<kLanes>(p, b_rows + next * p.bc_stride, lane, p.inputs_aligned, next_b);
      load_vectors<kLanes>(p, c_rows + next * p.bc_stride, lane, p.inputs_aligned, next_c);
      const float y = step_row<kLanes, kVectors, kOfStates>(state, a, b, c, shuffle(decay, first_lane + i),
                                                            shuffle(input, first_lane + i));
      sum = lane == i ? y : sum;
      HEARTH_UNROLL
      for (int j = 0; j < kVectors; ++j) b[j] = next_b[j], c[j] = next_c[j];
    }
    if (valid && lane < count) p.out[own * p.out_stride + r] = fma_exact(skip, x, sum);
  }
  HEARTH_UNROLL
  for (int j = 0; j < kVectors; ++j) {
    const int i = 4 * (j * kLanes + lane);
    store_floats(of_row + i, state[j], valid ? static_cast<int>(p.state_size) - i : 0, p.state_aligned);
  }
}

}  // namespace

#define HEARTH_SELECTIVE_SCAN(name, lanes, vectors, of_states) \
  HEARTH_KERNEL(name, kScanThreads, SelectiveScanParams) {     \
    selective_scan<lanes, vectors, of_states>(p);              \
  }
HEARTH_SELECTIVE_SCAN(scan_16, 4, 1, false)
HEARTH_SELECTIVE_SCAN(scan_64, 8, 2, false)
HEARTH_SELECTIVE_SCAN(scan_128, 8, 4, false)
HEARTH_SELECTIVE_SCAN(scan_256, 16, 4, false)
HEARTH_SELECTIVE_SCAN(scan_states_16, 4, 1, true)
HEARTH_SELECTIVE_SCAN(scan_states_64, 8, 2, true)
HEARTH_SELECTIVE_SCAN(scan_states_128, 8, 4, true)
HEARTH_SELECTIVE_SCAN(scan_states_256, 16, 4, true)

}  // namespace hearth::gpu
