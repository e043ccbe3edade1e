// The gated delta rule on the CPU: sequences, heads and parts of their columns are shared out. A task goes through its
// sequence's tokens, 32 columns of a row of the state at a time, in registers.
#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "device/cpu/cpu_device.h"
#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/simd_math.h"

namespace hearth::HEARTH_ISA {
namespace {

constexpr std::int64_t kTaskColumns = 64;

// What all columns of a head share of one token.
struct DeltaRow {
  alignas(32) float k[kDeltaKeyDimMax], q[kDeltaKeyDimMax], forget[kDeltaKeyDimMax];
  float beta, product;  // product: k . q
};

float row_product(const float* a, const float* b, std::int64_t count) {
  F32x8 sum{};
  std::int64_t i = 0;
  for (; i + 8 <= count; i += 8) sum = multiply_add(load(a + i), load(b + i), sum);
  if (i < count) sum = multiply_add(load_first(a + i, count - i), load_first(b + i, count - i), sum);
  return sum_lanes(sum);
}

// exp(rate * softplus(decay + bias)) for each row of the state.
void write_forgetting(const GatedDeltaArgs& args, std::int64_t token, std::int64_t head, float* forget) {
  const F32x8 rate = broadcast(args.rate[head]);
  const auto of = [&](F32x8 x, F32x8 bias) { return exp8(rate * softplus8(x + bias)); };
  const float* decay = args.decay + token * args.decay_stride;
  if (!args.channel_decay) {
    std::fill_n(forget, args.k_dim, of(broadcast(decay[head]), broadcast(args.decay_bias[head]))[0]);
    return;
  }
  decay += head * args.k_dim;
  const float* bias = args.decay_bias + head * args.k_dim;
  for (std::int64_t i = 0; i < args.k_dim; i += 8) {
    const std::int64_t count = std::min<std::int64_t>(args.k_dim - i, 8);
    const bool whole = count == 8;
    store(forget + i, of(whole ? load(decay + i) : load_first(decay + i, count),
                         whole ? load(bias + i) : load_first(bias + i, count)));
  }
}

void prepare_row(const GatedDeltaArgs& args, std::int64_t token, std::int64_t head, DeltaRow& row) {
  const std::int64_t key_head = key_head_of(args.key_heads, head, args.k_heads, args.v_heads);
  const float* k = args.k + token * args.row_stride + key_head * args.k_dim;
  const float* q = args.q + token * args.row_stride + key_head * args.k_dim;
  const float k_factor = 1.0f / std::sqrt(row_product(k, k, args.k_dim) + args.length_epsilon);
  const float q_factor = args.scale / std::sqrt(row_product(q, q, args.k_dim) + args.length_epsilon);
  for (std::int64_t i = 0; i < args.k_dim; ++i) {
    row.k[i] = k[i] * k_factor;
    row.q[i] = q[i] * q_factor;
  }
  row.product = row_product(row.k, row.q, args.k_dim);
  row.beta = 1.0f / (exp8(broadcast(-args.beta[token * args.beta_stride + head]))[0] + 1.0f);
  write_forgetting(args, token, head, row.forget);
}

// One token's step of kVectors times eight columns; of the last eight only `count` exist, and the state's rows end
// there.
template <int kVectors, bool kWhole>
HEARTH_INLINE void step_columns(const DeltaRow& row, std::int64_t k_dim, std::int64_t v_dim, float* state,
                                const float* v, float* out, std::int64_t count) {
  const auto get = [&](const float* from) { return kWhole ? load(from) : load_first(from, count); };
  const auto put = [&](float* to, F32x8 value) {
    if (kWhole) {
      store(to, value);
    } else {
      std::memcpy(to, &value, static_cast<std::size_t>(count) * sizeof(float));
    }
  };
  F32x8 said[kVectors] = {}, sum[kVectors] = {};
  for (std::int64_t i = 0; i < k_dim; ++i) {
    float* s = state + i * v_dim;
    for (int j = 0; j < kVectors; ++j) {
      const F32x8 value = get(s + 8 * j) * row.forget[i];
      put(s + 8 * j, value);
      said[j] = multiply_add(value, broadcast(row.k[i]), said[j]);
      sum[j] = multiply_add(value, broadcast(row.q[i]), sum[j]);
    }
  }
  F32x8 u[kVectors];
  for (int j = 0; j < kVectors; ++j) {
    u[j] = (get(v + 8 * j) - said[j]) * row.beta;
    put(out + 8 * j, multiply_add(u[j], broadcast(row.product), sum[j]));
  }
  for (std::int64_t i = 0; i < k_dim; ++i) {
    float* s = state + i * v_dim;
    for (int j = 0; j < kVectors; ++j) put(s + 8 * j, multiply_add(broadcast(row.k[i]), u[j], get(s + 8 * j)));
  }
}

void run_task(const GatedDeltaArgs& args, std::int64_t sequence, std::int64_t head, std::int64_t first,
              std::int64_t last) {
  const std::int64_t v_dim = args.v_dim;
  float* state = state_of(args.states, args.step, sequence) + head * args.k_dim * v_dim;
  const std::int64_t begin = args.step.token_starts[sequence], end = args.step.token_starts[sequence + 1];
  if (begin < end && args.step.positions[begin] == 0) {
    for (std::int64_t i = 0; i < args.k_dim; ++i) std::fill(state + i * v_dim + first, state + i * v_dim + last, 0.0f);
  }
  DeltaRow row;
  for (std::int64_t t = begin; t < end; ++t) {
    prepare_row(args, t, head, row);
    const float* v = args.v + t * args.row_stride + head * v_dim;
    float* out = args.out + (t * args.v_heads + head) * v_dim;
    std::int64_t c = first;
    for (; c + 32 <= last; c += 32) step_columns<4, true>(row, args.k_dim, v_dim, state + c, v + c, out + c, 8);
    for (; c + 8 <= last; c += 8) step_columns<1, true>(row, args.k_dim, v_dim, state + c, v + c, out + c, 8);
    if (c < last) step_columns<1, false>(row, args.k_dim, v_dim, state + c, v + c, out + c, last - c);
  }
}

}  // namespace

void gated_delta(Stream& stream, const GatedDeltaArgs& args) {
  CHECK(args.k_dim <= kDeltaKeyDimMax && args.v_heads % args.k_heads == 0);
  const std::int64_t parts = (args.v_dim + kTaskColumns - 1) / kTaskColumns;
  const std::int64_t count = args.step.sequence_count * args.v_heads * parts;
  cpu_pool(stream).run_ranges(count, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t first = i % parts * kTaskColumns, head = i / parts % args.v_heads;
      run_task(args, i / parts / args.v_heads, head, first, std::min(args.v_dim, first + kTaskColumns));
    }
  });
}

}  // namespace hearth::HEARTH_ISA
