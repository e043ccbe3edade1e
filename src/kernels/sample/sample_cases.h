// Random rows for the tests of sampling: every sampler on and off, in any order; logits of many kinds, with ties, with
// infinities and with NaN.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <set>
#include <span>
#include <vector>

#include "kernels/sample/sample.h"

namespace hearth::kernel_testing {

using CaseRandom = std::mt19937;

inline bool chance(CaseRandom& random, double probability) {
  return std::uniform_real_distribution<double>(0, 1)(random) < probability;
}
inline float number_between(CaseRandom& random, float low, float high) {
  return std::uniform_real_distribution<float>(low, high)(random);
}
inline std::int32_t integer_between(CaseRandom& random, std::int32_t low, std::int32_t high) {
  return std::uniform_int_distribution<std::int32_t>(low, high)(random);
}

inline std::vector<float> random_logits(CaseRandom& random, std::int64_t vocab) {
  std::vector<float> logits(static_cast<std::size_t>(vocab));
  std::normal_distribution<float> normal(number_between(random, -5, 5), number_between(random, 0.3f, 6));
  const std::int32_t kind = integer_between(random, 0, 9);
  for (float& logit : logits) {
    logit = normal(random);
    if (kind == 0) logit = std::round(logit * 2) / 2;
    if (kind == 1) logit = std::round(logit * 16) / 16;
    if (kind == 2) logit = 1.25f;
    if (kind == 3) logit *= 1e-5f;
    if (kind == 4 && chance(random, 0.3)) logit = -std::numeric_limits<float>::infinity();
    if (kind == 5 && chance(random, 0.9)) logit = std::numeric_limits<float>::quiet_NaN();
  }
  if (chance(random, 0.02)) {
    logits[static_cast<std::size_t>(vocab / 3)] = std::numeric_limits<float>::infinity();
    logits[static_cast<std::size_t>(vocab / 2)] = std::numeric_limits<float>::infinity();
  }
  return logits;
}

inline std::vector<SampleStage> random_stages(CaseRandom& random) {
  std::vector<SampleStage> stages;
  for (int i = 0; i < kSampleStageCount; ++i) {
    if (chance(random, 0.85)) stages.push_back(static_cast<SampleStage>(i));
  }
  if (chance(random, 0.6)) std::shuffle(stages.begin(), stages.end(), random);
  return stages;
}

// Without adjustments.
inline SampleRow random_row(CaseRandom& random, std::int64_t vocab) {
  SampleRow row;
  row.seed = std::uint64_t{random()} << 32 | random();
  row.position = chance(random, 0.1) ? static_cast<std::int64_t>(random()) << 20 : integer_between(random, 0, 5000);
  row.choice_index = chance(random, 0.5) ? 0 : static_cast<std::uint32_t>(random());
  row.temperature = chance(random, 0.1) ? 0.0f : chance(random, 0.3) ? 1.0f : number_between(random, 0.2f, 2);
  if (chance(random, 0.6)) row.top_k = integer_between(random, 1, static_cast<std::int32_t>(vocab) + 10);
  if (chance(random, 0.3)) row.top_k = integer_between(random, 1, 60);
  if (chance(random, 0.5)) row.top_p = chance(random, 0.1) ? 0.0f : number_between(random, 0.05f, 1);
  if (chance(random, 0.4)) row.min_p = std::pow(10.0f, number_between(random, -5, 0));
  if (chance(random, 0.3)) row.typical_p = number_between(random, 0.05f, 1);
  if (chance(random, 0.4)) row.xtc_probability = number_between(random, 0.3f, 1);
  row.xtc_threshold = chance(random, 0.1) ? 0.0f : number_between(random, 0.001f, 0.3f);
  if (chance(random, 0.5)) row.repeat_penalty = number_between(random, 0.8f, 1.6f);
  if (chance(random, 0.5)) row.presence_penalty = number_between(random, -1, 2);
  if (chance(random, 0.5)) row.frequency_penalty = number_between(random, -0.5f, 1);
  row.min_p_log = std::log(double{row.min_p});
  for (const SampleStage stage : random_stages(random)) row.stages[row.stage_count++] = stage;
  return row;
}

inline std::vector<SampleAdjustment> random_adjustments(CaseRandom& random, std::int64_t vocab) {
  std::set<std::int32_t> tokens;
  const std::int32_t count = chance(random, 0.3) ? 0 : integer_between(random, 0, chance(random, 0.1) ? 300 : 40);
  for (std::int32_t i = 0; i < count; ++i)
    tokens.insert(integer_between(random, 0, static_cast<std::int32_t>(vocab) - 1));
  std::vector<SampleAdjustment> adjustments;
  for (const std::int32_t token : tokens) {
    SampleAdjustment a{token, 0, 0.0, 0.0f, 0};
    if (chance(random, 0.6)) a.count = integer_between(random, 1, 5);
    if (chance(random, a.count > 0 ? 0.8 : 0.3)) a.is_repeated = 1;
    if (chance(random, 0.3)) a.dry_penalty = double{number_between(random, 0.1f, 5)};
    if (chance(random, 0.4)) a.bias = number_between(random, -4, 4);
    if (chance(random, 0.05)) a.bias = -std::numeric_limits<float>::infinity();
    if (chance(random, 0.01)) a.bias = std::numeric_limits<float>::infinity();
    adjustments.push_back(a);
  }
  return adjustments;
}

// A mask that leaves few tokens or many, and at least one.
inline std::vector<std::uint32_t> random_mask(CaseRandom& random, std::int64_t vocab) {
  std::vector<std::uint32_t> mask(static_cast<std::size_t>(sample_mask_words(vocab)));
  const double share = std::pow(10.0, double{number_between(random, -4, 0)});
  for (std::int64_t token = 0; token < vocab; ++token) {
    if (chance(random, share)) mask[static_cast<std::size_t>(token / 32)] |= 1u << token % 32;
  }
  const std::int32_t one = integer_between(random, 0, static_cast<std::int32_t>(vocab) - 1);
  mask[static_cast<std::size_t>(one / 32)] |= 1u << one % 32;
  return mask;
}

// Rows of a step.
struct SampleCase {
  std::int64_t vocab;
  std::vector<float> logits;  // [rows, vocab]
  std::vector<SampleRow> rows;
  std::vector<SampleAdjustment> adjustments;
  std::vector<std::uint32_t> masks = {};

