// What follows a sequence's last tokens is found where they stood before; and drafts are made as far as they pay.
#include "engine/drafter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>
#include <span>
#include <vector>

#include "base/error.h"

namespace hearth {
namespace {

using Tokens = std::vector<std::int32_t>;

NgramIndex index_of(std::span<const std::int32_t> tokens) {
  NgramIndex index;
  for (const std::int32_t token : tokens) index.push(token);
  return index;
}

Tokens random_tokens(std::mt19937& random, std::int64_t count, std::uint32_t vocabulary) {
  Tokens tokens;
  for (std::int64_t i = 0; i < count; ++i) tokens.push_back(static_cast<std::int32_t>(random() % vocabulary));
  return tokens;
}

// The same by looking at every position.
std::optional<NgramIndex::Match> longest_match(std::span<const std::int32_t> tokens) {
  NgramIndex::Match best;
  const std::int64_t count = std::ssize(tokens);
  const auto at = [&](std::int64_t i) { return tokens[static_cast<std::size_t>(i)]; };
  for (std::int64_t next = count - 1; next > 0; --next) {
    std::int64_t length = 0;
    while (length < std::min(next, NgramIndex::kLengthMax) && at(next - 1 - length) == at(count - 1 - length)) ++length;
    if (length > best.length) best = {next, length};
  }
  if (best.length < NgramIndex::kLengthMin) return std::nullopt;
  return best;
}

TEST(NgramIndex, FindsTheLongestAndOfThoseTheNewest) {
  const auto match = index_of(Tokens{1, 2, 3, 4, 5, 6, 9, 3, 4, 5, 6, 7, 3, 4, 5, 6, 8, 1, 2, 3, 4, 5, 6}).find();
  ASSERT_TRUE(match);
  EXPECT_EQ(match->next, 6);
  EXPECT_EQ(match->length, 6);
  const auto newest = index_of(Tokens{5, 1, 2, 3, 4, 7, 1, 2, 3, 4, 8, 1, 2, 3, 4}).find();
  ASSERT_TRUE(newest);
  EXPECT_EQ(newest->next, 10);
  EXPECT_EQ(newest->length, 4);
  EXPECT_FALSE(index_of(Tokens{1, 2, 3, 4, 5}).find());
  EXPECT_FALSE(index_of(Tokens{}).find());
  EXPECT_FALSE(index_of(Tokens{7}).find());
}

TEST(NgramIndex, AgreesWithALookAtEveryPosition) {
  std::mt19937 random(3);
  for (const std::uint32_t vocabulary : {6u, 40u}) {
    const Tokens tokens = random_tokens(random, 600, vocabulary);
    NgramIndex index;
    std::int64_t found = 0;
    for (std::size_t count = 1; count <= tokens.size(); ++count) {
      index.push(tokens[count - 1]);
      const auto expected = longest_match(std::span(tokens).first(count));
      const auto match = index.find();
      ASSERT_EQ(match.has_value(), expected.has_value()) << count;
      if (!match) continue;
      ++found;
      // Of short ones only the newest pair is looked at.
      EXPECT_GE(match->length, std::min(expected->length, NgramIndex::kLengthMin)) << count;
      if (expected->length < NgramIndex::kChained) continue;
      EXPECT_EQ(match->length, expected->length) << count;
      EXPECT_EQ(match->next, expected->next) << count;
    }
    EXPECT_GT(found, 50);
  }
}

TEST(NgramIndex, ContinuesARepetitionBeyondItsEnd) {
  const NgramIndex index = index_of(Tokens{9, 1, 2, 3, 1, 2, 3});
  const auto match = index.find();
  ASSERT_TRUE(match);
  EXPECT_EQ(index.continuation(*match, 7), (Tokens{1, 2, 3, 1, 2, 3, 1}));
}

TEST(NgramIndex, TakesAFewWordsForEachToken) {
  std::mt19937 random(4);
  const std::int64_t count = 100000;
  EXPECT_LT(index_of(random_tokens(random, count, 30000)).bytes(), count * 10 * 4);
}

// A text that is copied, and one that only seems to be.
TEST(Drafter, LearnsHowOftenItIsRight) {
  std::mt19937 random(5);
  const Tokens text = random_tokens(random, 300, 50000);
  Drafter copying, guessing;
  for (const std::int32_t token : text) {
    copying.push(token);
    guessing.push(token);
  }
  EXPECT_TRUE(copying.draft(8).tokens.empty());
  double first = 0;
  for (std::size_t i = 0; i < 200; ++i) {
    copying.push(text[i]);
    const Drafter::Draft draft = copying.draft(8);
    if (i == 0) continue;
    ASSERT_EQ(draft.tokens.size(), 8u);
    EXPECT_TRUE(
        std::equal(draft.tokens.begin(), draft.tokens.end(), text.begin() + static_cast<std::ptrdiff_t>(i + 1)));
    if (i == 199) EXPECT_GT(draft.probability, 0.9);
    copying.judge(8, 8);
  }
  for (std::size_t i = 0; i < 100; ++i) {
    guessing.push(text[i]);
    guessing.push(text[i + 1]);
    const Drafter::Draft draft = guessing.draft(4);
    ASSERT_FALSE(draft.tokens.empty());
    if (i == 0) first = draft.probability;
    guessing.judge(4, 0);
  }
  guessing.push(text[0]);
  guessing.push(text[1]);
  const double last = guessing.draft(4).probability;
  EXPECT_LT(last, first / 5);
  // Not for ever.
  for (int i = 0; i < 200; ++i) guessing.judge(0, 0);
  EXPECT_GT(guessing.draft(4).probability, first / 2);
}

TEST(StepCosts, FindsWhatATokenCosts) {
  StepCosts costs;
  for (int i = 0; i < 400; ++i) {
    const std::int64_t tokens = i % 5 == 0 ? 6 : 1;
    // Now and then the machine is busy with something else.
    costs.add(tokens, (0.020 + 0.001 * static_cast<double>(tokens)) * (i % 50 == 7 ? 30 : 1));
  }
  EXPECT_NEAR(costs.seconds(1), 0.021, 0.004);
  EXPECT_NEAR(costs.seconds(6), 0.026, 0.004);
  EXPECT_GT(costs.seconds(4), costs.seconds(1));
  EXPECT_GT(costs.seconds(9), costs.seconds(6));
}

// A kernel for one token, and a much slower one for several: found out with one try, which is forgotten some time.
TEST(StepCosts, FindsSteps) {
  StepCosts costs;
  for (int i = 0; i < 20; ++i) costs.add(1, 1.0);
  const double assumed = costs.seconds(2);
  EXPECT_LT(assumed, 1.2);
  costs.add(2, 2.5);
  EXPECT_GT(costs.seconds(2), 2);
  EXPECT_GT(costs.seconds(3), 2.5);
  for (int i = 0; i < 200; ++i) costs.add(1, 1.0);
  EXPECT_GT(costs.seconds(2), 1.5);
  for (int i = 0; i < 600; ++i) costs.add(1, 1.0);
  EXPECT_LT(costs.seconds(2), 1.4);
}

Drafter::Draft draft_of(std::size_t count, double probability) {
  return {Tokens(count, 1), probability};
}

StepCosts costs_of(double per_token) {
  StepCosts costs;
  for (int i = 0; i < 300; ++i) costs.add(1 + i % 40, 1 + per_token * (1 + i % 40));
  return costs;
}

TEST(ShareDrafts, TakesWhatPays) {
  const std::vector drafts{draft_of(8, 0.95), draft_of(8, 0.3), draft_of(0, 0.9)};
  const auto cheap = share_drafts(drafts, 3, costs_of(0.01), 100);
  EXPECT_EQ(cheap[0], 8);
  EXPECT_GE(cheap[1], 2);
  EXPECT_EQ(cheap[2], 0);
  // A token costs half of what a step does: only what is nearly certain.
  const auto dear = share_drafts(drafts, 3, costs_of(0.5), 100);
  EXPECT_GE(dear[0], 1);
  EXPECT_EQ(dear[1], 0);
  // A step's time is its tokens', as it is with many sequences.
  EXPECT_EQ(share_drafts(drafts, 16, costs_of(50), 100), (std::vector<std::int64_t>{0, 0, 0}));
  // No more than there are rows for, and the likeliest of them.
  EXPECT_EQ(share_drafts(drafts, 3, costs_of(0.01), 3), (std::vector<std::int64_t>{3, 0, 0}));
  EXPECT_TRUE(share_drafts({}, 3, costs_of(0.01), 3).empty());
}

// Two tokens take twice the time of one, and so do five: a long draft pays, a short one does not.
TEST(ShareDrafts, LooksPastAStep) {
  StepCosts costs;
  for (int i = 0; i < 100; ++i) costs.add(1 + i % 8, i % 8 == 0 ? 1 : 2);
  EXPECT_EQ(share_drafts(std::vector{draft_of(8, 0.9)}, 1, costs, 7), (std::vector<std::int64_t>{7}));
  EXPECT_EQ(share_drafts(std::vector{draft_of(8, 0.5)}, 1, costs, 7), (std::vector<std::int64_t>{0}));
  EXPECT_EQ(share_drafts(std::vector{draft_of(1, 0.9)}, 1, costs, 7), (std::vector<std::int64_t>{0}));
}

TEST(Speculation, PlansRowsForItsDrafts) {
  EXPECT_EQ(Speculation{}.draft_rows_max(4), 0);
  EXPECT_EQ((Speculation{.mode = Speculation::Mode::kNgram, .draft_max = 8}).draft_rows_max(1), 8);
  EXPECT_EQ((Speculation{.mode = Speculation::Mode::kNgram, .draft_max = 8}).draft_rows_max(64), 32);
  EXPECT_EQ(parse_speculation("off"), Speculation::Mode::kOff);
  EXPECT_THROW(parse_speculation("eagle"), InvalidInput);
}

}  // namespace
}  // namespace hearth
