// The encoders of q4_k and q6_k. Both fit every group on its own, derive the block's f16 scale from the largest, and
// then choose each group's integer scale among the neighbours of its rounded one, by the error that results.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include "formats/q4_k.h"
#include "formats/q6_k.h"
#include "formats/rounding.h"
#include "formats/scale_search.h"

namespace hearth {
namespace {

using BlockValues = std::array<float, 256>;

BlockValues finite_values(const float* in) {
  BlockValues values;
  std::transform(in, in + values.size(), values.begin(), to_finite);
  return values;
}

std::span<const float> group_of(const BlockValues& values, int group, std::size_t elements) {
  return std::span(values).subspan(static_cast<std::size_t>(group) * elements, elements);
}

// The 6-bit scale and minimum under which the group's error is least, near the ones that were fitted.
KScaleMin choose_scale_and_min(std::span<const float> x, std::span<const double> weights, ScaleMin fitted, double d,
                               double dmin) {
  const IntegerRange six_bits{0, 63}, four_bits{0, 15};
  const KScaleMin rounded{d != 0 ? six_bits.nearest(fitted.scale / d) : 0,
                          dmin != 0 ? six_bits.nearest(fitted.min / dmin) : 0};
  const auto error_of = [&](KScaleMin k) { return weighted_error(x, weights, {d * k.scale, dmin * k.min}, four_bits); };
  KScaleMin best = rounded;
  double best_error = error_of(best);
  for (int scale = std::max(0, rounded.scale - 1); scale <= std::min(63, rounded.scale + 1); ++scale) {
    for (int min = std::max(0, rounded.min - 1); min <= std::min(63, rounded.min + 1); ++min) {
      const double error = error_of({scale, min});
      if (error < best_error) {
        best = {scale, min};
        best_error = error;
      }
    }
  }
  return best;
}

int choose_scale(std::span<const float> x, std::span<const double> weights, double fitted, double d) {
  const IntegerRange eight_bits{-128, 127}, six_bits{-32, 31};
  const int rounded = eight_bits.nearest(fitted / d);
  const auto error_of = [&](int scale) { return weighted_error(x, weights, {d * scale, 0.0}, six_bits); };
  int best = rounded;
  double best_error = error_of(best);
  for (const int scale : {std::max(-128, rounded - 1), std::min(127, rounded + 1)}) {
    const double error = error_of(scale);
    if (error < best_error) {
      best = scale;
      best_error = error;
    }
  }
  return best;
}

std::uint16_t to_f16(double value) {
  return f32_to_f16_saturated(static_cast<float>(std::clamp(value, -double(kF16Max), double(kF16Max))));
}

}  // namespace

Q4KBlock Q4KBlock::encode(const float* in) {
  constexpr int kGroups = 8;
  const BlockValues values = finite_values(in);
  std::array<std::array<double, 32>, kGroups> weights;
  std::array<ScaleMin, kGroups> fits;
  double scale_max = 0, min_max = 0;
  for (int g = 0; g < kGroups; ++g) {
    const auto i = static_cast<std::size_t>(g);
    search_weights(group_of(values, g, 32), weights[i]);
    fits[i] = fit_scale_and_min(group_of(values, g, 32), weights[i], 15);
    scale_max = std::max(scale_max, fits[i].scale);
    min_max = std::max(min_max, fits[i].min);
  }

  Q4KBlock block{};
  block.d = to_f16(scale_max / 63);
  block.dmin = to_f16(min_max / 63);
  const double d_value = f16_to_f32(block.d), dmin_value = f16_to_f32(block.dmin);
  for (int g = 0; g < kGroups; ++g) {
    const auto i = static_cast<std::size_t>(g);
    const std::span<const float> x = group_of(values, g, 32);
    const KScaleMin k = choose_scale_and_min(x, weights[i], fits[i], d_value, dmin_value);
    pack_k_scale(block.scales, g, k);
    std::array<int, 32> q;
    quantize(x, {d_value * k.scale, dmin_value * k.min}, {0, 15}, q);
    for (std::size_t l = 0; l < 32; ++l) {
      std::uint8_t& byte = block.qs[32 * (i / 2) + l];
      byte = static_cast<std::uint8_t>(byte | q[l] << (4 * (g % 2)));
    }
  }
  return block;
}

Q6KBlock Q6KBlock::encode(const float* in) {
  constexpr int kGroups = 16;
  const BlockValues values = finite_values(in);
  std::array<std::array<double, 16>, kGroups> weights;
  std::array<double, kGroups> fits;
  double extreme = 0;
  for (int g = 0; g < kGroups; ++g) {
    const auto i = static_cast<std::size_t>(g);
    search_weights(group_of(values, g, 16), weights[i]);
    fits[i] = fit_scale(group_of(values, g, 16), weights[i], 32);
    if (std::fabs(fits[i]) > std::fabs(extreme)) extreme = fits[i];
  }

  Q6KBlock block{};
  block.d = to_f16(extreme / -128);
  const double d_value = f16_to_f32(block.d);
  if (d_value == 0) return block;  // every weight is zero, or too small for the format
  for (int g = 0; g < kGroups; ++g) {
    const auto i = static_cast<std::size_t>(g);
    const std::span<const float> x = group_of(values, g, 16);
    block.scales[g] = static_cast<std::int8_t>(choose_scale(x, weights[i], fits[i], d_value));
    std::array<int, 16> quantized;
    quantize(x, {d_value * block.scales[g], 0.0}, {-32, 31}, quantized);
    for (int l = 0; l < 16; ++l) {
      const int element = 16 * g + l, half = element / 128, part = element % 128 / 32, at = element % 32;
      const int q = quantized[static_cast<std::size_t>(l)] + 32;
      std::uint8_t& low = block.ql[64 * half + 32 * (part % 2) + at];
      std::uint8_t& high = block.qh[32 * half + at];
      low = static_cast<std::uint8_t>(low | (q & 15) << (4 * (part / 2)));
      high = static_cast<std::uint8_t>(high | (q >> 4) << (2 * part));
    }
  }
  return block;
}

}  // namespace hearth
