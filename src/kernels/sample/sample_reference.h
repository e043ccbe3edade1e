// The scalar reference of sampling, in double precision: the stages one after the other on the whole list of
// candidates. Their definitions, with the papers, are in sampling/candidates.h; this file knows them by SampleRow
// alone.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "kernels/sample/sample.h"

namespace hearth::reference {

struct SampleCandidate {
  std::int32_t id;
  double logit;
  double weight = 0;    // relative to the likeliest
  double distance = 0;  // for kTypical
};
using SampleCandidates = std::vector<SampleCandidate>;

inline bool sample_likelier(const SampleCandidate& a, const SampleCandidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

// Sets the weights; returns the largest logit, and in `total` the weights' sum.
inline double sample_weigh(SampleCandidates& candidates, double& total) {
  const double max = std::max_element(candidates.begin(), candidates.end(), [](const auto& a, const auto& b) {
                       return a.logit < b.logit;
                     })->logit;
  total = 0;
  for (SampleCandidate& c : candidates) {
    c.weight = c.logit == max ? 1 : std::exp(c.logit - max);
    total += c.weight;
  }
  return max;
}

inline void sample_top_p(SampleCandidates& candidates, double p) {
  double total, sum = 0;
  sample_weigh(candidates, total);
  std::sort(candidates.begin(), candidates.end(), sample_likelier);
  std::size_t kept = 0;
  while (kept < candidates.size() && (kept == 0 || sum < p * total)) sum += candidates[kept++].weight;
  candidates.resize(kept);
}

inline void sample_typical(SampleCandidates& candidates, double p) {
  double total, entropy = 0;
  sample_weigh(candidates, total);
  for (const SampleCandidate& c : candidates) {
    const double probability = c.weight / total;
    if (probability > 0) entropy -= probability * std::log(probability);
  }
  for (SampleCandidate& c : candidates) c.distance = std::fabs(-std::log(c.weight / total) - entropy);
  SampleCandidates nearest = candidates;
  std::sort(nearest.begin(), nearest.end(), [](const auto& a, const auto& b) {
    return a.distance != b.distance ? a.distance < b.distance : a.id < b.id;
  });
  double sum = 0;
  SampleCandidate last{};
  for (const SampleCandidate& c : nearest) {
    last = c;
    sum += c.weight / total;
    if (sum > p) break;
  }
  std::erase_if(candidates, [&](const SampleCandidate& c) {
    return c.distance != last.distance ? c.distance > last.distance : c.id > last.id;
  });
}

inline void sample_xtc(SampleCandidates& candidates, double threshold) {
  double total;
  sample_weigh(candidates, total);
  const auto is_top = [&](const SampleCandidate& c) { return c.weight >= threshold * total && c.weight > 0; };
  SampleCandidates top;
  std::copy_if(candidates.begin(), candidates.end(), std::back_inserter(top), is_top);
  if (top.empty()) return;
  const std::int32_t spared = std::max_element(top.begin(), top.end(), sample_likelier)->id;
  std::erase_if(candidates, [&](const SampleCandidate& c) { return is_top(c) && c.id != spared; });
}

inline void sample_penalize(SampleCandidates& candidates, const SampleRow& row,
                            std::span<const SampleAdjustment> adjustments, SampleStage stage) {
  for (const SampleAdjustment& a : adjustments) {
    for (SampleCandidate& c : candidates) {
      if (c.id != a.token) continue;
      if (stage == SampleStage::kDry) {
        c.logit -= a.dry_penalty;
        continue;
      }
      if (a.is_repeated != 0) {
        c.logit = c.logit > 0 ? c.logit / double{row.repeat_penalty} : c.logit * double{row.repeat_penalty};
      }
      if (a.count > 0) {
        c.logit -= double{row.presence_penalty};
        c.logit -= a.count * double{row.frequency_penalty};
      }
    }
  }
}

inline void sample_stage(SampleCandidates& candidates, const SampleRow& row,
                         std::span<const SampleAdjustment> adjustments, SampleStage stage) {
  double total;
  switch (stage) {
    case SampleStage::kPenalties:
    case SampleStage::kDry:
      return sample_penalize(candidates, row, adjustments, stage);
    case SampleStage::kTemperature:
      for (SampleCandidate& c : candidates) c.logit *= 1.0 / double{row.temperature};
      return;
    case SampleStage::kTopK:
      if (row.top_k <= 0 || static_cast<std::size_t>(row.top_k) >= candidates.size()) return;
      std::sort(candidates.begin(), candidates.end(), sample_likelier);
      return candidates.resize(static_cast<std::size_t>(row.top_k));
    case SampleStage::kTopP:
      if (row.top_p < 1) sample_top_p(candidates, double{row.top_p});
      return;
    case SampleStage::kTypical:
      if (row.typical_p < 1) sample_typical(candidates, double{row.typical_p});
      return;
    case SampleStage::kMinP: {
      if (row.min_p <= 0) return;
      const double max = sample_weigh(candidates, total);
      std::erase_if(candidates, [&](const auto& c) { return c.logit < max + row.min_p_log && c.logit != max; });
      return;
    }
    case SampleStage::kXtc:
      if (uniform_draw(row.seed, row.choice_index, static_cast<std::uint64_t>(row.position), Draw::kXtc) <
          double{row.xtc_probability}) {
        sample_xtc(candidates, double{row.xtc_threshold});
      }
      return;
  }
}

// The token of one row, or -1; `adjustments` and `mask` (empty: none) are the row's own.
inline std::int32_t sample(std::span<const float> logits, const SampleRow& row,
                           std::span<const SampleAdjustment> adjustments, std::span<const std::uint32_t> mask = {}) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  SampleCandidates candidates;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const bool possible = !std::isnan(logits[i]) && (mask.empty() || (mask[i / 32] >> i % 32 & 1) != 0);
    candidates.push_back({static_cast<std::int32_t>(i), possible ? double{logits[i]} : -kInfinity});
  }
  for (const SampleAdjustment& a : adjustments) {
    double& logit = candidates[static_cast<std::size_t>(a.token)].logit;
    logit += double{a.bias};
    if (std::isnan(logit)) logit = -kInfinity;
  }
  const bool greedy = row.temperature <= 0;
  for (const SampleStage stage : std::span(row.stages).first(static_cast<std::size_t>(row.stage_count))) {
    const bool changes_logits = stage == SampleStage::kPenalties || stage == SampleStage::kDry;
    if (changes_logits || !greedy) sample_stage(candidates, row, adjustments, stage);
  }
  if (greedy) candidates = {*std::min_element(candidates.begin(), candidates.end(), sample_likelier)};
  double total;
  if (sample_weigh(candidates, total) == -kInfinity) return -1;
  const double target =
      total * uniform_draw(row.seed, row.choice_index, static_cast<std::uint64_t>(row.position), Draw::kToken);
  double sum = 0;
  for (const SampleCandidate& c : candidates) {
    sum += c.weight;
    if (sum > target) return c.id;
  }
  return candidates.back().id;
}

}  // namespace hearth::reference
