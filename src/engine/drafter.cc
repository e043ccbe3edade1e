#include "engine/drafter.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/error.h"

namespace hearth {
namespace {

// Drafted tokens of all sequences in one step: more running sequences leave less to gain.
constexpr std::int64_t kRowsTogether = Speculation::kDraftMax;

// What is assumed of drafts of each kind before any was tried, as if from so many tokens.
constexpr std::array kFirstProbability = {0.35, 0.55, 0.75, 0.85};
constexpr double kFirstWeight = 2;
// What a draft leaves of the record of those before it; and one that was not tried, so that it is again some time.
constexpr double kKeptByDraft = 0.95, kKeptWithoutDraft = 0.985;

// What a step leaves of the weight of those before it, and how far one may seem off: others use the machine as well.
constexpr double kKeptByStep = 0.99;
constexpr double kFactorMax = 2;
constexpr double kKnownWeight = 4;
// The variance of numbers of tokens from which on the slope is as much theirs as it is assumed.
constexpr double kAssumedVariance = 0.05;
// A drafted token has to bring so much more than it costs: what is measured is never exact.
constexpr double kGainMin = 1.1;

}  // namespace

std::int64_t Speculation::draft_rows_max(std::int64_t sequences_max) const {
  if (mode == Mode::kOff) return 0;
  return std::min(sequences_max * draft_max, std::max(draft_max, kRowsTogether));
}

Speculation::Mode parse_speculation(std::string_view name) {
  if (name == "off") return Speculation::Mode::kOff;
  if (name == "ngram") return Speculation::Mode::kNgram;
  throw InvalidInput(fmt::format("speculation '{}' is not one of off, ngram", name));
}

std::string speculation_obstacle(const ModelSpec& spec) {
  if (!spec.has_logits) return "the model chooses no tokens";
  if (spec.has_states()) return "layers of the model have states, which are not taken back where a draft was wrong";
  return "";
}

std::string speculation_text(const Speculation& speculation, const ModelSpec& spec) {
  if (speculation.mode == Speculation::Mode::kOff) return "off";
  const std::string obstacle = speculation_obstacle(spec);
  if (!obstacle.empty()) return "off: " + obstacle;
  return fmt::format("n-gram lookup, up to {} tokens of a request ahead", speculation.draft_max);
}

Drafter::Draft Drafter::draft(std::int64_t count_max) {
  Draft result;
  if (count_max <= 0) return result;
  const auto match = index_.find();
  if (!match) return result;
  const auto longer = std::upper_bound(kLengths.begin(), kLengths.end(), match->length);
  last_kind_ = static_cast<std::size_t>(longer - kLengths.begin()) - 1;
  const Record& record = records_[last_kind_];
  result.probability = (record.accepted + kFirstWeight * kFirstProbability[last_kind_]) / (record.tried + kFirstWeight);
  result.tokens = index_.continuation(*match, count_max);
  return result;
}

void Drafter::judge(std::int64_t tried, std::int64_t accepted) {
  CHECK(0 <= accepted && accepted <= tried);
  Record& record = records_[last_kind_];
  const double kept = tried > 0 ? kKeptByDraft : kKeptWithoutDraft;
  // What comes after the first wrong one says nothing.
  record.tried = record.tried * kept + static_cast<double>(std::min(tried, accepted + 1));
  record.accepted = record.accepted * kept + static_cast<double>(accepted);
}

void StepCosts::add(std::int64_t token_count, double seconds) {
  const auto x = static_cast<double>(token_count);
  double y = seconds;
  if (weight_ > kKnownWeight) {
    const double expected = fixed_ + per_token_ * x;
    y = std::clamp(y, expected / kFactorMax, expected * kFactorMax);
  }
  for (double* sum : {&weight_, &x_, &y_, &xx_, &xy_}) *sum *= kKeptByStep;
  weight_ += 1;
  x_ += x;
  y_ += y;
  xx_ += x * x;
  xy_ += x * y;
  fit();
}

void StepCosts::fit() {
  const double x = x_ / weight_, y = y_ / weight_;
  const double variance = std::max(0.0, xx_ / weight_ - x * x), covariance = xy_ / weight_ - x * y;
  const double assumed = kPerTokenFirst * y / (1 + kPerTokenFirst * x);
  const double slope = (covariance + kAssumedVariance * assumed) / (variance + kAssumedVariance);
  per_token_ = std::clamp(slope, 0.0, y / x);
  fixed_ = y - per_token_ * x;
}

std::vector<std::int64_t> share_drafts(std::span<const Drafter::Draft> drafts, std::int64_t sequence_count,
                                       const StepCosts& costs, std::int64_t rows_max) {
  std::vector<std::int64_t> counts(drafts.size());
  std::vector<double> next;  // the probability that the draft's next token is chosen
  for (const Drafter::Draft& draft : drafts) next.push_back(draft.tokens.empty() ? 0 : draft.probability);
  auto expected = static_cast<double>(sequence_count);  // tokens that the step brings
  for (std::int64_t rows = 0; rows < rows_max; ++rows) {
    const auto best = std::max_element(next.begin(), next.end());
    const double seconds = costs.fixed() + costs.per_token() * static_cast<double>(sequence_count + rows);
    if (best == next.end() || *best * seconds <= kGainMin * expected * costs.per_token() || *best <= 0) break;
    const auto i = static_cast<std::size_t>(best - next.begin());
    expected += *best;
    const bool has_more = ++counts[i] < std::ssize(drafts[i].tokens);
    *best = has_more ? *best * drafts[i].probability : 0;
  }
  return counts;
}

}  // namespace hearth
