// Single decisions of the scheduler, step by step; scheduler_simulation_test.cc has what must always hold.
#include "engine/scheduler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "kv/paged_kv_cache.h"

namespace hearth {
namespace {

std::vector<std::int32_t> tokens_from(std::int32_t first, std::int64_t count) {
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(count));
  std::iota(tokens.begin(), tokens.end(), first);
  return tokens;
}

// Carries a step out; every choice is token 1.
Scheduler::StepPlan step(Scheduler& scheduler) {
  Scheduler::StepPlan plan = scheduler.plan();
  std::int64_t samples = 0;
  for (const Scheduler::Item& item : plan.items) samples += item.samples ? 1 : 0;
  if (!plan.items.empty()) {
    scheduler.commit(plan, std::vector<std::int32_t>(static_cast<std::size_t>(samples), 1));
  }
  return plan;
}

TEST(Scheduler, DecodesFirstAndFillsTheStepWithPrompts) {
  Scheduler scheduler({.step_tokens_max = 32, .sequences_max = 4, .context = 128, .block_count = 16});
  scheduler.add({.id = 1, .prompt = tokens_from(0, 20)});
  step(scheduler);
  scheduler.add({.id = 2, .prompt = tokens_from(100, 50)});
  const auto plan = step(scheduler);
  ASSERT_EQ(plan.items.size(), 2u);
  EXPECT_EQ(plan.items[0].id, 1u);
  EXPECT_EQ(plan.items[0].token_count, 1);
  EXPECT_EQ(plan.items[1].token_count, 31);
  EXPECT_FALSE(plan.items[0].is_prompt);
  EXPECT_FALSE(plan.items[1].samples);
  EXPECT_TRUE(plan.items[1].is_prompt);
  EXPECT_EQ(step(scheduler).items[1].token_count, 19);
}

TEST(Scheduler, APriorityIsWorthSteps) {
  Scheduler scheduler({.step_tokens_max = 32, .sequences_max = 1, .context = 64, .block_count = 8});
  scheduler.add({.id = 1, .prompt = tokens_from(0, 8)});
  step(scheduler);
  scheduler.add({.id = 2, .prompt = tokens_from(0, 8)});
  scheduler.add({.id = 3, .prompt = tokens_from(0, 8), .priority = 1});
  scheduler.remove(1);
  EXPECT_EQ(step(scheduler).admitted, std::vector<Scheduler::SequenceId>{3});
}

// A sequence that computes its blocks anew after a preemption must be found by what it holds, not by what it held.
TEST(Scheduler, WhatIsComputedAgainIsKnownAgain) {
  Scheduler scheduler({.step_tokens_max = 128, .sequences_max = 4, .context = 128, .block_count = 5, .rows_max = 128});
  const auto first = tokens_from(0, 32), second = tokens_from(1000, 64);
  scheduler.add({.id = 1, .prompt = first});
  scheduler.add({.id = 2, .prompt = second, .scored_from = 0});
  bool preempted = false;
  for (int i = 0; i < 90 && !preempted; ++i) preempted = !step(scheduler).preempted.empty();
  ASSERT_TRUE(preempted);
  scheduler.remove(1);
  step(scheduler);  // the second one is computed again, without looking for what it had
  scheduler.remove(2);
  auto third = second;
  third.push_back(7);
  scheduler.add({.id = 3, .prompt = third});
  step(scheduler);
  EXPECT_EQ(scheduler.cached_tokens(3), 64);
}

TEST(Scheduler, WaitsForAPrefixUntilItsComputationEnds) {
  const SchedulerLimits limits{.step_tokens_max = 64, .sequences_max = 4, .context = 512, .block_count = 64};
  const auto prompt = tokens_from(0, 200);
  auto other = tokens_from(0, 160);
  other.resize(180, 5);
  for (const bool cancelled : {false, true}) {
    Scheduler scheduler(limits);
    scheduler.add({.id = 1, .prompt = prompt});
    scheduler.add({.id = 2, .prompt = other});
    EXPECT_EQ(step(scheduler).items.size(), 1u);
    EXPECT_EQ(step(scheduler).items.size(), 1u);
    if (cancelled) scheduler.remove(1);
    while (scheduler.waiting_count() > 0) step(scheduler);
    EXPECT_EQ(scheduler.cached_tokens(2), cancelled ? 128 : 160);
  }
}

// How long a request takes tells its sender what others have asked: who does not want that is not found.
TEST(Scheduler, APrivatePromptIsFoundByNobody) {
  for (const bool at_once : {false, true}) {
    Scheduler scheduler({.step_tokens_max = 64, .sequences_max = 4, .context = 512, .block_count = 64});
    const auto prompt = tokens_from(0, 200);
    scheduler.add({.id = 1, .prompt = prompt, .use_prefix_cache = false});
    for (int i = 0; i < 6 && !at_once; ++i) step(scheduler);
    scheduler.add({.id = 2, .prompt = prompt});
    while (scheduler.waiting_count() > 0) step(scheduler);
    EXPECT_EQ(scheduler.cached_tokens(2), 0);
    // And finds what others have made only if it may be found itself.
    for (int i = 0; i < 12; ++i) step(scheduler);
    scheduler.add({.id = 3, .prompt = prompt, .use_prefix_cache = false});
    scheduler.add({.id = 4, .prompt = prompt});
    while (scheduler.waiting_count() > 0) step(scheduler);
    EXPECT_EQ(scheduler.cached_tokens(3), 0);
    EXPECT_EQ(scheduler.cached_tokens(4), 192);
  }
}

// What comes before the position from which a prompt is scored may be somebody else's, and needs no rows.
TEST(Scheduler, ScoresAPromptsEnd) {
  Scheduler scheduler({.step_tokens_max = 128, .sequences_max = 4, .context = 128, .block_count = 16, .rows_max = 8});
  auto other = tokens_from(0, 100);
  other[70] = 9;
  scheduler.add({.id = 1, .prompt = tokens_from(0, 100), .scored_from = 90});
  scheduler.add({.id = 2, .prompt = other, .scored_from = 90});
  const auto first = step(scheduler);
  ASSERT_EQ(first.items.size(), 1u);
  EXPECT_EQ(first.items[0].token_count, 98);
  EXPECT_EQ(first.items[0].row_count, 8);
  const auto second = step(scheduler);
  ASSERT_EQ(second.items.size(), 2u);
  EXPECT_EQ(second.items[0].row_count, 2);
  EXPECT_TRUE(second.items[0].samples);
  EXPECT_EQ(scheduler.cached_tokens(2), 64);
  EXPECT_EQ(second.items[1].first_position, 64);
  EXPECT_EQ(second.items[1].token_count, 32);
  EXPECT_EQ(second.items[1].row_count, 6);
  // Blocks that have a scored position are computed, though they are known.
  scheduler.remove(1);
  scheduler.add({.id = 3, .prompt = tokens_from(0, 100), .scored_from = 63});
  step(scheduler);
  EXPECT_EQ(scheduler.cached_tokens(3), 32);
}

// Every token of a scored prompt needs a row of logits, and those that decode come first.
TEST(Scheduler, ScoresAPromptAsRowsAllow) {
  Scheduler scheduler({.step_tokens_max = 64, .sequences_max = 4, .context = 128, .block_count = 16, .rows_max = 8});
  scheduler.add({.id = 1, .prompt = tokens_from(0, 40)});
  EXPECT_EQ(step(scheduler).items.at(0).row_count, 1);
  scheduler.add({.id = 2, .prompt = tokens_from(0, 20), .scored_from = 0});
  std::int64_t scored = 0;
  while (scored < 20) {
    const auto plan = step(scheduler);
    ASSERT_EQ(plan.items.size(), 2u);
    EXPECT_EQ(plan.items[0].id, 1u);
    EXPECT_EQ(plan.items[1].row_count, plan.items[1].token_count);
    EXPECT_EQ(plan.items[1].token_count, std::min<std::int64_t>(7, 20 - scored));
    scored += plan.items[1].token_count;
    EXPECT_EQ(plan.items[1].samples, scored == 20);
  }
  EXPECT_EQ(scheduler.cached_tokens(2), 0);
  // A step never has more of them.
  scheduler.add({.id = 3, .prompt = tokens_from(500, 60), .scored_from = 0});
  scheduler.add({.id = 4, .prompt = tokens_from(700, 10)});
  const auto plan = step(scheduler);
  std::int64_t rows = 0;
  for (const auto& item : plan.items) rows += item.row_count;
  EXPECT_EQ(rows, 8);
}

}  // namespace
}  // namespace hearth
