// The router and the sum of experts in double precision.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "kernels/experts/experts.h"

namespace hearth::reference {

struct Route {
  std::vector<std::int32_t> experts;
  std::vector<double> weights;
};

inline std::vector<double> softmax_of_all(std::vector<double> x) {
  const double largest = *std::max_element(x.begin(), x.end());
  double sum = 0;
  for (double& value : x) sum += value = std::exp(value - largest);
  for (double& value : x) value /= sum;
  return x;
}

// The numbers of the largest, the largest first.
inline std::vector<std::size_t> ranked(const std::vector<double>& scores) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  return order;
}

inline std::vector<double> scores_of_groups(const Routing& routing, const std::vector<double>& scores) {
  const std::size_t size = scores.size() / static_cast<std::size_t>(routing.group_count);
  std::vector<double> groups;
  for (std::size_t begin = 0; begin < scores.size(); begin += size) {
    std::vector<double> members(scores.begin() + static_cast<std::ptrdiff_t>(begin),
                                scores.begin() + static_cast<std::ptrdiff_t>(begin + size));
    std::sort(members.rbegin(), members.rend());
    const bool two = routing.group_score == GroupScore::kTwoLargest && size > 1;
    groups.push_back(members[0] + (two ? members[1] : 0));
  }
  return groups;
}

// Of one token; `bias` may be empty.
inline Route route(const Routing& routing, std::span<const float> products, std::span<const float> bias) {
  std::vector<double> weights(products.begin(), products.end());
  if (routing.score == RouterScore::kSoftmax) weights = softmax_of_all(weights);
  if (routing.score == RouterScore::kSigmoid) {
    for (double& weight : weights) weight = 1 / (1 + std::exp(-weight));
  }
  std::vector<double> scores = weights;
  for (std::size_t e = 0; e < bias.size(); ++e) scores[e] += static_cast<double>(bias[e]);
  const auto best_groups = ranked(scores_of_groups(routing, scores));
  const std::size_t size = scores.size() / best_groups.size();
  std::vector<bool> may_be_chosen(scores.size());
  for (std::size_t g = 0; g < static_cast<std::size_t>(routing.groups_used); ++g) {
    std::fill_n(may_be_chosen.begin() + static_cast<std::ptrdiff_t>(best_groups[g] * size), size, true);
  }
  Route result;
  for (const std::size_t expert : ranked(scores)) {
    if (!may_be_chosen[expert] || std::ssize(result.experts) == routing.used) continue;
    result.experts.push_back(static_cast<std::int32_t>(expert));
    result.weights.push_back(weights[expert]);
  }
  if (routing.score == RouterScore::kChosenSoftmax) result.weights = softmax_of_all(result.weights);
  if (routing.score == RouterScore::kSparseMixer) {
    for (std::size_t j = 0; j < result.experts.size(); ++j) {
      const double best = weights[static_cast<std::size_t>(result.experts[j])];
      double near = 0;
      for (std::size_t e = 0; e < weights.size(); ++e) {
        const auto before = result.experts.begin() + static_cast<std::ptrdiff_t>(j);
        if (std::find(result.experts.begin(), before, static_cast<std::int32_t>(e)) != before) continue;
        const bool is_far =
            (best - weights[e]) / std::max(std::fabs(weights[e]), best) > static_cast<double>(routing.tolerance);
        near += is_far ? 0 : std::exp(weights[e] - best);
      }
      result.weights[j] = 1 / near;
    }
  }
  const double sum = std::accumulate(result.weights.begin(), result.weights.end(), 0.0);
  const double divisor =
      routing.normalize ? std::max(sum + static_cast<double>(routing.sum_offset), static_cast<double>(routing.sum_min))
                        : 1;
  for (double& weight : result.weights) weight *= static_cast<double>(routing.scale) / divisor;
  return result;
}

}  // namespace hearth::reference
