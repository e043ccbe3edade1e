// Selective state spaces on the CPU: sequences and parts of their rows are shared out. A task goes through its
// sequence's tokens, each row's state staying in the cache.
#include <algorithm>

#include "base/check.h"
#include "device/cpu/cpu_device.h"
#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/simd_math.h"

namespace hearth::HEARTH_ISA {
namespace {

constexpr std::int64_t kTaskRows = 32;

HEARTH_INLINE void store_part(float* p, F32x8 v, std::int64_t count) {
  std::memcpy(p, &v, static_cast<std::size_t>(count) * sizeof(float));
}

// One token's step of a row: the new state, and S . C. `factor(n)`: what elements n to n + 7 are multiplied by.
template <class Factor>
HEARTH_INLINE float step_row(float* state, std::int64_t size, const float* b, const float* c, float input,
                             Factor factor) {
  F32x8 sum{};
  std::int64_t n = 0;
  for (; n + 8 <= size; n += 8) {
    const F32x8 s = multiply_add(load(b + n), broadcast(input), load(state + n) * factor(n, std::int64_t{8}));
    store(state + n, s);
    sum = multiply_add(s, load(c + n), sum);
  }
  if (const std::int64_t left = size - n; left > 0) {
    const F32x8 old = load_first(state + n, left) * factor(n, left);
    const F32x8 s = multiply_add(load_first(b + n, left), broadcast(input), old);
    store_part(state + n, s, left);
    sum = multiply_add(s, load_first(c + n, left), sum);
  }
  return sum_lanes(sum);
}

float delta_of(const SelectiveScanArgs& args, std::int64_t token, std::int64_t head) {
  const float bias = args.dt_bias == nullptr ? 0.0f : args.dt_bias[head];
  const float delta = softplus8(broadcast(args.dt[token * args.dt_stride + head] + bias))[0];
  return delta < args.delta_min ? args.delta_min : delta > args.delta_max ? args.delta_max : delta;
}

void run_token(const SelectiveScanArgs& args, std::int64_t token, float* states, std::int64_t first,
               std::int64_t last) {
  const std::int64_t size = args.state_size, heads_of_group = args.heads / args.groups;
  const float* x = args.x + token * args.x_stride;
  float* out = args.out + token * args.out_stride;
  std::int64_t head = -1;
  float delta = 0, decay = 0, skip = 0;
  const float *b = nullptr, *c = nullptr, *a = nullptr;
  for (std::int64_t r = first; r < last; ++r) {
    if (r / args.head_dim != head) {
      head = r / args.head_dim;
      const std::int64_t group = token * args.bc_stride + head / heads_of_group * size;
      b = args.b + group;
      c = args.c + group;
      delta = delta_of(args, token, head);
      skip = args.d == nullptr ? 0.0f : args.d[head];
      a = args.a_of_states ? args.a + head * size : nullptr;
      if (a == nullptr) decay = exp8(broadcast(delta * args.a[head]))[0];
    }
    float* state = states + r * size;
    const float input = delta * x[r];
    const float sum =
        a == nullptr ? step_row(state, size, b, c, input, [&](std::int64_t, std::int64_t) { return broadcast(decay); })
                     : step_row(state, size, b, c, input, [&](std::int64_t n, std::int64_t count) {
                         return exp8((count == 8 ? load(a + n) : load_first(a + n, count)) * delta);
                       });
    out[r] = sum + skip * x[r];
  }
}

}  // namespace

void selective_scan(Stream& stream, const SelectiveScanArgs& args) {
  CHECK(args.state_size <= kScanStateMax && args.heads % args.groups == 0);
  const std::int64_t rows = args.heads * args.head_dim, parts = (rows + kTaskRows - 1) / kTaskRows;
  cpu_pool(stream).run_ranges(args.step.sequence_count * parts, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t sequence = i / parts, first = i % parts * kTaskRows;
      const std::int64_t last = std::min(rows, first + kTaskRows);
      float* states = state_of(args.states, args.step, sequence);
      const std::int32_t* starts = args.step.token_starts + sequence;
      if (starts[0] < starts[1] && args.step.positions[starts[0]] == 0) {
        std::fill(states + first * args.state_size, states + last * args.state_size, 0.0f);
      }
      for (std::int64_t t = starts[0]; t < starts[1]; ++t) run_token(args, t, states, first, last);
    }
  });
}

}  // namespace hearth::HEARTH_ISA
