// The nonlinearities on the CPU, eight elements at a time. The last ones of a range are computed as the others, in a
// padded vector, so that a result does not depend on where a range ends.
#include "base/check.h"
#include "device/cpu/cpu_device.h"
#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/grain.h"
#include "kernels/cpu/simd_math.h"

namespace hearth::HEARTH_ISA {
namespace {

// The first `count` lanes to memory; 0 <= count < 8.
HEARTH_INLINE void store_first(float* p, F32x8 v, std::int64_t count) {
  std::memcpy(p, &v, static_cast<std::size_t>(count) * sizeof(float));
}

// Keeps -infinity times 0 from being NaN: the limits there are 0.
HEARTH_INLINE F32x8 above_minus_infinity(F32x8 x) {
  const F32x8 lowest = broadcast(-0x1.fffffep127f);
  return select_less(x, lowest, lowest, x);
}

struct Silu {
  HEARTH_INLINE F32x8 operator()(F32x8 x) const { return above_minus_infinity(x) / (exp8(-x) + 1.0f); }
};

struct Gelu {
  // x Phi(x), and Phi(x) is half of erfc(-x / sqrt(2)).
  HEARTH_INLINE F32x8 operator()(F32x8 x) const {
    const F32x8 tail = erfc8_positive(absolute(x) * 0x1.6a09e6p-1f) * 0.5f;
    return above_minus_infinity(x) * select_less(x, F32x8{}, tail, 1.0f - tail);
  }
};

struct GeluTanh {
  // (1 + tanh(u)) / 2 is the logistic function of 2 u, which loses no digits where tanh is close to -1.
  HEARTH_INLINE F32x8 operator()(F32x8 x) const {
    const F32x8 cubic = multiply_add(x * x, broadcast(0.044715f), broadcast(1.0f));
    return above_minus_infinity(x) / (exp8(x * cubic * -1.59576912f) + 1.0f);  // 2 sqrt(2 / pi)
  }
};

struct GeluQuick {
  HEARTH_INLINE F32x8 operator()(F32x8 x) const { return above_minus_infinity(x) / (exp8(x * -1.702f) + 1.0f); }
};

struct Relu {
  HEARTH_INLINE F32x8 operator()(F32x8 x) const { return select_less(x, F32x8{}, F32x8{}, x); }
};

struct ReluSquared {
  HEARTH_INLINE F32x8 operator()(F32x8 x) const {
    const F32x8 positive = Relu()(x);
    return positive * positive;
  }
};

struct Xielu {
  XieluParameters p;

  HEARTH_INLINE F32x8 operator()(F32x8 x) const {
    const F32x8 linear = x * p.linear;
    // e^c - 1 - c of the clamped x, near 0 by its series: the difference would have no digits left.
    const F32x8 eps = broadcast(p.eps), c = select_less(x, eps, x, eps);
    const F32x8 series = c * c *
                         polynomial(c, {0.5f, 0x1.555556p-3f, 0x1.555556p-5f, 0x1.111112p-7f, 0x1.6c16c2p-10f,
                                        0x1.a01a02p-13f, 0x1.a01a02p-16f, 0x1.71de3ap-19f});
    const F32x8 tail = select_less(broadcast(-0.5f), c, series, (exp8(c) - 1.0f) - c);
    const F32x8 below = multiply_add(tail + (c - x), broadcast(p.negative), linear);
    return select_less(F32x8{}, x, multiply_add(x * p.positive, x, linear), below);
  }
};

// Calls use(function) with the function of the kind.
template <class Use>
HEARTH_INLINE void with_function(Activation kind, const XieluParameters& xielu, Use use) {
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
  CHECK(false);
}

// The factors as Gating says; NaN stays NaN.
HEARTH_INLINE void limit_factors(const Gating& gating, F32x8& gate, F32x8& up) {
  if (gating.limit > 0) {
    const F32x8 limit = broadcast(gating.limit);
    gate = select_less(limit, gate, limit, gate);
    up = select_less(limit, up, limit, up);
    up = select_less(up, -limit, -limit, up);
  }
  // Not with 0, which would make +0 of -0.
  if (gating.up_offset != 0) up = up + gating.up_offset;
}

// An exponential and a division cost about as much as four elements' way through memory.
constexpr std::int64_t kGrain = kTaskElements / 4;

}  // namespace

void activation(Stream& stream, const ActivationArgs& args) {
  CHECK(args.out_format == Format::kF32);
  auto* out = static_cast<float*>(args.out);
  with_function(args.activation, args.xielu, [&](auto function) {
    cpu_pool(stream).run_ranges(args.element_count, kGrain, [&](std::int64_t begin, std::int64_t end) {
      std::int64_t i = begin;
      for (; i + 8 <= end; i += 8) store(out + i, function(load(args.x + i)));
      if (i < end) store_first(out + i, function(load_first(args.x + i, end - i)), end - i);
    });
  });
}

void gated_activation(Stream& stream, const GatedActivationArgs& args) {
  CHECK(args.out_format == Format::kF32);
  const std::int64_t up_stride = args.up_stride > 0 ? args.up_stride : args.row_stride;
  with_function(args.activation, args.xielu, [&](auto function) {
    const auto run_part = [&](std::int64_t row, std::int64_t column, std::int64_t count) {
      const float* gate = args.gate + row * args.row_stride + column;
      const float* up = args.up + row * up_stride + column;
      float* out = static_cast<float*>(args.out) + row * args.width + column;
      const auto product = [&](F32x8 g, F32x8 u) {
        limit_factors(args.gating, g, u);
        return function(g) * u;
      };
      std::int64_t i = 0;
      for (; i + 8 <= count; i += 8) store(out + i, product(load(gate + i), load(up + i)));
      const std::int64_t rest = count - i;
      if (rest > 0) store_first(out + i, product(load_first(gate + i, rest), load_first(up + i, rest)), rest);
    };
    cpu_pool(stream).run_ranges(args.row_count * args.width, kGrain, [&](std::int64_t begin, std::int64_t end) {
      // Contiguous rows are one row.
      if (args.row_stride == args.width && up_stride == args.width) return run_part(0, begin, end - begin);
      while (begin < end) {
        const std::int64_t row = begin / args.width, column = begin % args.width;
        const std::int64_t left = args.width - column, count = left < end - begin ? left : end - begin;
        run_part(row, column, count);
        begin += count;
      }
    });
  });
}

}  // namespace hearth::HEARTH_ISA
