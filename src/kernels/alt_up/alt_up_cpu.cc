// Alternating updates on the CPU: the tokens are shared out.
#include "kernels/alt_up/alt_up.h"

#include "base/check.h"
#include "device/cpu/cpu_device.h"
#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/grain.h"
#include "kernels/cpu/simd_math.h"

namespace hearth::HEARTH_ISA {
namespace {

constexpr std::int64_t kStreams = kAltUpStreamsMax;
static_assert(kStreams == 8, "a token's products are one vector");

// out[row] = first + coefficients[row] . tanh(products of the token)
HEARTH_INLINE void mix_coefficients(const AltUpStreams& s, const float* coefficients, std::int64_t row_count,
                                    std::int64_t token, float first, float* out) {
  const float* const products = s.products + token * s.count;
  const F32x8 modes = tanh8(s.count == kStreams ? load(products) : load_first(products, s.count));
  for (std::int64_t row = 0; row < row_count; ++row) {
    float sum = 0;
    for (std::int64_t j = 0; j < s.count; ++j) sum += coefficients[row * s.count + j] * modes[j];
    out[row] = first + sum;
  }
}

// Calls use(stride, token) for every token, shared out; a stream's tokens stand `stride` floats after the one before.
template <class Use>
HEARTH_INLINE void each_token(Stream& stream, const AltUpStreams& s, Use use) {
  CHECK(s.count >= 1 && s.count <= kStreams && s.active >= 0 && s.active < s.count);
  cpu_pool(stream).run_ranges(s.token_count, task_rows(s.count * s.width), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) use(s.token_count * s.width, t);
  });
}

}  // namespace

void alt_up_predict(Stream& stream, const AltUpPredictArgs& args) {
  const AltUpStreams& s = args.streams;
  each_token(
      stream, s, [&](std::int64_t stride, std::int64_t t) __attribute__((always_inline)) {
        float mix[kStreams * kStreams];
        mix_coefficients(s, args.coefficients, s.count * s.count, t, 0, mix);
        float* const data = s.data + t * s.width;
        float* const x = args.x + t * s.width;
        const auto predict = [&](std::int64_t i, std::int64_t count) __attribute__((always_inline)) {
          F32x8 in[kStreams] = {};
          for (std::int64_t n = 0; n < s.count; ++n) {
            in[n] = count == 8 ? load(data + n * stride + i) : load_first(data + n * stride + i, count);
          }
          for (std::int64_t o = 0; o < s.count; ++o) {
            F32x8 sum{};
            for (std::int64_t n = 0; n < s.count; ++n) sum = multiply_add(broadcast(mix[o * s.count + n]), in[n], sum);
            sum = in[o] + sum;
            std::memcpy(data + o * stride + i, &sum, static_cast<std::size_t>(count) * sizeof(float));
            if (o == s.active) std::memcpy(x + i, &sum, static_cast<std::size_t>(count) * sizeof(float));
          }
        };
        std::int64_t i = 0;
        for (; i + 8 <= s.width; i += 8) predict(i, 8);
        if (i < s.width) predict(i, s.width - i);
      });
}

void alt_up_correct(Stream& stream, const AltUpCorrectArgs& args) {
  const AltUpStreams& s = args.streams;
  each_token(
      stream, s, [&](std::int64_t stride, std::int64_t t) __attribute__((always_inline)) {
        float mix[kStreams];
        mix_coefficients(s, args.coefficients, s.count, t, 1, mix);
        float* const data = s.data + t * s.width;
        const float* const x = args.x + t * s.width;
        float* const scaled = args.scaled + t * s.width;
        const float* const active = data + s.active * stride;
        for (std::int64_t i = 0; i < s.width; ++i) {
          const float change = x[i] - active[i];
          for (std::int64_t n = 0; n < s.count; ++n) data[n * stride + i] += mix[n] * change;
          scaled[i] = args.scale == nullptr ? active[i] : active[i] * args.scale[i];
        }
      });
}

}  // namespace hearth::HEARTH_ISA
