// Each stage against a brute-force reference on random logits, and on the cases at its edges.
#include "sampling/candidates.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <random>
#include <set>

namespace hearth {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

Candidates of(const std::vector<float>& logits) {
  Candidates candidates;
  candidates.assign(logits);
  return candidates;
}

std::set<std::int32_t> ids(const Candidates& candidates) {
  std::set<std::int32_t> result;
  for (const Candidate& candidate : candidates.items()) result.insert(candidate.id);
  EXPECT_EQ(result.size(), candidates.items().size());
  return result;
}

// Probabilities by the definition, and the ids from the likeliest down (of equals the lower id first).
struct Reference {
  std::vector<double> probability;
  std::vector<std::int32_t> order;

  explicit Reference(const std::vector<float>& logits) : probability(logits.size()), order(logits.size()) {
    const double max = *std::max_element(logits.begin(), logits.end());
    double total = 0;
    for (std::size_t i = 0; i < logits.size(); ++i) total += probability[i] = std::exp(logits[i] - max);
    for (double& p : probability) p /= total;
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int32_t>(i);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::int32_t a, std::int32_t b) { return logits[at(a)] > logits[at(b)]; });
  }
  static std::size_t at(std::int32_t id) { return static_cast<std::size_t>(id); }
};

std::vector<float> random_logits(std::size_t count, std::mt19937& random, bool with_ties) {
  std::normal_distribution<float> normal(0.0f, 2.5f);
  std::vector<float> logits(count);
  for (float& logit : logits) logit = with_ties ? std::round(normal(random)) : normal(random);
  return logits;
}

// Calls `check(logits, reference)` for vectors of many sizes, with and without ties.
void for_random_logits(const std::function<void(const std::vector<float>&, const Reference&)>& check) {
  std::mt19937 random(7);
  for (const std::size_t count : {1, 2, 3, 10, 63, 64, 65, 300, 1000, 5000}) {
    for (int repetition = 0; repetition < 4; ++repetition) {
      const std::vector<float> logits = random_logits(count, random, repetition % 2 == 1);
      check(logits, Reference(logits));
    }
  }
}

TEST(Candidates, SortFrontPutsTheLikeliestInFrontWhateverCameBefore) {
  for_random_logits([](const std::vector<float>& logits, const Reference& reference) {
    Candidates candidates = of(logits);
    for (const std::size_t count : {1u, 5u, 70u, 2000u, 100000u}) {
      candidates.sort_front(count);
      for (std::size_t i = 0; i < std::min(count, logits.size()); ++i) {
        ASSERT_EQ(candidates.items()[i].id, reference.order[i]);
      }
    }
    ASSERT_EQ(ids(candidates).size(), logits.size());
  });
}

TEST(Candidates, TopK) {
  for_random_logits([](const std::vector<float>& logits, const Reference& reference) {
    for (const int k : {1, 2, 40, 999, 10000}) {
      Candidates candidates = of(logits);
      keep_top_k(candidates, k);
      const std::size_t kept = std::min<std::size_t>(static_cast<std::size_t>(k), logits.size());
      ASSERT_EQ(ids(candidates), (std::set<std::int32_t>(reference.order.begin(),
                                                         reference.order.begin() + static_cast<std::ptrdiff_t>(kept))));
    }
  });
  for (const int off : {0, -1}) {
    Candidates candidates = of({1, 2, 3});
    keep_top_k(candidates, off);
    EXPECT_EQ(candidates.items().size(), 3u);
  }
}

TEST(Candidates, TopP) {
  for_random_logits([](const std::vector<float>& logits, const Reference& reference) {
    for (const double p : {0.0, 0.1, 0.5, 0.95, 0.999}) {
      Candidates candidates = of(logits);
      keep_top_p(candidates, p);
      std::set<std::int32_t> expected;
      double sum = 0;
      for (const std::int32_t id : reference.order) {
        expected.insert(id);
        sum += reference.probability[Reference::at(id)];
        if (sum >= p) break;
      }
      ASSERT_EQ(ids(candidates), expected) << logits.size() << " " << p;
    }
  });
  Candidates all = of({0, -100, -kInfinity});
  keep_top_p(all, 1.0);
  EXPECT_EQ(all.items().size(), 3u);
}

