// The nonlinearities, a thread for every four elements of a row.
#include "kernels/activation/activation_gpu.h"

#include "device/gpu/gpu.h"
#include "kernels/gpu/gpu_math.h"
#include "kernels/gpu/gpu_rows.h"

namespace hearth::gpu {
namespace {

// Keeps -infinity times 0 from being NaN: the limits there are 0.
HEARTH_DEVICE float above_minus_infinity(float x) {
  return x < -0x1.fffffep127f ? -0x1.fffffep127f : x;
}

struct Silu {
  HEARTH_DEVICE float operator()(float x) const { return above_minus_infinity(x) / (exp_accurate(-x) + 1.0f); }
};

struct Gelu {
  // x Phi(x), and Phi(x) is half of erfc(-x / sqrt(2)).
  HEARTH_DEVICE float operator()(float x) const {
    const float magnitude = float_from_bits(float_bits(x) & 0x7fffffffu);
    const float tail = erfc_positive(magnitude * 0x1.6a09e6p-1f) * 0.5f;
    return above_minus_infinity(x) * (x < 0.0f ? tail : 1.0f - tail);
  }
};

struct GeluTanh {
  // (1 + tanh(u)) / 2 is the logistic function of 2 u, which loses no digits where tanh is close to -1.
  HEARTH_DEVICE float operator()(float x) const {
    const float cubic = fma_exact(x * x, 0.044715f, 1.0f);
    return above_minus_infinity(x) / (exp_accurate(x * cubic * -1.59576912f) + 1.0f);  // 2 sqrt(2 / pi)
  }
};

struct GeluQuick {
  HEARTH_DEVICE float operator()(float x) const { return above_minus_infinity(x) / (exp_accurate(x * -1.702f) + 1.0f); }
};

struct Relu {
  HEARTH_DEVICE float operator()(float x) const { return x < 0.0f ? 0.0f : x; }
};

struct ReluSquared {
  HEARTH_DEVICE float operator()(float x) const {
    const float positive = Relu()(x);
    return positive * positive;
  }
};

struct Xielu {
  XieluParameters p;

  HEARTH_DEVICE float operator()(float x) const {
    const float linear = p.linear * x;
    if (x > 0.0f) return fma_exact(p.positive * x, x, linear);
    // e^c - 1 - c of the clamped x, near 0 by its series: the difference would have no digits left.
    const float c = x < p.eps ? x : p.eps;
    const float series = c * c *
                         polynomial(c, {0.5f, 0x1.555556p-3f, 0x1.555556p-5f, 0x1.111112p-7f, 0x1.6c16c2p-10f,
                                        0x1.a01a02p-13f, 0x1.a01a02p-16f, 0x1.71de3ap-19f});
    const float tail = c > -0.5f ? series : (exp_accurate(c) - 1.0f) - c;
    return fma_exact(tail + (c - x), p.negative, linear);
  }
};

// Calls use(function) with the function of the kind.
template <class Use>
HEARTH_DEVICE void with_function(Activation kind, const XieluParameters& xielu, Use use) {
  switch (kind) {
    case Activation::kSilu:
      return use(Silu());
    case Activation::kGelu:
      return use(Gelu());
    case Activation::kGeluTanh:
      return use(GeluTanh());
    case Activation::kGeluQuick:
      return use(GeluQuick());
    case Activation::kRelu:
      return use(Relu());
    case Activation::kReluSquared:
      return use(ReluSquared());
    case Activation::kXielu:
      return use(Xielu{xielu});
  }
}

// The factors as Gating says; NaN stays NaN.
HEARTH_DEVICE void limit_factors(const Gating& gating, Floats4& gate, Floats4& up) {
  HEARTH_UNROLL
  for (int e = 0; e < 4; ++e) {
    if (gating.limit > 0.0f) {
      gate.value[e] = gate.value[e] > gating.limit ? gating.limit : gate.value[e];
      up.value[e] = up.value[e] > gating.limit ? gating.limit : up.value[e];
      up.value[e] = up.value[e] < -gating.limit ? -gating.limit : up.value[e];
    }
    // Not with 0, which would make +0 of -0.
    if (gating.up_offset != 0.0f) up.value[e] += gating.up_offset;
  }
}

// How many of the four elements from `i` an array of `element_count` has.
HEARTH_DEVICE int elements_left(std::int64_t element_count, std::int64_t i) {
  const std::int64_t left = element_count - i;
  return left < 4 ? static_cast<int>(left < 0 ? 0 : left) : 4;
}

}  // namespace

HEARTH_KERNEL(activation, kActivationThreads, ActivationParams) {
  const std::int64_t i = static_cast<std::int64_t>(block_x()) * kActivationBlockElements + 4 * thread_index();
  const int count = elements_left(p.element_count, i);
  const bool aligned = p.aligned && count % 4 == 0;
  Floats4 v = load_floats(p.x + i, count, aligned);
  with_function(p.activation, p.xielu, [&](auto function) {
    HEARTH_UNROLL
    for (int e = 0; e < 4; ++e) v.value[e] = function(v.value[e]);
  });
  store_converted(p.out, i, p.out_bf16, v, count, aligned);
}

HEARTH_KERNEL(gated_activation, kActivationThreads, GatedActivationParams) {
  const std::int64_t row = block_x();
  const std::int64_t i = static_cast<std::int64_t>(block_y()) * kActivationBlockElements + 4 * thread_index();
  const int count = elements_left(p.width, i);
  Floats4 v = load_floats(p.gate + row * p.row_stride + i, count, p.aligned);
  Floats4 up = load_floats(p.up + row * p.up_stride + i, count, p.aligned);
  limit_factors(p.gating, v, up);
  with_function(p.activation, p.xielu, [&](auto function) {
    HEARTH_UNROLL
    for (int e = 0; e < 4; ++e) v.value[e] = function(v.value[e]) * up.value[e];
  });
  store_converted(p.out, row * p.width + i, p.out_bf16, v, count, p.aligned);
}

}  // namespace hearth::gpu
