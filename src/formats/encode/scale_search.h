// The searches behind the encoders: which scale (and minimum) represents a group of weights best. Errors are squared
// and weighted. Sixteen trials stand side by side in the lanes of vectors and walk through the group's elements in
// order, so that no sum depends on the instruction set: an encoder has the same bytes on every machine.
//
// All of it is float32 on values that were scaled into [-2, 2] by a power of two, so that nothing overflows. Compiled
// once for each instruction set, as kernels are; HEARTH_ISA keeps their symbols apart.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstring>

#include "formats/always_inline.h"
#include "formats/iq4_nl.h"

namespace hearth::HEARTH_ISA {

// Eight trials.
using TrialLanes = float __attribute__((vector_size(32)));
inline constexpr int kTrialLanes = 8;

// A group's form: x = scale * level - min, where levels are integers.
struct ScaleMin {
  float scale;
  float min;
};

// The same for each trial.
template <int kVectors>
struct TrialFits {
  static constexpr int kTrials = kVectors * kTrialLanes;
  float scale[kTrials] = {};
  float min[kTrials] = {};

  HEARTH_ALWAYS_INLINE void set(int trial, ScaleMin fit) {
    scale[trial] = fit.scale;
    min[trial] = fit.min;
  }
};

HEARTH_ALWAYS_INLINE TrialLanes load_trials(const float* from, int vector) {
  TrialLanes lanes;
  std::memcpy(&lanes, from + vector * kTrialLanes, sizeof lanes);
  return lanes;
}

HEARTH_ALWAYS_INLINE void store_trials(TrialLanes lanes, float* to, int vector) {
  std::memcpy(to + vector * kTrialLanes, &lanes, sizeof lanes);
}

struct Best {
  int trial;
  float error;
};

HEARTH_ALWAYS_INLINE TrialLanes in_all_lanes(float value) {
  return TrialLanes{value, value, value, value, value, value, value, value};
}

// Integers from `low` to `high`.
struct IntegerLevels {
  float low;
  float high;