TEST(Candidates, MinP) {
  for_random_logits([](const std::vector<float>& logits, const Reference& reference) {
    for (const double p : {0.0, 0.05, 0.3, 1.0}) {
      Candidates candidates = of(logits);
      keep_min_p(candidates, p);
      std::set<std::int32_t> expected;
      const double best = reference.probability[Reference::at(reference.order[0])];
      for (const std::int32_t id : reference.order) {
        if (reference.probability[Reference::at(id)] >= p * best) expected.insert(id);
      }
      ASSERT_EQ(ids(candidates), expected);
    }
  });
}

TEST(Candidates, Typical) {
  for_random_logits([](const std::vector<float>& logits, const Reference& reference) {
    for (const double p : {0.05, 0.5, 0.9}) {
      Candidates candidates = of(logits);
      keep_typical(candidates, p);
      double entropy = 0;
      for (const double q : reference.probability) entropy += q > 0 ? -q * std::log(q) : 0;
      std::multimap<double, double> by_distance;
      for (const double q : reference.probability) by_distance.emplace(std::fabs(-std::log(q) - entropy), q);
      double sum = 0, furthest = 0;
      for (const auto& [distance, q] : by_distance) {
        furthest = distance;
        sum += q;
        if (sum > p) break;
      }
      // No candidate is further than the last one needed; what is nearer is all there.
      std::set<std::int32_t> kept = ids(candidates);
      ASSERT_FALSE(kept.empty());
      for (std::size_t i = 0; i < logits.size(); ++i) {
        const double distance = std::fabs(-std::log(reference.probability[i]) - entropy);
        const bool is_kept = kept.contains(static_cast<std::int32_t>(i));
        ASSERT_TRUE(is_kept || distance > furthest - 1e-9);
        ASSERT_TRUE(!is_kept || distance < furthest + 1e-9);
      }
    }
  });
  // Probabilities 0.7, 0.1, 0.1, 0.1: entropy 0.94, surprises 0.36 and 2.30.
  Candidates candidates = of({std::log(7.0f), 0, 0, 0});
  keep_typical(candidates, 0.6);
  EXPECT_EQ(ids(candidates), (std::set<std::int32_t>{0}));
}

TEST(Candidates, ExcludeTopChoices) {
  for_random_logits([](const std::vector<float>& logits, const Reference& reference) {
    for (const double threshold : {0.0, 0.02, 0.1, 0.4}) {
      Candidates candidates = of(logits);
      exclude_top_choices(candidates, threshold);
      std::vector<std::int32_t> top;
      std::set<std::int32_t> expected;
      for (const std::int32_t id : reference.order) {
        (reference.probability[Reference::at(id)] >= threshold ? top.push_back(id) : void(expected.insert(id)));
      }
      if (!top.empty()) expected.insert(top.back());
      ASSERT_EQ(ids(candidates), expected);
    }
  });
}

TEST(Candidates, ExcludeTopChoicesSparesAPossibleToken) {
  Candidates candidates = of({2.0f, 1.0f, -kInfinity});
  exclude_top_choices(candidates, 0.0);
  EXPECT_EQ(ids(candidates), (std::set<std::int32_t>{1, 2}));
}

TEST(Candidates, PenalizeRepetition) {
  for (const bool complete : {true, false}) {
    Candidates candidates = of({2.0f, -2.0f, 0.0f, 1.0f, 9.0f, -kInfinity});
    if (!complete) keep_top_k(candidates, 5);  // tokens are no longer at their index; 5 is out
    penalize_repetition(candidates, {{0, 1}, {1, 3}, {5, 1}}, 2.0);
    penalize_presence(candidates, {{0, 1}, {1, 3}, {5, 1}}, 0.5, 0.25);
    std::map<std::int32_t, double> logits;
    for (const Candidate& candidate : candidates.items()) logits[candidate.id] = candidate.logit;
    EXPECT_EQ(logits[0], 2.0 / 2 - 0.5 - 0.25);
    EXPECT_EQ(logits[1], -2.0 * 2 - 0.5 - 0.75);
    EXPECT_EQ(logits[2], 0.0);
    EXPECT_EQ(logits[3], 1.0);
    EXPECT_EQ(logits[4], 9.0);
    EXPECT_EQ(logits.contains(5), complete);
    EXPECT_EQ(candidates.max_logit(), 9.0);
  }
  // The order is found anew after a change.
  Candidates candidates = of({5.0f, 4.0f});
  candidates.sort_front(2);
  penalize_presence(candidates, {{0, 1}}, 3.0, 0.0);
  EXPECT_EQ(candidates.max_logit(), 4.0);
  keep_top_k(candidates, 1);
  EXPECT_EQ(ids(candidates), (std::set<std::int32_t>{1}));
}

