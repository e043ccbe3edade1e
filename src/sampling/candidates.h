// The tokens that are still in the running, with their logits, and the stages that change or remove some: each is one
// function of what it is given. None removes the last candidate. Probabilities are the softmax over the candidates
// that are left; sums are taken in double, in the candidates' order, which is the same for the same logits and stages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace hearth {

struct Candidate {
  double logit;
  std::int32_t id;
};

class Candidates {
 public:
  // Every token, in the order of ids. A NaN counts as minus infinity, and so does every logit whose bit in `mask` is 0
  // (token t: bit t % 32 of word t / 32); an empty mask forbids nothing.
  void assign(std::span<const float> logits, std::span<const std::uint32_t> mask = {});

  std::span<const Candidate> items() const { return items_; }
  double max_logit() const;  // also of candidates that are all minus infinity
  // exp(logit - max), relative to the likeliest candidate.
  static double weight(double logit, double max);
  double total_weight() const;

  // Puts the `count` likeliest in front, in descending order; of equal logits the lower id is first.
  void sort_front(std::size_t count);
  std::size_t sorted_front() const { return sorted_; }
  void truncate(std::size_t count);

  // Keeps the candidates for which `keep(candidate, index)`; their order stays.
  template <class Keep>
  void keep_if(Keep keep);

  // logit = change(logit, value) for every token of the map that is a candidate.
  template <class Value, class Change>
  void adjust(const std::unordered_map<std::int32_t, Value>& values, Change change);

  void scale(double factor);  // factor > 0

 private:
  std::vector<Candidate> items_;
  std::size_t sorted_ = 0;  // how many in front are the likeliest, in order
  bool complete_ = false;   // item i is token i
};

// Keeps the k likeliest; all if k <= 0.
void keep_top_k(Candidates& candidates, std::int32_t k);

// Keeps the fewest of the likeliest whose probabilities reach p together (nucleus sampling, Holtzman et al. 2019).
void keep_top_p(Candidates& candidates, double p);

// Keeps those of at least p times the probability of the likeliest (Nguyen et al. 2024).
void keep_min_p(Candidates& candidates, double p);

// Keeps, by distance between surprise and entropy, the closest whose probabilities pass p together (locally typical
// sampling, Meister et al. 2022).
void keep_typical(Candidates& candidates, double p);

// Exclude top choices: of the candidates with probability of at least `threshold`, keeps only the least likely one.
void exclude_top_choices(Candidates& candidates, double threshold);

// Divides logits above 0 and multiplies those below by `repeat` for every token counted (Keskar et al. 2019).
void penalize_repetition(Candidates& candidates, const std::unordered_map<std::int32_t, std::int32_t>& counts,
                         double repeat);
// Subtracts `presence` once and `frequency` for each count (OpenAI's API).
void penalize_presence(Candidates& candidates, const std::unordered_map<std::int32_t, std::int32_t>& counts,
                       double presence, double frequency);

// The candidate at `uniform`, in [0, 1), of the cumulative distribution.
std::int32_t draw(const Candidates& candidates, double uniform);

template <class Keep>
void Candidates::keep_if(Keep keep) {
  std::size_t kept = 0, sorted = 0;
  for (std::size_t i = 0; i < items_.size(); ++i) {
    if (!keep(items_[i], i)) continue;
    if (i < sorted_) ++sorted;
    items_[kept++] = items_[i];
  }
  complete_ = complete_ && kept == items_.size();
  sorted_ = sorted;
  items_.resize(kept);
}

template <class Value, class Change>
void Candidates::adjust(const std::unordered_map<std::int32_t, Value>& values, Change change) {
  if (values.empty()) return;
  sorted_ = 0;
  if (complete_) {
    for (const auto& [id, value] : values) {
      double& logit = items_[static_cast<std::size_t>(id)].logit;
      logit = change(logit, value);
    }
    return;
  }
  for (Candidate& candidate : items_) {
    const auto found = values.find(candidate.id);
    if (found != values.end()) candidate.logit = change(candidate.logit, found->second);
  }
}

}  // namespace hearth
