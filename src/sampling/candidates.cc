// The stages. Vocabularies have some 150,000 tokens and most requests keep 40 of them: nothing sorts more of the
// candidates than it needs.
#include "sampling/candidates.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/check.h"

namespace hearth {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Up to so many are found with a heap, in one pass that rarely changes it; more by partitioning.
constexpr std::size_t kHeapMax = 128;

bool likelier(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

}  // namespace

void Candidates::assign(std::span<const float> logits, std::span<const std::uint32_t> mask) {
  items_.resize(logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const bool is_possible = !std::isnan(logits[i]) && (mask.empty() || (mask[i / 32] >> i % 32 & 1) != 0);
    items_[i] = {is_possible ? double{logits[i]} : -kInfinity, static_cast<std::int32_t>(i)};
  }
  sorted_ = 0;
  complete_ = true;
}

double Candidates::max_logit() const {
  if (sorted_ > 0) return items_.front().logit;
  double max = -kInfinity;
  for (const Candidate& candidate : items_) max = std::max(max, candidate.logit);
  return max;
}

double Candidates::weight(double logit, double max) {
  return logit == max ? 1.0 : std::exp(logit - max);  // infinity less infinity has no difference
}

double Candidates::total_weight() const {
  const double max = max_logit();
  double total = 0;
  for (const Candidate& candidate : items_) total += weight(candidate.logit, max);
  return total;
}

void Candidates::sort_front(std::size_t count) {
  count = std::min(count, items_.size());
  if (count <= sorted_) return;
  const auto at = [&](std::size_t i) { return items_.begin() + static_cast<std::ptrdiff_t>(i); };
  if (count - sorted_ <= kHeapMax) {
    std::partial_sort(at(sorted_), at(count), items_.end(), likelier);
  } else {
    std::nth_element(at(sorted_), at(count), items_.end(), likelier);
    std::sort(at(sorted_), at(count), likelier);
  }
  sorted_ = count;
  complete_ = false;
}

void Candidates::truncate(std::size_t count) {
  complete_ = complete_ && count >= items_.size();
  items_.resize(std::min(count, items_.size()));
  sorted_ = std::min(sorted_, items_.size());
}

void Candidates::scale(double factor) {
  for (Candidate& candidate : items_) candidate.logit *= factor;
}

void keep_top_k(Candidates& candidates, std::int32_t k) {
  if (k <= 0 || static_cast<std::size_t>(k) >= candidates.items().size()) return;
  candidates.sort_front(static_cast<std::size_t>(k));
  candidates.truncate(static_cast<std::size_t>(k));
}

void keep_top_p(Candidates& candidates, double p) {
  if (p >= 1) return;
  const double max = candidates.max_logit(), enough = p * candidates.total_weight();
  double sum = 0;
  for (std::size_t i = 0; i < candidates.items().size(); ++i) {
    if (i == candidates.sorted_front()) candidates.sort_front(std::max<std::size_t>(64, 8 * i));
    sum += Candidates::weight(candidates.items()[i].logit, max);
    if (sum >= enough) return candidates.truncate(i + 1);
  }
}

void keep_min_p(Candidates& candidates, double p) {
  if (p <= 0) return;
  const double max = candidates.max_logit(), lowest = max + std::log(p);
  candidates.keep_if([&](const Candidate& c, std::size_t) { return c.logit >= lowest || c.logit == max; });
}

void keep_typical(Candidates& candidates, double p) {
  if (p >= 1) return;
  const double max = candidates.max_logit(), total = candidates.total_weight();
  const auto items = candidates.items();
  std::vector<double> probability(items.size()), distance(items.size());
  double entropy = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    probability[i] = Candidates::weight(items[i].logit, max) / total;
    if (probability[i] > 0) entropy -= probability[i] * std::log(probability[i]);
  }
  for (std::size_t i = 0; i < items.size(); ++i) distance[i] = std::fabs(-std::log(probability[i]) - entropy);

  std::vector<std::size_t> order(items.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return distance[a] != distance[b] ? distance[a] < distance[b] : items[a].id < items[b].id;
  });
  std::vector<bool> kept(items.size());
  double sum = 0;
  for (const std::size_t i : order) {
    kept[i] = true;
    sum += probability[i];
    if (sum > p) break;
  }
  candidates.keep_if([&](const Candidate&, std::size_t i) { return kept[i]; });
}

void exclude_top_choices(Candidates& candidates, double threshold) {
  const double max = candidates.max_logit(), lowest = threshold * candidates.total_weight();
  const auto is_top = [&](const Candidate& c) {
    const double weight = Candidates::weight(c.logit, max);
    return weight >= lowest && weight > 0;
  };
  const Candidate* least = nullptr;
  for (const Candidate& c : candidates.items()) {
    if (is_top(c) && (least == nullptr || likelier(*least, c))) least = &c;
  }
  if (least == nullptr) return;
  const std::int32_t spared = least->id;
  candidates.keep_if([&](const Candidate& c, std::size_t) { return c.id == spared || !is_top(c); });
}

void penalize_repetition(Candidates& candidates, const std::unordered_map<std::int32_t, std::int32_t>& counts,
                         double repeat) {
  if (repeat == 1) return;
  candidates.adjust(counts, [&](double logit, std::int32_t) { return logit > 0 ? logit / repeat : logit * repeat; });
}

void penalize_presence(Candidates& candidates, const std::unordered_map<std::int32_t, std::int32_t>& counts,
                       double presence, double frequency) {
  if (presence == 0 && frequency == 0) return;
  candidates.adjust(counts, [&](double logit, std::int32_t count) { return logit - presence - count * frequency; });
}

std::int32_t draw(const Candidates& candidates, double uniform) {
  const double max = candidates.max_logit(), target = uniform * candidates.total_weight();
  double sum = 0;
  for (const Candidate& candidate : candidates.items()) {
    sum += Candidates::weight(candidate.logit, max);
    if (sum > target) return candidate.id;
  }
  // A number below 1 times the total is below the total, which the sum, taken in the same order, reaches.
  CHECK(false && "uniform is below 1");
}

}  // namespace hearth