TEST(Candidates, StagesAfterStagesSeeWhatIsLeft) {
  // 0.4, 0.3, 0.2, 0.1: after top-k 2 the first has 4/7 of the probability.
  Candidates candidates = of({std::log(0.4f), std::log(0.3f), std::log(0.2f), std::log(0.1f)});
  keep_top_k(candidates, 2);
  keep_top_p(candidates, 0.55);
  EXPECT_EQ(ids(candidates), (std::set<std::int32_t>{0}));
  candidates = of({std::log(0.4f), std::log(0.3f), std::log(0.2f), std::log(0.1f)});
  keep_top_p(candidates, 0.55);
  EXPECT_EQ(ids(candidates), (std::set<std::int32_t>{0, 1}));
}

TEST(Candidates, RemovingFromTheMiddleKeepsTrackOfWhatIsSorted) {
  Candidates unsorted = of({1.0f, -9.0f, 3.0f, 2.0f});
  keep_min_p(unsorted, 0.01);
  EXPECT_EQ(unsorted.max_logit(), 3.0);
  penalize_presence(unsorted, {{2, 1}}, 1.5, 0.0);  // found by its id, not at its old place
  EXPECT_EQ(unsorted.max_logit(), 2.0);
  keep_top_k(unsorted, 1);
  EXPECT_EQ(ids(unsorted), (std::set<std::int32_t>{3}));

  Candidates sorted = of({1.0f, 0.5f, 3.0f, 4.0f, 2.0f});
  sorted.sort_front(2);
  sorted.keep_if([](const Candidate& c, std::size_t) { return c.id != 3; });
  EXPECT_EQ(sorted.sorted_front(), 1u);
  EXPECT_EQ(sorted.max_logit(), 3.0);
  sorted.sort_front(3);
  EXPECT_EQ(sorted.items()[2].id, 0);
}

TEST(Candidates, TemperatureScalesDifferences) {
  Candidates candidates = of({1.0f, 3.0f});
  candidates.scale(1 / 0.5);
  EXPECT_NEAR(Candidates::weight(candidates.items()[0].logit, candidates.max_logit()), std::exp(-4.0), 1e-12);
  candidates.scale(1e44);
  EXPECT_EQ(candidates.total_weight(), 1.0);
}

TEST(Candidates, InfinitiesAndNan) {
  const std::vector<float> logits = {NAN, kInfinity, 3.0f, kInfinity, -kInfinity};
  const std::vector<std::function<void(Candidates&)>> stages = {[](Candidates& c) { keep_top_k(c, 3); },
                                                                [](Candidates& c) { keep_top_p(c, 0.9); },
                                                                [](Candidates& c) { keep_min_p(c, 0.1); },
                                                                [](Candidates& c) { keep_typical(c, 0.9); },
                                                                [](Candidates& c) { exclude_top_choices(c, 0.6); },
                                                                [](Candidates& c) { c.scale(3.0); }};
  for (const auto& stage : stages) {
    Candidates candidates = of(logits);
    stage(candidates);
    EXPECT_EQ(draw(candidates, 0.0), 1);
    EXPECT_EQ(draw(candidates, 0.6), 3);
    EXPECT_EQ(draw(candidates, 0x1.fffffffffffffp-1), 3);
  }
}

TEST(Candidates, DrawWalksTheCumulativeDistribution) {
  const Candidates candidates = of({std::log(0.25f), -kInfinity, std::log(0.5f), std::log(0.25f), -kInfinity});
  EXPECT_EQ(draw(candidates, 0.0), 0);
  EXPECT_EQ(draw(candidates, 0.249), 0);
  EXPECT_EQ(draw(candidates, 0.251), 2);
  EXPECT_EQ(draw(candidates, 0.749), 2);
  EXPECT_EQ(draw(candidates, 0.751), 3);
  EXPECT_EQ(draw(candidates, 0x1.fffffffffffffp-1), 3);  // never a token that is impossible
  EXPECT_EQ(draw(of({-kInfinity, 0.0f}), 0.0), 1);
}

}  // namespace
}  // namespace hearth