  // `value` is any number but a NaN. Halves go to the even integer.
  HEARTH_ALWAYS_INLINE TrialLanes nearest(TrialLanes value) const {
    const TrialLanes lowest = in_all_lanes(low), highest = in_all_lanes(high);
    const TrialLanes raised = value < lowest ? lowest : value;
    const TrialLanes clamped = raised > highest ? highest : raised;
    constexpr float kRounding = 0x1.8p23f;  // numbers of this size have no digits behind the point
    return (clamped + kRounding) - kRounding;
  }
  HEARTH_ALWAYS_INLINE int code(float value) const {
    const float raised = value < low ? low : value, clamped = raised > high ? high : raised;
    constexpr float kRounding = 0x1.8p23f;
    return static_cast<int>((clamped + kRounding) - kRounding) - static_cast<int>(low);
  }
  HEARTH_ALWAYS_INLINE float level(int code) const { return static_cast<float>(code) + low; }
};

// The sixteen of iq4_nl and iq4_xs.
struct Iq4Levels {
  HEARTH_ALWAYS_INLINE TrialLanes nearest(TrialLanes value) const {
    TrialLanes result = in_all_lanes(kIq4Values[0]);
    for (int i = 0; i < 15; ++i) {
      const float border = 0.5f * static_cast<float>(kIq4Values[i] + kIq4Values[i + 1]);
      const TrialLanes step = in_all_lanes(static_cast<float>(kIq4Values[i + 1] - kIq4Values[i]));
      result += value > in_all_lanes(border) ? step : TrialLanes{};
    }
    return result;
  }
  HEARTH_ALWAYS_INLINE int code(float value) const {
    int result = 0;
    for (int i = 0; i < 15; ++i) {
      result += value > 0.5f * static_cast<float>(kIq4Values[i] + kIq4Values[i + 1]) ? 1 : 0;
    }
    return result;
  }
  HEARTH_ALWAYS_INLINE float level(int code) const { return kIq4Values[code]; }
};

// 1 / scale; a scale that is zero, or so small that its inverse is no number, represents nothing but zero, and its
// inverse is zero.
inline constexpr float kScaleMin = 0x1p-126f;
HEARTH_ALWAYS_INLINE TrialLanes inverse_of(TrialLanes scale) {
  const TrialLanes one = in_all_lanes(1.0f), zero{}, least = in_all_lanes(kScaleMin);
  const auto usable = (scale >= least) | (scale <= -least);
  const TrialLanes divisor = usable ? scale : one;
  return usable ? one / divisor : zero;
}

HEARTH_ALWAYS_INLINE float inverse_of(float scale) {
  return scale >= kScaleMin || scale <= -kScaleMin ? 1.0f / scale : 0.0f;
}

// The trial whose error over `count` elements is least, the first of equals.
template <int kVectors, class Levels>
HEARTH_ALWAYS_INLINE Best best_trial(const float* x, const float* weights, int count, const TrialFits<kVectors>& fits,
                                     const Levels& levels) {
  TrialLanes scale[kVectors], min[kVectors], inverse[kVectors], error[kVectors] = {};
  for (int v = 0; v < kVectors; ++v) {
    scale[v] = load_trials(fits.scale, v);
    min[v] = load_trials(fits.min, v);
    inverse[v] = inverse_of(scale[v]);
  }
  for (int i = 0; i < count; ++i) {
    const TrialLanes value = in_all_lanes(x[i]), weight = in_all_lanes(weights[i]);
    for (int v = 0; v < kVectors; ++v) {
      const TrialLanes level = levels.nearest((value + min[v]) * inverse[v]);
      const TrialLanes difference = value - (scale[v] * level - min[v]);
      error[v] += weight * difference * difference;
    }
  }
  constexpr int kTrials = TrialFits<kVectors>::kTrials;
  float errors[kTrials];
  for (int v = 0; v < kVectors; ++v) store_trials(error[v], errors, v);
  Best best{0, errors[0]};
  for (int trial = 1; trial < kTrials; ++trial) {
    if (errors[trial] < best.error) best = {trial, errors[trial]};
  }
  return best;
}

// Puts in the place of each trial the solution of the weighted least-squares problem that its levels pose.
template <int kVectors, class Levels>
HEARTH_ALWAYS_INLINE void solve_scale_and_min(const float* x, const float* weights, int count, const Levels& levels,
                                              TrialFits<kVectors>& fits) {
  float w = 0, wx = 0;
  TrialLanes min[kVectors], inverse[kVectors];
  TrialLanes wl[kVectors] = {}, wll[kVectors] = {}, wlx[kVectors] = {};
  for (int v = 0; v < kVectors; ++v) {
    min[v] = load_trials(fits.min, v);
    inverse[v] = inverse_of(load_trials(fits.scale, v));
  }
  for (int i = 0; i < count; ++i) {
    const TrialLanes value = in_all_lanes(x[i]), weight = in_all_lanes(weights[i]);
    w += weights[i];
    wx += weights[i] * x[i];
    for (int v = 0; v < kVectors; ++v) {
      const TrialLanes level = levels.nearest((value + min[v]) * inverse[v]), weighted = weight * level;
      wl[v] += weighted;
      wll[v] += weighted * level;
      wlx[v] += weighted * value;
    }
  }
  const TrialLanes zero{};
  for (int v = 0; v < kVectors; ++v) {
    const TrialLanes determinant = w * wll[v] - wl[v] * wl[v];
    // Of levels that are all the same, nothing is determined.
    const auto solvable = determinant > 1e-6f * w * wll[v];
    const TrialLanes divisor = solvable ? determinant : in_all_lanes(1.0f);
    const TrialLanes scale = (w * wlx[v] - wx * wl[v]) / divisor;
    const TrialLanes offset = (wl[v] * wlx[v] - wll[v] * wx) / divisor;
    const TrialLanes alone = wlx[v] * inverse_of(wll[v]);  // the best with min = 0
    const auto both = (offset >= zero) & (scale >= zero);
    const TrialLanes found = both ? scale : (alone > zero ? alone : zero), found_min = both ? offset : zero;
    store_trials(solvable ? found : load_trials(fits.scale, v), fits.scale, v);
    store_trials(solvable ? found_min : min[v], fits.min, v);
  }
}

// The same with min = 0, of scales of either sign.
template <int kVectors, class Levels>
HEARTH_ALWAYS_INLINE void solve_scale(const float* x, const float* weights, int count, const Levels& levels,
                                      TrialFits<kVectors>& fits) {
  TrialLanes inverse[kVectors], wll[kVectors] = {}, wlx[kVectors] = {};
  for (int v = 0; v < kVectors; ++v) inverse[v] = inverse_of(load_trials(fits.scale, v));
  for (int i = 0; i < count; ++i) {
    const TrialLanes value = in_all_lanes(x[i]), weight = in_all_lanes(weights[i]);
    for (int v = 0; v < kVectors; ++v) {
      const TrialLanes level = levels.nearest(value * inverse[v]), weighted = weight * level;
      wll[v] += weighted * level;
      wlx[v] += weighted * value;
    }
  }
  const TrialLanes zero{};
  for (int v = 0; v < kVectors; ++v) {
    const TrialLanes found = wlx[v] * inverse_of(wll[v]);
    store_trials(wll[v] > zero ? found : load_trials(fits.scale, v), fits.scale, v);
  }
}

// The best scale >= 0 and min >= 0 for levels from 0 to `level_max`: trials around the scale that spans the group, each
// solved and, with the levels that its solution gives, solved again.
HEARTH_ALWAYS_INLINE ScaleMin fit_scale_and_min(const float* x, const float* weights, int count, int level_max) {
  float low = x[0], high = x[0];
  for (int i = 1; i < count; ++i) {
    low = x[i] < low ? x[i] : low;
    high = x[i] > high ? x[i] : high;
  }
  const float min = low < 0.0f ? -low : 0.0f, span = high + min;
  if (!(span > 0.0f)) return {0.0f, min};
  TrialFits<2> fits;
  for (int trial = 0; trial < fits.kTrials; ++trial) {
    // One trial for every eighth of a level: from one level less to nearly one more.
    fits.set(trial, {span / (static_cast<float>(level_max) + 0.125f * static_cast<float>(trial - 8)), min});
  }
  const IntegerLevels levels{0.0f, static_cast<float>(level_max)};
  solve_scale_and_min(x, weights, count, levels, fits);
  solve_scale_and_min(x, weights, count, levels, fits);
  const int best = best_trial(x, weights, count, fits, levels).trial;
  return {fits.scale[best], fits.min[best]};
}

HEARTH_ALWAYS_INLINE float first_of_largest_magnitude(const float* x, int count) {
  float low = x[0], high = x[0];
  for (int i = 1; i < count; ++i) {
    low = x[i] < low ? x[i] : low;
    high = x[i] > high ? x[i] : high;
  }
  if (-low != high) return -low > high ? low : high;
  for (int i = 0; i < count; ++i) {
    if (x[i] == low || x[i] == high) return x[i];
  }
  return 0.0f;
}

// The best scale, of either sign, for levels that reach from `low` to `high`. The value of largest magnitude goes near
// an end, in most trials the one that reaches further.
template <int kVectors, class Levels>
HEARTH_ALWAYS_INLINE float fit_scale(const float* x, const float* weights, int count, const Levels& levels, float low,
                                     float high, float step) {
  const float extreme = first_of_largest_magnitude(x, count);
  if (extreme == 0.0f) return 0.0f;
  constexpr int kOnFarSide = kVectors == 1 ? 5 : 11, kOnNearSide = kVectors * kTrialLanes - kOnFarSide;
  TrialFits<kVectors> fits;
  for (int trial = 0; trial < fits.kTrials; ++trial) {
    const float end = trial < kOnFarSide ? low - step * static_cast<float>(trial - kOnFarSide / 2)
                                         : high + step * static_cast<float>(trial - kOnFarSide - kOnNearSide / 2);
    fits.set(trial, {extreme / end, 0.0f});
  }
  solve_scale(x, weights, count, levels, fits);
  solve_scale(x, weights, count, levels, fits);
  return fits.scale[best_trial(x, weights, count, fits, levels).trial];
}

}  // namespace hearth::HEARTH_ISA
