// What the sampling kernels have in common: a token's logit as the stages change it, keys that sort as logits do, and
// exponentials. Logits that the host's adjustments change are computed in float64, with the operations of the CPU.
#pragma once

#include "device/gpu/gpu.h"
#include "kernels/sample/sample_gpu.h"

namespace hearth::gpu {

inline constexpr double kDoubleInfinity = __builtin_inf();

// A NaN becomes minus infinity, and minus zero zero.
HEARTH_DEVICE float clean_logit(float logit) {
  return logit != logit ? -__builtin_inff() : logit + 0.0f;
}

// Unsigned integers that compare as the numbers do; no NaN, no minus zero.
HEARTH_DEVICE std::uint32_t ordered_bits(float value) {
  const std::uint32_t bits = float_bits(value);
  return (bits >> 31) != 0 ? ~bits : bits | 0x80000000u;
}
HEARTH_DEVICE std::uint64_t ordered_bits(double value) {
  const auto bits = __builtin_bit_cast(std::uint64_t, value);
  return (bits >> 63) != 0 ? ~bits : bits | std::uint64_t{1} << 63;
}

// Keys that compare as the numbers do: the nearest float32 in the upper half, and in the lower half how far the number
// is from it. So what no adjustment touched takes no float64 arithmetic.
HEARTH_DEVICE std::uint64_t key_of(float value) {
  return std::uint64_t{ordered_bits(value)} << 32 | 0x80000000u;
}
HEARTH_DEVICE std::uint64_t key_of(double value) {
  const float nearest = static_cast<float>(value) + 0.0f;
  const auto distance =
      static_cast<std::int64_t>(ordered_bits(value + 0.0) - ordered_bits(static_cast<double>(nearest)));
  // More than that only where float32 has no nearer number: beyond its largest, and below its smallest.
  constexpr std::int64_t kMost = 0x7fffffff;
  const std::int64_t bounded = distance > kMost ? kMost : distance < -kMost ? -kMost : distance;
  return std::uint64_t{ordered_bits(nearest)} << 32 | static_cast<std::uint32_t>(0x80000000 + bounded);
}

// e^x for x <= 0, within a unit in the last place: 2^n e^r, r = x - n ln 2, and the series of e^r.
HEARTH_DEVICE double exp_double(double x) {
  if (!(x > -745.2)) return 0.0;
  const double shifted = x * 0x1.71547652b82fep0 + 0x1.8p52;  // the nearest integer, in the low bits
  const double n = shifted - 0x1.8p52;
  // The first part of ln 2 has so few bits that its product with n is exact.
  const double r = (x - n * 0x1.62e42feep-1) - n * 0x1.a39ef35793c76p-33;
  double sum = 1.0 / 6227020800.0;
  sum = sum * r + 1.0 / 479001600.0;
  sum = sum * r + 1.0 / 39916800.0;
  sum = sum * r + 1.0 / 3628800.0;
  sum = sum * r + 1.0 / 362880.0;
  sum = sum * r + 1.0 / 40320.0;
  sum = sum * r + 1.0 / 5040.0;
  sum = sum * r + 1.0 / 720.0;
  sum = sum * r + 1.0 / 120.0;
  sum = sum * r + 1.0 / 24.0;
  sum = sum * r + 1.0 / 6.0;
  sum = sum * r + 0.5;
  const double power = (sum * r) * r + r + 1.0;
  const auto power_of_two = [](int exponent) {
    return __builtin_bit_cast(double, static_cast<std::uint64_t>(exponent + 1023) << 52);
  };
  // In two steps: 2^n itself may be too small for a float64 where the product is not.
  const auto exponent = static_cast<int>(static_cast<std::uint32_t>(__builtin_bit_cast(std::uint64_t, shifted)));
  const int half = exponent >> 1;
  return power * power_of_two(half) * power_of_two(exponent - half);
}

// exp(logit - max).
HEARTH_DEVICE double weight_of(double logit, double max) {
  return logit == max ? 1.0 : exp_double(logit - max);  // infinity less infinity has no difference
}

HEARTH_DEVICE double inverse_temperature(const SampleRow& row) {
  return 1.0 / static_cast<double>(row.temperature);
}

// Which of the row's adjustments, in ascending order of tokens, is a token's; -1: none.
HEARTH_DEVICE int find_adjustment(const SampleAdjustment* adjustments, int count, int token) {
  int begin = 0, end = count;
  while (begin < end) {
    const int middle = (begin + end) / 2;
    if (adjustments[middle].token < token) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin < count && adjustments[begin].token == token ? begin : -1;
}

HEARTH_DEVICE double biased_logit(float logit, const SampleAdjustment& adjustment) {
  const double sum = static_cast<double>(clean_logit(logit)) + static_cast<double>(adjustment.bias);
  return sum != sum ? -kDoubleInfinity : sum;  // infinities that contradict each other: what is banned stays banned
}

// A logit after kPenalties or kDry.
HEARTH_DEVICE double penalized_logit(double logit, const SampleRow& row, const SampleAdjustment& adjustment,
                                     SampleStage stage) {
  if (stage == SampleStage::kDry) return logit - adjustment.dry_penalty;
  const double repeat = static_cast<double>(row.repeat_penalty);
  if (adjustment.is_repeated != 0) logit = logit > 0 ? logit / repeat : logit * repeat;
  if (adjustment.count == 0) return logit;
  return logit - static_cast<double>(row.presence_penalty) -
         adjustment.count * static_cast<double>(row.frequency_penalty);
}

HEARTH_DEVICE bool is_penalty(SampleStage stage) {
  return stage == SampleStage::kPenalties || stage == SampleStage::kDry;
}

// A token's logit as the stages change it. `unscaled` sorts like it and is the same without the temperature: the
// model's own logit where nothing touched it. Keys are of this one.
struct StagedLogit {
  double logit, unscaled;
  double scale = 1.0;

  // `adjustment` is the index of the token's own, or -1.
  HEARTH_DEVICE StagedLogit(const SampleAdjustment* adjustments, int adjustment, float raw_logit) {
    logit = adjustment >= 0 ? biased_logit(raw_logit, adjustments[adjustment])
                            : static_cast<double>(clean_logit(raw_logit));
    unscaled = logit;
  }

  // What does not change logits leaves it as it is. The greedy choice knows no temperature.
  HEARTH_DEVICE void apply(const SampleRow& row, const SampleAdjustment* adjustments, int adjustment,
                           SampleStage stage) {
    if (stage == SampleStage::kTemperature && !is_greedy(row)) {
      scale = inverse_temperature(row);
      logit *= scale;
    } else if (adjustment >= 0 && is_penalty(stage)) {
      const double before = logit;
      logit = penalized_logit(logit, row, adjustments[adjustment], stage);
      if (logit != before) unscaled = logit / scale;
    }
  }

  HEARTH_DEVICE void apply_first(const SampleRow& row, const SampleAdjustment* adjustments, int adjustment,
                                 int stage_count) {
    for (int i = 0; i < stage_count; ++i) apply(row, adjustments, adjustment, row.stages[i]);
  }
};

}  // namespace hearth::gpu