  std::span<const float> logits_of(std::size_t row) const {
    return std::span(logits).subspan(row * static_cast<std::size_t>(vocab), static_cast<std::size_t>(vocab));
  }
  std::span<const SampleAdjustment> adjustments_of(std::size_t row) const {
    return std::span(adjustments)
        .subspan(static_cast<std::size_t>(rows[row].adjustment_begin),
                 static_cast<std::size_t>(rows[row].adjustment_count));
  }
  std::span<const std::uint32_t> mask_of(std::size_t row) const {
    if (rows[row].mask_begin < 0) return {};
    return std::span(masks).subspan(static_cast<std::size_t>(rows[row].mask_begin),
                                    static_cast<std::size_t>(sample_mask_words(vocab)));
  }
  void append(std::span<const float> row_logits, SampleRow row, std::span<const SampleAdjustment> changes,
              std::span<const std::uint32_t> mask = {}) {
    row.mask_begin = mask.empty() ? -1 : static_cast<std::int32_t>(masks.size());
    masks.insert(masks.end(), mask.begin(), mask.end());
    row.adjustment_begin = static_cast<std::int32_t>(adjustments.size());
    row.adjustment_count = static_cast<std::int32_t>(changes.size());
    rows.push_back(row);
    adjustments.insert(adjustments.end(), changes.begin(), changes.end());
    logits.insert(logits.end(), row_logits.begin(), row_logits.end());
  }
};

// Every second row has a mask.
inline SampleCase random_case(std::uint32_t seed, std::int64_t row_count, std::int64_t vocab) {
  CaseRandom random(seed);
  SampleCase result{vocab, {}, {}, {}};
  for (std::int64_t i = 0; i < row_count; ++i) {
    const std::vector<float> logits = random_logits(random, vocab);
    const SampleRow row = random_row(random, vocab);
    const std::vector<SampleAdjustment> adjustments = random_adjustments(random, vocab);
    const std::vector<std::uint32_t> mask = random_mask(random, vocab);
    result.append(logits, row, adjustments, i % 2 == 0 ? std::span<const std::uint32_t>{} : mask);
  }
  return result;
}

}  // namespace hearth::kernel_testing
