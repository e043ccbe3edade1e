// Blocks of 256 weights in groups, whose scales (and minimums) are small integers times one or two f16 of the block.
// The groups are fitted on their own; the block's f16 follow from the largest; each group's integers are then chosen
// among the neighbours of its rounded ones, by the error that results; and the block's f16 are solved for once more
// under what was chosen.
#pragma once

#include <cmath>
#include <cstdint>

#include "formats/encode/encode_rows.h"
#include "formats/encode/scale_search.h"

namespace hearth::HEARTH_ISA {

// How often the block's f16 are solved for again under what was chosen.
inline constexpr int kSolutions = 1;

template <int kGroups>
struct ScaleMinBlock {
  static constexpr int kGroupElements = 256 / kGroups;
  std::uint16_t d = 0, dmin = 0;  // f16
  int scale[kGroups] = {};
  int min[kGroups] = {};
  std::uint8_t codes[256] = {};
  float error = 0.0f;
};

// Fills scale, min and error of a block under its d and dmin.
template <int kGroups>
HEARTH_ALWAYS_INLINE void choose_scales_and_mins(const ScaledValues<256>& values, const float* weights,
                                                 const ScaleMin* fits, const IntegerLevels& levels, int integer_max,
                                                 ScaleMinBlock<kGroups>& block) {
  constexpr int kSize = 256 / kGroups;
  const IntegerLevels integers{0.0f, static_cast<float>(integer_max)};
  const float d = values.from_f16(block.d), dmin = values.from_f16(block.dmin);
  const float inverse_d = inverse_of(d), inverse_dmin = inverse_of(dmin);
  block.error = 0.0f;
  for (int g = 0; g < kGroups; ++g) {
    const int scale = integers.code(fits[g].scale * inverse_d), min = integers.code(fits[g].min * inverse_dmin);
    // A smaller scale goes with a smaller minimum more often than with a larger one.
    constexpr int kSteps[8][2] = {{0, 0}, {-1, -1}, {-1, 0}, {-1, 1}, {0, -1}, {0, 1}, {1, 0}, {1, 1}};
    TrialFits<1> trials;
    int trial_scale[trials.kTrials], trial_min[trials.kTrials];
    for (int trial = 0; trial < trials.kTrials; ++trial) {
      const int s = scale + kSteps[trial][0], m = min + kSteps[trial][1];
      trial_scale[trial] = s < 0 ? 0 : s > integer_max ? integer_max : s;
      trial_min[trial] = m < 0 ? 0 : m > integer_max ? integer_max : m;
      trials.set(trial, {d * static_cast<float>(trial_scale[trial]), dmin * static_cast<float>(trial_min[trial])});
    }
    const Best best = best_trial(values.x + g * kSize, weights + g * kSize, kSize, trials, levels);
    block.scale[g] = trial_scale[best.trial];
    block.min[g] = trial_min[best.trial];
    block.error += best.error;
  }
}

template <int kGroups>
HEARTH_ALWAYS_INLINE void set_codes(const ScaledValues<256>& values, const IntegerLevels& levels,
                                    ScaleMinBlock<kGroups>& block) {
  constexpr int kSize = 256 / kGroups;
  const float d = values.from_f16(block.d), dmin = values.from_f16(block.dmin);
  for (int g = 0; g < kGroups; ++g) {
    const float inverse = inverse_of(d * static_cast<float>(block.scale[g]));
    const float min = dmin * static_cast<float>(block.min[g]);
    for (int i = g * kSize; i < (g + 1) * kSize; ++i) {
      block.codes[i] = static_cast<std::uint8_t>(levels.code((values.x[i] + min) * inverse));
    }
  }
}

// d and dmin that suit the integers and codes of a block best; false where these determine none.
template <int kGroups>
HEARTH_ALWAYS_INLINE bool solve_block(const ScaledValues<256>& values, const float* weights,
                                      const ScaleMinBlock<kGroups>& block, float& d, float& dmin) {
  constexpr int kSize = 256 / kGroups;
  float ss = 0, sm = 0, mm = 0, sx = 0, mx = 0;
  for (int g = 0; g < kGroups; ++g) {
    const float scale = static_cast<float>(block.scale[g]), min = static_cast<float>(block.min[g]);
    float w = 0, wl = 0, wll = 0, wx = 0, wlx = 0;
    for (int i = g * kSize; i < (g + 1) * kSize; ++i) {
      const float level = block.codes[i], weighted = weights[i] * level;
      w += weights[i];
      wl += weighted;
      wll += weighted * level;
      wx += weights[i] * values.x[i];
      wlx += weighted * values.x[i];
    }
    ss += scale * scale * wll;
    sm += scale * min * wl;
    mm += min * min * w;
    sx += scale * wlx;
    mx += min * wx;
  }
  const float determinant = ss * mm - sm * sm;
  if (determinant > 1e-6f * ss * mm) {
    d = (sx * mm - sm * mx) / determinant;
    dmin = (sx * sm - ss * mx) / determinant;
  } else if (mm == 0.0f && ss > 0.0f) {
    d = sx / ss;
    dmin = 0.0f;
  } else {
    return false;
  }
  return d >= 0.0f && dmin >= 0.0f;
}

// weight = d * scale * code - dmin * min, codes from 0 to `code_max`, scales and minimums from 0 to `integer_max`.
template <int kGroups>
HEARTH_ALWAYS_INLINE ScaleMinBlock<kGroups> fit_scale_min_block(const float* in, const float* importance, int code_max,
                                                                int integer_max) {
  constexpr int kSize = 256 / kGroups;
  const ScaledValues<256> values(in);
  const IntegerLevels levels{0.0f, static_cast<float>(code_max)};
  float weights[256];
  ScaleMin fits[kGroups];
  float scale_max = 0.0f, min_max = 0.0f;
  for (int g = 0; g < kGroups; ++g) {
    const float *x = values.x + g * kSize, *group_importance = importance == nullptr ? nullptr : importance + g * kSize;
    error_weights(x, group_importance, kSize, weights + g * kSize);
    fits[g] = fit_scale_and_min(x, weights + g * kSize, kSize, code_max);
    scale_max = fits[g].scale > scale_max ? fits[g].scale : scale_max;
    min_max = fits[g].min > min_max ? fits[g].min : min_max;
  }
  ScaleMinBlock<kGroups> block;
  block.d = values.to_f16(scale_max / static_cast<float>(integer_max));
  block.dmin = values.to_f16(min_max / static_cast<float>(integer_max));
  choose_scales_and_mins(values, weights, fits, levels, integer_max, block);
  set_codes(values, levels, block);
  for (int solution = 0; solution < kSolutions; ++solution) {
    float d = 0.0f, dmin = 0.0f;
    if (!solve_block(values, weights, block, d, dmin)) break;
    ScaleMinBlock<kGroups> solved;
    solved.d = values.to_f16(d);
    solved.dmin = values.to_f16(dmin);
    choose_scales_and_mins(values, weights, fits, levels, integer_max, solved);
    if (!(solved.error < block.error)) break;
    set_codes(values, levels, solved);
    block = solved;
  }
  return block;
}

template <int kGroups>
struct ScaleBlock {
  std::uint16_t d = 0;  // f16
  int scale[kGroups] = {};
  std::uint8_t codes[256] = {};
  float error = 0.0f;
};

template <int kGroups, class Levels>
HEARTH_ALWAYS_INLINE void choose_scales(const ScaledValues<256>& values, const float* weights, const float* fits,
                                        const Levels& levels, const IntegerLevels& integers,
                                        ScaleBlock<kGroups>& block) {
  constexpr int kSize = 256 / kGroups;
  const float d = values.from_f16(block.d), inverse_d = inverse_of(d);
  block.error = 0.0f;
  for (int g = 0; g < kGroups; ++g) {
    const float rounded = integers.level(integers.code(fits[g] * inverse_d));
    TrialFits<1> trials;
    float trial_scale[trials.kTrials];
    for (int trial = 0; trial < trials.kTrials; ++trial) {
      const float near = rounded + static_cast<float>(trial - 4);
      trial_scale[trial] = near < integers.low ? integers.low : near > integers.high ? integers.high : near;
      trials.set(trial, {d * trial_scale[trial], 0.0f});
    }
    const Best best = best_trial(values.x + g * kSize, weights + g * kSize, kSize, trials, levels);
    block.scale[g] = static_cast<int>(trial_scale[best.trial]);
    block.error += best.error;
  }
}

// Codes, and the d that suits them best.
template <int kGroups, class Levels>
HEARTH_ALWAYS_INLINE float set_codes_and_solve(const ScaledValues<256>& values, const float* weights,
                                               const Levels& levels, ScaleBlock<kGroups>& block) {
  constexpr int kSize = 256 / kGroups;
  const float d = values.from_f16(block.d);
  float ss = 0, sx = 0;
  for (int g = 0; g < kGroups; ++g) {
    const float scale = static_cast<float>(block.scale[g]), inverse = inverse_of(d * scale);
    float wll = 0, wlx = 0;
    for (int i = g * kSize; i < (g + 1) * kSize; ++i) {
      const int code = levels.code(values.x[i] * inverse);
      const float level = levels.level(code), weighted = weights[i] * level;
      block.codes[i] = static_cast<std::uint8_t>(code);
      wll += weighted * level;
      wlx += weighted * values.x[i];
    }
    ss += scale * scale * wll;
    sx += scale * wlx;
  }
  return ss > 0.0f ? sx / ss : d;
}

// weight = d * scale * level(code), levels from `low` to `high`, scales among `integers`, of which the lowest reaches
// furthest.
template <int kGroups, int kVectors, class Levels>
HEARTH_ALWAYS_INLINE ScaleBlock<kGroups> fit_scale_block(const float* in, const float* importance, const Levels& levels,
                                                         float low, float high, float step,
                                                         const IntegerLevels& integers) {
  constexpr int kSize = 256 / kGroups;
  const ScaledValues<256> values(in);
  float weights[256], fits[kGroups];
  for (int g = 0; g < kGroups; ++g) {
    const float *x = values.x + g * kSize, *group_importance = importance == nullptr ? nullptr : importance + g * kSize;
    error_weights(x, group_importance, kSize, weights + g * kSize);
    fits[g] = fit_scale<kVectors>(x, weights + g * kSize, kSize, levels, low, high, step);
  }
  ScaleBlock<kGroups> block;
  block.d = values.to_f16(first_of_largest_magnitude(fits, kGroups) / integers.low);
  choose_scales(values, weights, fits, levels, integers, block);
  float d = set_codes_and_solve(values, weights, levels, block);
  for (int solution = 0; solution < kSolutions; ++solution) {
    ScaleBlock<kGroups> solved;
    solved.d = values.to_f16(d);
    choose_scales(values, weights, fits, levels, integers, solved);
    if (!(solved.error < block.error)) break;
    d = set_codes_and_solve(values, weights, levels, solved);
    block = solved;
  }
  return block;
}

}  // namespace hearth::HEARTH_ISA
