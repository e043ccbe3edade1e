// The whole chain: what it draws and how often, that nothing but its inputs decides, and what it refuses.
#include "sampling/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <set>

#include "base/error.h"

namespace hearth {
namespace {

SamplerOptions plain(float temperature = 1.0f) {
  SamplerOptions options;
  options.temperature = temperature;
  options.stages = {SamplerStage::kTemperature};
  return options;
}

std::vector<float> normal_logits(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0f, 2.0f);
  std::vector<float> logits(count);
  for (float& logit : logits) logit = normal(random);
  return logits;
}

double chi_square(Sampler& sampler, const std::vector<float>& logits, int draws) {
  std::vector<int> observed(logits.size());
  for (int i = 0; i < draws; ++i) ++observed[static_cast<std::size_t>(sampler.sample(logits, i))];
  double sum = 0;
  for (const TokenProbability& token : sampler.distribution()) {
    const double expected = token.probability * draws;
    sum += std::pow(observed[static_cast<std::size_t>(token.id)] - expected, 2) / expected;
  }
  return sum;
}

TEST(Sampler, DrawsFollowTheSoftmax) {
  const std::vector<float> logits = {0.0f, 1.0f, -1.0f, 2.0f, 0.5f, -2.0f, 1.5f, 0.25f};
  for (const float temperature : {1.0f, 0.5f, 2.0f}) {
    SamplerOptions options = plain(temperature);
    options.seed = 1234;
    Sampler sampler(options, 8);
    EXPECT_LT(chi_square(sampler, logits, 100000), 24.32);  // 7 degrees of freedom, 0.1 %
    double total = 0;
    for (const float logit : logits) total += std::exp(double{logit} / temperature);
    for (const TokenProbability& token : sampler.distribution()) {
      EXPECT_NEAR(token.probability, std::exp(double{logits[static_cast<std::size_t>(token.id)]} / temperature) / total,
                  1e-7);
    }
  }
}

TEST(Sampler, SameSeedAndPositionSameToken) {
  const std::vector<float> logits = normal_logits(1000, 1);
  SamplerOptions options;
  options.seed = 99;
  Sampler forward(options, 1000), backward(options, 1000), other_choice(options, 1000, {}, 1);
  options.seed = 100;
  Sampler other_seed(options, 1000);
  std::map<std::int64_t, std::int32_t> tokens;
  int same_as_other_choice = 0, same_as_other_seed = 0;
  for (std::int64_t position = 0; position < 200; ++position) {
    tokens[position] = forward.sample(logits, position);
    same_as_other_choice += other_choice.sample(logits, position) == tokens[position];
    same_as_other_seed += other_seed.sample(logits, position) == tokens[position];
  }
  for (std::int64_t position = 199; position >= 0; --position) {
    ASSERT_EQ(backward.sample(logits, position), tokens[position]);
  }
  EXPECT_LT(same_as_other_choice, 100);
  EXPECT_LT(same_as_other_seed, 100);
}

// Of 16 equal tokens the first four bits of Philox's first word choose: key (7, 0), counter (position, 0, 0, 0).
TEST(Sampler, TokensOfASeedStay) {
  SamplerOptions options = plain();
  options.seed = 7;
  Sampler sampler(options, 16);
  const std::vector<float> logits(16, 0.0f);
  std::vector<std::int32_t> tokens;
  for (std::int64_t position = 0; position < 8; ++position) tokens.push_back(sampler.sample(logits, position));
  EXPECT_EQ(tokens, (std::vector<std::int32_t>{15, 6, 0, 6, 4, 5, 12, 4}));
}

// What a mask forbids is as if its logit were minus infinity, whatever is added to it.
TEST(Sampler, MaskedTokensNeverCome) {
  std::vector<float> logits(70, 5.0f);
  std::vector<std::uint32_t> mask{0, 0, 1u << 3 | 1u << 5};  // 67 and 69
  SamplerOptions options = plain();
  options.logit_bias = {{1, 1e30f}, {2, std::numeric_limits<float>::infinity()}};
  Sampler sampler(options, 70);
  std::set<std::int32_t> tokens;
  for (std::int64_t position = 0; position < 50; ++position) tokens.insert(sampler.sample(logits, position, mask));
  EXPECT_EQ(tokens, (std::set<std::int32_t>{67, 69}));
  logits[67] = logits[69] = -std::numeric_limits<float>::infinity();
  EXPECT_THROW(sampler.sample(logits, 0, mask), Error);
}

TEST(Sampler, GreedyIgnoresWhatOnlyRemoves) {
  for (const float temperature : {0.0f, -1.0f}) {
    SamplerOptions options;
    options.temperature = temperature;
    options.xtc_probability = 1.0f;  // would remove the likeliest
    options.xtc_threshold = 0.0f;
    options.typical_p = 0.01f;
    Sampler sampler(options, 4);
    EXPECT_EQ(sampler.sample(std::vector<float>{1.0f, 3.0f, 3.0f, 2.9f}, 0), 1);
    ASSERT_EQ(sampler.distribution().size(), 1u);
    EXPECT_EQ(sampler.distribution()[0].id, 1);
    EXPECT_EQ(sampler.distribution()[0].probability, 1.0);
  }
  SamplerOptions options;
  options.temperature = 0.0f;
  options.presence_penalty = 1.0f;
  options.logit_bias = {{3, 0.5f}};
  Sampler sampler(options, 4);
  sampler.accept(1);
  EXPECT_EQ(sampler.sample(std::vector<float>{1.0f, 3.0f, 2.0f, 1.8f}, 0), 3);
}

TEST(Sampler, TopKOneIsGreedyAtAnyTemperature) {
  SamplerOptions options;
  options.top_k = 1;
  options.temperature = 100.0f;
  Sampler sampler(options, 1000);
  const std::vector<float> logits = normal_logits(1000, 3);
  const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
  for (std::int64_t position = 0; position < 50; ++position) EXPECT_EQ(sampler.sample(logits, position), best);
}

TEST(Sampler, OrderOfStagesMatters) {
  // At temperature 2 first, more tokens are needed for the same probability.
  const std::vector<float> logits = normal_logits(1000, 4);
  SamplerOptions options;
  options.temperature = 2.0f;
  options.stages = {SamplerStage::kTopP, SamplerStage::kTemperature};
  Sampler cold(options, 1000);
  options.stages = {SamplerStage::kTemperature, SamplerStage::kTopP};
  Sampler hot(options, 1000);
  cold.sample(logits, 0);
  hot.sample(logits, 0);
  EXPECT_LT(cold.distribution().size() * 3 / 2, hot.distribution().size());
}

TEST(Sampler, DefaultChainKeepsWhatItsOptionsSay) {
  const std::vector<float> logits = normal_logits(5000, 5);
  Sampler sampler(SamplerOptions{}, 5000);
  sampler.sample(logits, 0);
  const std::vector<TokenProbability> kept = sampler.distribution();
  EXPECT_LE(kept.size(), 40u);
  double sum = 0, best = 0, least = 1;
  for (const TokenProbability& token : kept) {
    sum += token.probability;
    best = std::max(best, token.probability);
    least = std::min(least, token.probability);
  }
  EXPECT_NEAR(sum, 1.0, 1e-12);
  // min-p ran before the temperature of 0.8, which raised the ratio to the power of 1.25.
  EXPECT_GE(least / best, std::pow(0.05, 1.25) * (1 - 1e-6));
}

TEST(Sampler, PenaltiesLookBackOnTheLastTokensOnly) {
  SamplerOptions options;
  options.temperature = 0.0f;
  options.presence_penalty = 10.0f;
  options.repeat_last_n = 2;
  const std::vector<float> logits = {3.0f, 2.0f, 1.0f, 0.0f};
  Sampler sampler(options, 4);
  sampler.accept(0);
  EXPECT_EQ(sampler.sample(logits, 0), 1);
  sampler.accept(1);
  EXPECT_EQ(sampler.sample(logits, 0), 2);
  sampler.accept(1);
  EXPECT_EQ(sampler.sample(logits, 0), 0);  // 0 is three tokens back
  sampler.accept(2);
  sampler.accept(2);
  EXPECT_EQ(sampler.sample(logits, 0), 0);
  sampler.accept(0);
  EXPECT_EQ(sampler.sample(logits, 0), 1);

  options.repeat_last_n = -1;
  Sampler all(options, 4);
  for (const std::int32_t token : {0, 1, 3, 3, 3}) all.accept(token);
  EXPECT_EQ(all.sample(logits, 0), 2);
  options.repeat_last_n = 0;
  Sampler none(options, 4);
  for (const std::int32_t token : {0, 0}) none.accept(token);
  EXPECT_EQ(none.sample(logits, 0), 0);
}

// OpenAI's formula: what the prompt says costs nothing, and nothing of the answer is forgotten.
TEST(Sampler, PresenceAndFrequencyCanGoByTheAnswerAlone) {
  SamplerOptions options;
  options.temperature = 0.0f;
  options.repeat_last_n = 1;
  options.counts_answer_alone = true;
  const std::vector<float> logits = {3.0f, 2.0f, 1.5f, 0.0f};
  for (const bool presence : {false, true}) {
    options.presence_penalty = presence ? 10.0f : 0.0f;
    options.frequency_penalty = presence ? 0.0f : 10.0f;
    Sampler sampler(options, 4);
    for (int i = 0; i < 5; ++i) sampler.accept_prompt(0);
    EXPECT_EQ(sampler.sample(logits, 0), 0);
    sampler.accept(0);
    sampler.accept(1);
    EXPECT_EQ(sampler.sample(logits, 0), 2);
  }
  // The repetition penalty counts prompt and answer, as far as it looks back.
  options.presence_penalty = options.frequency_penalty = 0.0f;
  options.repeat_penalty = 4.0f;
  Sampler repeating(options, 4);
  repeating.accept_prompt(0);
  EXPECT_EQ(repeating.sample(logits, 0), 1);
  repeating.accept(1);
  EXPECT_EQ(repeating.sample(logits, 0), 0);
  // Both at once: 0 is divided, 1 loses its presence.
  options.presence_penalty = 1.0f;
  options.repeat_last_n = -1;
  Sampler both(options, 4);
  both.accept_prompt(0);
  both.accept(1);
  EXPECT_EQ(both.sample(logits, 0), 2);
}

std::string letters(std::int32_t token) {
  return token == 0 ? "\n" : std::string(1, static_cast<char>('a' + token));
}

TEST(Sampler, DryStopsALoop) {
  SamplerOptions options;
  options.temperature = 0.0f;
  options.dry_multiplier = 100.0f;
  std::vector<float> logits = {0.0f, 0.0f, 0.0f, 5.0f, 4.0f};
  Sampler sampler(options, 5, letters);
  for (const std::int32_t token : {1, 2, 3, 1, 2}) sampler.accept(token);
  EXPECT_EQ(sampler.sample(logits, 0), 4);  // 3 would repeat "1 2 3"

  Sampler broken(options, 5, letters);
  for (const std::int32_t token : {1, 0, 2, 3, 1, 0, 2}) broken.accept(token);
  EXPECT_EQ(broken.sample(logits, 0), 3);  // the line's end leaves one token to repeat

  logits[0] = 9.0f;
  Sampler newline(options, 5, letters);
  for (const std::int32_t token : {1, 2, 0, 1, 2}) newline.accept(token);
  EXPECT_EQ(newline.sample(logits, 0), 0);  // a breaker is never penalized

  options.dry_penalty_last_n = 4;
  logits[0] = 0.0f;
  Sampler forgetful(options, 5, letters);
  for (const std::int32_t token : {1, 2, 3, 4, 1, 2}) forgetful.accept(token);
  EXPECT_EQ(forgetful.sample(logits, 0), 3);
}

TEST(Sampler, XtcActsAsOftenAsItsProbabilitySays) {
  SamplerOptions options;
  options.stages = {SamplerStage::kXtc};
  options.xtc_probability = 0.3f;
  Sampler sampler(options, 3);
  const std::vector<float> logits = {std::log(0.5f), std::log(0.45f), std::log(0.05f)};
  int removed = 0;
  for (std::int64_t position = 0; position < 10000; ++position) {
    sampler.sample(logits, position);
    removed += sampler.distribution().size() == 2;
  }
  EXPECT_NEAR(removed, 3000, 4 * 46);  // four standard deviations
}

TEST(Sampler, BiasBansAndForces) {
  SamplerOptions options = plain();
  options.logit_bias = {{0, -INFINITY}, {2, 100.0f}};
  Sampler sampler(options, 3);
  for (std::int64_t position = 0; position < 100; ++position) {
    ASSERT_EQ(sampler.sample(std::vector<float>{1000.0f, 950.0f, 1000.0f}, position), 2);
  }
  ASSERT_EQ(sampler.sample(std::vector<float>{INFINITY, 1.0f, -INFINITY}, 0), 1);  // banned, even if certain
}

TEST(Sampler, LogitsThatAreNotNumbers) {
  Sampler sampler(plain(), 3);
  for (std::int64_t position = 0; position < 100; ++position) {
    ASSERT_EQ(sampler.sample(std::vector<float>{NAN, 0.0f, -INFINITY}, position), 1);
  }
  EXPECT_THROW(sampler.sample(std::vector<float>{NAN, NAN, NAN}, 5), Error);
  EXPECT_THROW(sampler.sample(std::vector<float>{NAN, -INFINITY, NAN}, 5), Error);
  Sampler greedy(plain(0.0f), 3);
  EXPECT_EQ(greedy.sample(std::vector<float>{NAN, -7.0f, -8.0f}, 0), 1);
  EXPECT_THROW(greedy.sample(std::vector<float>{NAN, NAN, NAN}, 5), Error);
}

// A history that tried tokens and went back is the one that never had them.
TEST(TokenHistory, GoesBack) {
  for (const std::int32_t last_n : {0, 3, 7, -1}) {
    for (const bool counts_answer_alone : {false, true}) {
      SamplerOptions options;
      options.repeat_last_n = last_n;
      options.counts_answer_alone = counts_answer_alone;
      options.dry_multiplier = 0.8f;
      options.dry_penalty_last_n = -1;
      options.dry_sequence_breakers = {"3", "12"};
      const auto bytes = [](std::int32_t token) { return std::to_string(token); };
      TokenHistory tried(options, 5, bytes), never(options, 5, bytes);
      std::mt19937 random(9);
      const auto token = [&] { return static_cast<std::int32_t>(random() % 5); };
      for (int i = 0; i < 6; ++i) {
        const std::int32_t prompt = token();
        tried.accept_prompt(prompt);
        never.accept_prompt(prompt);
      }
      for (int i = 0; i < 200; ++i) {
        const TokenHistory::Mark mark = tried.mark();
        for (std::size_t count = random() % 10; count > 0; --count) tried.accept(token());
        tried.go_back(mark);
        const std::int32_t chosen = token();
        tried.accept(chosen);
        never.accept(chosen);
        ASSERT_EQ(tried.counts(), never.counts());
        ASSERT_EQ(tried.penalized_counts(), never.penalized_counts());
        ASSERT_EQ(tried.dry_penalties(), never.dry_penalties());
      }
    }
  }
}

TEST(Sampler, RefusesBadOptions) {
  SamplerOptions options;
  options.top_p = -1.0f;
  EXPECT_THROW(Sampler(options, 10), InvalidInput);
}

}  // namespace
}  // namespace hearth
