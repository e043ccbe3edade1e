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

// A token's share of a step with one, where nothing is known.
constexpr double kTokenShare = 0.1;
// Steps after which a record counts for less than half, if it counts more than what is assumed at first.
constexpr double kRecordSteps = 100, kRecordWeight = 8;
// How much of a record the last step is; and how far one may seem off: others use the machine as well.
constexpr std::int64_t kRecordCount = 8;
constexpr double kOffMax = 2, kFirstOffMax = 5;
// Drafts have to bring so much more than none: what is measured is never exact.
constexpr double kDraftGainMin = 1.05;

std::int64_t rounded(std::int64_t token_count) {
  const std::int64_t step = token_count <= 64 ? 1 : 8;
  return (token_count + step - 1) / step * step;
}

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

double StepCosts::weight(const Record& record) const {
  return kRecordWeight * std::exp2(-static_cast<double>(step_ - record.last_step) / kRecordSteps);
}

// From the nearest record of fewer tokens, or else of more.
double StepCosts::assumed(std::int64_t token_count) const {
  auto nearest = records_.lower_bound(token_count);
  if (nearest != records_.begin()) --nearest;
  if (nearest == records_.end()) return 1;
  const auto tokens = [](std::int64_t count) { return 1 + kTokenShare * static_cast<double>(count); };
  return nearest->second.seconds * tokens(token_count) / tokens(nearest->first);
}

double StepCosts::seconds(std::int64_t token_count) const {
  const auto found = records_.find(rounded(token_count));
  if (found == records_.end()) return assumed(rounded(token_count));
  const double weight = this->weight(found->second);
  return (found->second.seconds * weight + assumed(found->first)) / (weight + 1);
}

void StepCosts::add(std::int64_t token_count, double seconds) {
  ++step_;
  if (!records_.empty()) {
    const bool is_known = records_.contains(rounded(token_count));
    const double expected = this->seconds(token_count), off = is_known ? kOffMax : kFirstOffMax;
    seconds = std::clamp(seconds, expected / off, expected * off);
  }
  Record& record = records_[rounded(token_count)];
  record.count = std::min(record.count + 1, kRecordCount);
  record.seconds += (seconds - record.seconds) / static_cast<double>(record.count);
  record.last_step = step_;
}

std::vector<std::int64_t> share_drafts(std::span<const Drafter::Draft> drafts, std::int64_t sequence_count,
                                       const StepCosts& costs, std::int64_t rows_max) {
  std::vector<std::int64_t> counts(drafts.size()), best_counts = counts;
  std::vector<double> next;  // the probability that the draft's next token is chosen
  for (const Drafter::Draft& draft : drafts) next.push_back(draft.tokens.empty() ? 0 : draft.probability);
  auto expected = static_cast<double>(sequence_count);  // tokens that the step brings
  double best_rate = kDraftGainMin * expected / costs.seconds(sequence_count);
  for (std::int64_t rows = 1; rows <= rows_max; ++rows) {
    const auto likeliest = std::max_element(next.begin(), next.end());
    if (likeliest == next.end() || *likeliest <= 0) break;
    const auto i = static_cast<std::size_t>(likeliest - next.begin());
    expected += *likeliest;
    const bool has_more = ++counts[i] < std::ssize(drafts[i].tokens);
    *likeliest = has_more ? *likeliest * drafts[i].probability : 0;
    const double rate = expected / costs.seconds(sequence_count + rows);
    if (rate <= best_rate) continue;
    best_rate = rate;
    best_counts = counts;
  }
  return best_counts;
}

}  // namespace hearth
