#include "model/rope_frequencies.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/check.h"

namespace hearth {
namespace {

double yarn_attention_factor(const RopeScaling& s) {
  if (s.attention_factor) return *s.attention_factor;
  if (s.mscale != 0 && s.mscale_all_dim != 0) {
    return yarn_scale(s.factor, s.mscale) / yarn_scale(s.factor, s.mscale_all_dim);
  }
  return yarn_scale(s.factor, 1);
}

// Pairs that turn fast keep their frequency, slow ones are interpolated, with a ramp between.
void apply_yarn(const RopeSpec& rope, std::vector<double>& inverse) {
  const RopeScaling& s = rope.scaling;
  const auto dim = static_cast<double>(rope.rotary_dim);
  // The dimension whose pair makes `rotations` turns over the original context.
  const auto dimension_of = [&](double rotations) {
    return dim * std::log(static_cast<double>(s.original_context) / (rotations * 2 * std::numbers::pi)) /
           (2 * std::log(rope.base));
  };
  double low = dimension_of(s.beta_fast), high = dimension_of(s.beta_slow);
  if (s.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, dim - 1);
  if (low == high) high += 0.001;
  for (std::size_t i = 0; i < inverse.size(); ++i) {
    const double ramp = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    inverse[i] = inverse[i] / s.factor * ramp + inverse[i] * (1 - ramp);
  }
}

void apply_llama3(const RopeScaling& s, std::vector<double>& inverse) {
  const auto context = static_cast<double>(s.original_context);
  for (double& f : inverse) {
    const double turns = context * f / (2 * std::numbers::pi);
    if (turns < s.low_frequency_factor) {
      f /= s.factor;
    } else if (turns <= s.high_frequency_factor) {
      const double smooth = (turns - s.low_frequency_factor) / (s.high_frequency_factor - s.low_frequency_factor);
      f = (1 - smooth) * f / s.factor + smooth * f;
    }
  }
}

double longrope_attention_factor(const RopeScaling& s) {
  if (s.attention_factor) return *s.attention_factor;
  if (s.factor <= 1) return 1;
  return std::sqrt(1 + std::log(s.factor) / std::log(static_cast<double>(s.original_context)));
}

// The base that stretches the slowest pair to `context` positions and leaves the fastest alone.
double dynamic_ntk_base(const RopeSpec& rope, std::int64_t context) {
  const RopeScaling& s = rope.scaling;
  const auto original = static_cast<double>(s.original_context);
  const double length = std::max(static_cast<double>(context), original);
  const auto dim = static_cast<double>(rope.rotary_dim);
  return rope.base * std::pow(s.factor * length / original - (s.factor - 1), dim / (dim - 2));
}

}  // namespace

double yarn_scale(double factor, double multiplier) {
  return factor <= 1 ? 1 : 0.1 * multiplier * std::log(factor) + 1;
}

RopeFrequencies rope_frequencies(const RopeSpec& rope, std::int64_t context) {
  const RopeScaling& s = rope.scaling;
  const auto pair_count = static_cast<std::size_t>(rope.rotary_dim / 2);
  const double base = s.kind == RopeScalingKind::kDynamicNtk ? dynamic_ntk_base(rope, context) : rope.base;
  RopeFrequencies result;
  for (std::size_t i = 0; i < pair_count; ++i) {
    result.inverse.push_back(std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(rope.rotary_dim)));
  }
  const auto divide = [&](const std::vector<double>& divisors) {
    CHECK(divisors.size() == pair_count);
    for (std::size_t i = 0; i < pair_count; ++i) result.inverse[i] /= divisors[i];
  };
  switch (s.kind) {
    case RopeScalingKind::kNone:
    case RopeScalingKind::kDynamicNtk:
      break;
    case RopeScalingKind::kLinear:
      for (double& f : result.inverse) f /= s.factor;
      break;
    case RopeScalingKind::kYarn:
      apply_yarn(rope, result.inverse);
      result.scale = yarn_attention_factor(s);
      break;
    case RopeScalingKind::kLlama3:
      apply_llama3(s, result.inverse);
      break;
    case RopeScalingKind::kLongRope: {
      const bool is_long = context > s.original_context;
      divide(is_long ? s.long_factors : s.short_factors);
      result.scale = (is_long ? s.long_scale : s.short_scale).value_or(longrope_attention_factor(s));
      break;
    }
  }
  if (!rope.frequency_divisors.empty()) divide(rope.frequency_divisors);
  return result;
}

void fill_rope_table(const RopeFrequencies& frequencies, std::int64_t first_position, std::int64_t count,
                     float* table) {
  for (std::int64_t p = 0; p < count; ++p) {
    const auto position = static_cast<double>(first_position + p);
    for (const double inverse : frequencies.inverse) {
      const double angle = position * inverse;
      *table++ = static_cast<float>(frequencies.scale * std::cos(angle));
      *table++ = static_cast<float>(frequencies.scale * std::sin(angle));
    }
  }
}

}  // namespace hearth
