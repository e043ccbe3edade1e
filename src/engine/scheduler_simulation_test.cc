// The scheduler under thousands of random arrivals and cancellations, with so few blocks that it must preempt: what
// must hold is checked at every step. The checker is checked as well: a spoilt view of the scheduler does not pass.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "engine/scheduler.h"
#include "engine/testing/scheduler_checker.h"
#include "kv/paged_kv_cache.h"

namespace hearth {
namespace {

using SequenceId = Scheduler::SequenceId;

struct SimulationOptions {
  SchedulerLimits limits;
  std::uint64_t seed = 0;
  std::int64_t arrival_count = 1200;
  std::int64_t live_max = 40;          // more than can run
  std::int64_t steps_per_arrival = 6;  // on average
  std::int64_t cancel_one_in = 5;      // requests
  std::int32_t priority_count = 3;
  std::int64_t draft_max = 0;  // tokens drafted for a sequence, some of them wrong
  // Spoils a view; true: done, and not to be called again.
  std::function<bool(SchedulerView&)> spoil;
};

struct Outcome {
  std::string violation;
  std::int64_t added = 0, ended = 0, cancelled_running = 0, cancelled_waiting = 0, longest_life = 0, steps = 0;
  std::int64_t blocks_left = 0;
  std::int64_t drafted = 0, accepted = 0;
  Scheduler::Counts counts;
  bool was_spoilt = false;
};

class Simulation {
 public:
  explicit Simulation(const SimulationOptions& options)
      : options_(options), random_(options.seed), scheduler_(options.limits), checker_(options.limits) {
    for (const std::int64_t length : {20, 32, 50, 64, 100, 128}) prefixes_.push_back(random_tokens(length));
    // The same block again and again: the first one must not pass for a later one.
    std::vector<std::int32_t> repeated;
    for (const std::int64_t count : {2, 3, 5}) {
      while (std::ssize(repeated) < count * kKvBlockTokens) {
        repeated.insert(repeated.end(), prefixes_[1].begin(), prefixes_[1].end());
      }
      prefixes_.push_back(repeated);
    }
  }

  Outcome run() {
    constexpr std::int64_t kStepsMax = 200000;
    while (checker_.violation().empty() && checker_.step_count() < kStepsMax &&
           (added_ < options_.arrival_count || !checker_.live().empty())) {
      arrive();
      cancel();
      step();
    }
    outcome_.blocks_left = scheduler_.cache().held_count();
    outcome_.violation = checker_.violation();
    outcome_.added = added_;
    outcome_.ended = checker_.ended_count();
    outcome_.longest_life = checker_.longest_life();
    outcome_.steps = checker_.step_count();
    outcome_.drafted = checker_.drafted_tokens();
    outcome_.accepted = checker_.accepted_tokens();
    outcome_.counts = scheduler_.counts();
    return outcome_;
  }

 private:
  std::int64_t below(std::int64_t end) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(end));
  }

  std::vector<std::int32_t> random_tokens(std::int64_t count) {
    std::vector<std::int32_t> tokens;
    for (std::int64_t i = 0; i < count; ++i) tokens.push_back(static_cast<std::int32_t>(below(3)));
    return tokens;
  }

  void arrive() {
    // In bursts: several at once, then nobody for a while.
    if (below(3 * options_.steps_per_arrival) != 0 && !checker_.live().empty()) return;
    for (std::int64_t i = 1 + below(5); i > 0; --i) {
      if (added_ == options_.arrival_count || std::ssize(checker_.live()) >= options_.live_max) return;
      Scheduler::Arrival arrival;
      arrival.id = static_cast<SequenceId>(added_++);
      if (below(3) != 0) arrival.prompt = prefixes_[static_cast<std::size_t>(below(std::ssize(prefixes_)))];
      // Now and then a prompt that others have to the last token.
      const std::int64_t own = arrival.prompt.empty() || below(8) != 0 ? 1 + below(40) : 0;
      for (const std::int32_t token : random_tokens(own)) arrival.prompt.push_back(token);
      if (below(50) == 0) arrival.prompt = random_tokens(options_.limits.context);
      arrival.prompt.resize(std::min(arrival.prompt.size(), static_cast<std::size_t>(options_.limits.context)));
      arrival.priority = static_cast<std::int32_t>(below(options_.priority_count)) - 1;
      arrival.use_prefix_cache = below(8) != 0;
      checker_.add(arrival, 1 + below(80));
      scheduler_.add(std::move(arrival));
    }
  }

  void cancel() {
    const std::vector<SequenceId> live = checker_.live();
    if (live.empty() || below(options_.steps_per_arrival * options_.cancel_one_in) != 0) return;
    const SequenceId id = live[static_cast<std::size_t>(below(std::ssize(live)))];
    ++(scheduler_.blocks(id).empty() ? outcome_.cancelled_waiting : outcome_.cancelled_running);
    remove(id);
  }

  void remove(SequenceId id) {
    checker_.remove(id);
    scheduler_.remove(id);
  }

  // For most of those that decode: what follows, and from some token on something else.
  void draft() {
    for (const SequenceId id : decoding_) {
      if (!checker_.is_live(id) || below(4) == 0) continue;
      const auto tokens = scheduler_.tokens(id);
      std::vector<std::int32_t> all(tokens.begin(), tokens.end());
      const std::int64_t right = below(options_.draft_max + 1);
      for (std::int64_t i = 0; i < options_.draft_max; ++i) all.push_back((next_token(all) + (i == right ? 1 : 0)) % 3);
      scheduler_.draft(id, {all.end() - options_.draft_max, all.end()});
    }
  }

  void step() {
    if (options_.draft_max > 0) draft();
    const Scheduler::StepPlan plan = scheduler_.plan();
    SchedulerView view = checker_.view(scheduler_, plan);
    if (options_.spoil && !outcome_.was_spoilt) outcome_.was_spoilt = options_.spoil(view);
    const std::vector<std::int32_t> chosen = checker_.carry_out(view);
    if (!checker_.violation().empty() || plan.items.empty()) return;
    scheduler_.commit(plan, chosen);
    for (const SequenceId id : checker_.complete()) remove(id);
    decoding_.clear();
    for (const Scheduler::Item& item : plan.items) {
      if (item.samples) decoding_.push_back(item.id);
    }
  }

  SimulationOptions options_;
  std::mt19937_64 random_;
  Scheduler scheduler_;
  SchedulerChecker checker_;
  std::vector<std::vector<std::int32_t>> prefixes_;
  std::vector<SequenceId> decoding_;  // a token was chosen for them in the last step
  std::int64_t added_ = 0;
  Outcome outcome_;
};

// As few blocks as a context takes, and a few more.
SchedulerLimits tight_limits(std::int64_t extra_blocks) {
  constexpr std::int64_t kContext = 224;
  return {.step_tokens_max = 48,
          .sequences_max = 8,
          .context = kContext,
          .block_count = kv_block_count(kContext) + extra_blocks,
          .chunk_tokens_max = 0};
}

struct Case {
  const char* name;
  SchedulerLimits limits;
  std::int64_t steps_per_arrival;
  bool must_preempt = true;
  std::int64_t draft_max = 0;
};

class SchedulerSimulation : public testing::TestWithParam<Case> {};

TEST_P(SchedulerSimulation, HoldsWhatItPromises) {
  Outcome all;
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    SimulationOptions options{.limits = GetParam().limits, .seed = seed, .spoil = {}};
    options.steps_per_arrival = GetParam().steps_per_arrival;
    options.draft_max = GetParam().draft_max;
    const Outcome outcome = Simulation(options).run();
    ASSERT_EQ(outcome.violation, "") << "seed " << seed;
    EXPECT_EQ(outcome.added, options.arrival_count) << "seed " << seed;
    EXPECT_EQ(outcome.ended, options.arrival_count) << "seed " << seed;
    EXPECT_EQ(outcome.blocks_left, 0) << "seed " << seed;
    // Those that outrank a request came before it or within a few hundred steps; all of them are short.
    EXPECT_LT(outcome.longest_life, 2000) << "seed " << seed;
    all.counts.preemptions += outcome.counts.preemptions;
    all.counts.prefix_hit_tokens += outcome.counts.prefix_hit_tokens;
    all.cancelled_running += outcome.cancelled_running;
    all.cancelled_waiting += outcome.cancelled_waiting;
    all.longest_life = std::max(all.longest_life, outcome.longest_life);
    all.steps += outcome.steps;
    all.drafted += outcome.drafted;
    all.accepted += outcome.accepted;
  }
  RecordProperty("steps", std::to_string(all.steps));
  RecordProperty("preemptions", std::to_string(all.counts.preemptions));
  RecordProperty("longest_life", std::to_string(all.longest_life));
  // What is to be tested did happen.
  if (GetParam().must_preempt) {
    EXPECT_GT(all.counts.preemptions, 5);
  }
  if (GetParam().draft_max > 0) {
    EXPECT_GT(all.accepted, 10000);
    EXPECT_GT(all.drafted, all.accepted + 10000);
  }
  EXPECT_GT(all.counts.prefix_hit_tokens, 10000);
  EXPECT_GT(all.cancelled_running, 20);
  EXPECT_GT(all.cancelled_waiting, 5);
}

SchedulerLimits with_chunks(SchedulerLimits limits, std::int64_t step_tokens, std::int64_t chunk_tokens) {
  limits.step_tokens_max = step_tokens;
  limits.chunk_tokens_max = chunk_tokens;
  return limits;
}

SchedulerLimits with_rows(SchedulerLimits limits, std::int64_t rows) {
  limits.rows_max = rows;
  return limits;
}

SchedulerLimits with_states(SchedulerLimits limits, std::int64_t slots, std::int64_t checkpoints) {
  limits.state_slot_count = slots;
  limits.checkpoint_count = checkpoints;
  limits.checkpoint_tokens = 2 * kKvBlockTokens;
  return limits;
}

INSTANTIATE_TEST_SUITE_P(Pools, SchedulerSimulation,
                         testing::Values(Case{"one_context", tight_limits(0), 24},
                                         Case{"a_few_blocks_more", tight_limits(5), 16},
                                         Case{"overloaded", tight_limits(6), 6},
                                         Case{"small_chunks", with_chunks(tight_limits(9), 64, 7), 12},
                                         Case{"steps_full_of_decoding", with_chunks(tight_limits(4), 8, 0), 30},
                                         Case{"enough_blocks", tight_limits(8 * 7), 12, false},
                                         Case{"drafts", with_rows(tight_limits(5), 40), 6, true, 6},
                                         Case{"drafts_with_room", with_rows(tight_limits(8 * 7), 24), 12, false, 12},
                                         Case{"states", with_states(tight_limits(7), 8, 12), 16},
                                         Case{"few_slots", with_states(tight_limits(8 * 7), 5, 40), 16, false},
                                         Case{"few_checkpoints", with_states(tight_limits(9), 8, 4), 16}),
                         [](const auto& test) { return test.param.name; });

// Spoils the first view that it can be spoilt in; by then much has happened.
struct Spoilt {
  const char* name;
  std::function<bool(SchedulerView&)> spoil;
  const char* words;  // of the violation
  bool has_states = false;
  std::int64_t draft_max = 0;
};

// The blocks of another sequence that holds some; null: there is none.
SchedulerView::Sequence* other_holder(SchedulerView& view, SequenceId id) {
  for (auto& [other_id, other] : view.sequences) {
    if (other_id != id && !other.blocks.empty()) return &other;
  }
  return nullptr;
}

bool spoil_table(SchedulerView& view) {
  for (const Scheduler::Item& item : view.plan.items) {
    SchedulerView::Sequence* other = other_holder(view, item.id);
    auto& blocks = view.sequences.at(item.id).blocks;
    if (other == nullptr || item.first_position == 0 || std::count(blocks.begin(), blocks.end(), other->blocks[0])) {
      continue;
    }
    // As if the two had each other's first block: every block is still held by as many.
    if (std::count(other->blocks.begin(), other->blocks.end(), blocks[0]) != 0) continue;
    std::swap(blocks[0], other->blocks[0]);
    return true;
  }
  return false;
}

// As if a sequence went on writing to a block that it shares.
bool spoil_write(SchedulerView& view) {
  for (const Scheduler::Item& item : view.plan.items) {
    auto& blocks = view.sequences.at(item.id).blocks;
    const auto written = static_cast<std::size_t>(item.first_position / kKvBlockTokens);
    SchedulerView::Sequence* other = other_holder(view, item.id);
    if (other == nullptr || std::ssize(other->blocks) == 1 || item.first_position % kKvBlockTokens != 0) continue;
    const std::int32_t taken = other->blocks[0];
    if (std::count(blocks.begin(), blocks.end(), taken) != 0) continue;
    --view.blocks[static_cast<std::size_t>(blocks[written])].holders;
    --view.held_count;
    ++view.free_count;
    blocks[written] = taken;
    ++view.blocks[static_cast<std::size_t>(taken)].holders;
    return true;
  }
  return false;
}

bool spoil_known(SchedulerView& view) {
  if (view.plan.items.empty()) return false;
  const Scheduler::Item& item = view.plan.items.front();
  const auto written = static_cast<std::size_t>(item.first_position / kKvBlockTokens);
  view.blocks[static_cast<std::size_t>(view.sequences.at(item.id).blocks[written])].is_known = true;
  return true;
}

bool spoil_leak(SchedulerView& view) {
  for (auto& [id, sequence] : view.sequences) {
    if (sequence.blocks.size() < 4) continue;
    sequence.blocks.pop_back();  // a block that nobody knows of, and that counts a holder
    return true;
  }
  return false;
}

bool spoil_free_count(SchedulerView& view) {
  ++view.free_count;
  return true;
}

bool spoil_decoding(SchedulerView& view) {
  auto& items = view.plan.items;
  const auto place =
      std::find_if(items.begin(), items.end(), [](const auto& i) { return i.samples && i.first_position % 32 == 9; });
  if (place == items.end() || place->token_count != 1) return false;
  items.erase(place);
  return true;
}

bool spoil_everything(SchedulerView& view) {
  if (view.plan.items.empty() || !view.plan.admitted.empty()) return false;
  for (const Scheduler::Item& item : view.plan.items) {
    if (item.samples) return false;
  }
  view.plan.items.clear();
  return true;
}

bool spoil_twice(SchedulerView& view) {
  if (view.plan.items.empty()) return false;
  view.plan.items.push_back(view.plan.items.back());
  return true;
}

bool spoil_position(SchedulerView& view) {
  for (Scheduler::Item& item : view.plan.items) {
    if (item.first_position == 0 || item.samples) continue;
    --item.first_position;
    return true;
  }
  return false;
}

bool spoil_sampling(SchedulerView& view) {
  for (Scheduler::Item& item : view.plan.items) {
    if (item.samples) continue;
    item.samples = true;
    return true;
  }
  return false;
}

bool spoil_tokens(SchedulerView& view) {
  if (view.plan.items.empty()) return false;
  view.sequences.at(view.plan.items.front().id).tokens.back() ^= 1;
  return true;
}

bool spoil_victim(SchedulerView& view) {
  // Whoever is preempted did not run last: as if the first of those that go on had been taken instead.
  if (view.plan.preempted.size() != 1 || view.plan.items.empty()) return false;
  const SequenceId kept = view.plan.preempted[0];
  const SequenceId taken = view.plan.items.front().id;
  view.plan.preempted[0] = taken;
  view.plan.items.erase(view.plan.items.begin());
  std::swap(view.sequences.at(kept).blocks, view.sequences.at(taken).blocks);
  return true;
}

bool spoil_waiting(SchedulerView& view) {
  for (auto& [id, sequence] : view.sequences) {
    if (!sequence.blocks.empty()) continue;
    view.plan.items.push_back({id, 0, 1, false});
    return true;
  }
  return false;
}

// As if a draft's last token had been computed, and not counted as one.
bool spoil_draft(SchedulerView& view) {
  for (Scheduler::Item& item : view.plan.items) {
    if (item.draft_count == 0) continue;
    --item.draft_count;
    return true;
  }
  return false;
}

// As if a wrong token had passed for the right one: the next step's tokens differ.
bool spoil_drafted_token(SchedulerView& view) {
  for (const Scheduler::Item& item : view.plan.items) {
    SchedulerView::Sequence& sequence = view.sequences.at(item.id);
    if (item.draft_count == 0 || sequence.draft[0] != next_token(sequence.tokens)) continue;
    sequence.draft[0] = (sequence.draft[0] + 1) % 3;
    return true;
  }
  return false;
}

bool spoil_count(SchedulerView& view) {
  if (view.waiting_count == 0) return false;
  --view.waiting_count;
  return true;
}

// As if a sequence went on behind a checkpoint without its state.
bool spoil_restored(SchedulerView& view) {
  if (view.plan.restored.empty()) return false;
  view.plan.restored.clear();
  return true;
}

bool spoil_state_slot(SchedulerView& view) {
  auto& items = view.plan.items;
  if (items.size() < 2 || items[0].first_position == 0 || items[1].first_position == 0) return false;
  std::swap(items[0].state_slot, items[1].state_slot);
  return true;
}

// As if a sequence began with the state of another checkpoint.
bool spoil_checkpoint(SchedulerView& view) {
  if (view.plan.restored.empty()) return false;
  view.plan.restored.front().checkpoint = (view.plan.restored.front().checkpoint + 1) % 12;
  return true;
}

class SpoiltScheduler : public testing::TestWithParam<Spoilt> {};

TEST_P(SpoiltScheduler, IsNoticed) {
  SimulationOptions options{.limits = tight_limits(5), .seed = 3, .spoil = {}};
  if (GetParam().has_states) options.limits = with_states(options.limits, 8, 12);
  if (GetParam().draft_max > 0) {
    options.limits = with_rows(tight_limits(20), 40);
    options.draft_max = GetParam().draft_max;
  }
  std::int64_t steps = 0;
  options.spoil = [&](SchedulerView& view) { return ++steps > 400 && GetParam().spoil(view); };
  const Outcome outcome = Simulation(options).run();
  EXPECT_TRUE(outcome.was_spoilt);
  EXPECT_NE(outcome.violation.find(GetParam().words), std::string::npos) << outcome.violation;
}

INSTANTIATE_TEST_SUITE_P(
    Views, SpoiltScheduler,
    testing::Values(
        Spoilt{"table", spoil_table, "another one's content"}, Spoilt{"shared_write", spoil_write, "which others hold"},
        Spoilt{"known_write", spoil_known, "content is known"}, Spoilt{"leak", spoil_leak, "holders"},
        Spoilt{"free_count", spoil_free_count, "are free"}, Spoilt{"decoding", spoil_decoding, "gets no token"},
        Spoilt{"everything", spoil_everything, "somebody waits"}, Spoilt{"twice", spoil_twice, "twice"},
        Spoilt{"position", spoil_position, "computes tokens"}, Spoilt{"sampling", spoil_sampling, "samples at"},
        Spoilt{"tokens", spoil_tokens, "other tokens"}, Spoilt{"victim", spoil_victim, "ranks after"},
        Spoilt{"draft", spoil_draft, "gets no token", false, 4},
        Spoilt{"drafted_token", spoil_drafted_token, "other tokens", false, 4},
        Spoilt{"waiting", spoil_waiting, "does not run"}, Spoilt{"count", spoil_count, "run and"},
        Spoilt{"restored", spoil_restored, "another state than its own", true},
        Spoilt{"state_slot", spoil_state_slot, "changes its state's slot", true},
        Spoilt{"checkpoint", spoil_checkpoint, "another state than its own", true}),
    [](const auto& test) { return test.param.name; });

// Computes steps until nobody is left or there were `step_count`; hears of the sequences that are admitted.
void run_steps(Scheduler& scheduler, SchedulerChecker& checker, std::int64_t step_count,
               const std::function<void(SequenceId)>& on_admitted = {}) {
  for (std::int64_t i = 0; i < step_count && !checker.live().empty(); ++i) {
    const Scheduler::StepPlan plan = scheduler.plan();
    for (const SequenceId id : plan.admitted) {
      if (on_admitted) on_admitted(id);
    }
    const auto chosen = checker.carry_out(checker.view(scheduler, plan));
    ASSERT_EQ(checker.violation(), "");
    scheduler.commit(plan, chosen);
    for (const SequenceId id : checker.complete()) {
      checker.remove(id);
      scheduler.remove(id);
    }
  }
}

void add(Scheduler& scheduler, SchedulerChecker& checker, Scheduler::Arrival arrival, std::int64_t answer_count) {
  checker.add(arrival, answer_count);
  scheduler.add(std::move(arrival));
}

TEST(SchedulerFairness, APriorityOutranksAndAnAgedRequestIsNotStarved) {
  const SchedulerLimits limits = tight_limits(9);
  Scheduler scheduler(limits);
  SchedulerChecker checker(limits);
  // More of priority 1 than can be served, without end, and one of priority 0 and one of -1 among them.
  constexpr SequenceId kPatient = 100000, kMorePatient = 100001;
  std::map<SequenceId, std::int64_t> admitted;
  SequenceId next = 0;
  for (std::int64_t step = 0; step < 1200; ++step) {
    for (int i = 0; i < 2 && checker.live().size() < 400; ++i) {
      add(scheduler, checker, {next++, std::vector<std::int32_t>(10, static_cast<std::int32_t>(step % 7)), 1}, 5);
    }
    if (step == 100) {
      add(scheduler, checker, {kPatient, {1, 2}, 0}, 5);
      add(scheduler, checker, {kMorePatient, {1, 2}, -1}, 5);
    }
    run_steps(scheduler, checker, 1, [&](SequenceId id) { admitted.try_emplace(id, step); });
    ASSERT_EQ(checker.violation(), "");
  }
  ASSERT_TRUE(admitted.contains(kPatient));
  ASSERT_TRUE(admitted.contains(kMorePatient));
  // Two sequences come and not even one is done in a step: the queue is long when the two arrive, and grows on.
  EXPECT_GT(admitted[kPatient], 150);
  EXPECT_GT(admitted[kMorePatient], admitted[kPatient]);
  EXPECT_FALSE(checker.is_live(kMorePatient));
}

// Requests that begin with the same `common` tokens and go on with `own` ones, one token each to answer.
void add_with_common_beginning(Scheduler& scheduler, SchedulerChecker& checker, std::int64_t count, std::int64_t common,
                               std::int64_t own) {
  for (std::int64_t id = 0; id < count; ++id) {
    std::vector<std::int32_t> prompt(static_cast<std::size_t>(common), 1);
    prompt.resize(static_cast<std::size_t>(common + own), static_cast<std::int32_t>(id + 2));
    add(scheduler, checker, {static_cast<SequenceId>(id), std::move(prompt)}, 1);
  }
}

TEST(SchedulerPrefix, ManyRequestsComputeTheirCommonBeginningOnce) {
  const SchedulerLimits limits{
      .step_tokens_max = 1024, .sequences_max = 64, .context = 640, .block_count = 400, .chunk_tokens_max = 128};
  Scheduler scheduler(limits);
  SchedulerChecker checker(limits);
  constexpr std::int64_t kCommon = 512, kOwn = 9, kRequests = 64;
  add_with_common_beginning(scheduler, checker, kRequests, kCommon, kOwn);
  run_steps(scheduler, checker, 1000);
  EXPECT_EQ(checker.ended_count(), kRequests);
  EXPECT_EQ(checker.computed_tokens(), kCommon + kRequests * kOwn);
  EXPECT_EQ(scheduler.counts().prefix_hit_tokens, (kRequests - 1) * kCommon);
}

SchedulerLimits roomy_limits_with_states() {
  SchedulerLimits limits{
      .step_tokens_max = 1024, .sequences_max = 64, .context = 4096, .block_count = 2000, .chunk_tokens_max = 0};
  limits = with_states(limits, 64, 200);
  limits.checkpoint_tokens = 1024;
  return limits;
}

// Of models with states: the one that computes the common beginning is cut where the others leave it.
TEST(SchedulerCheckpoints, ManyRequestsComputeTheirCommonBeginningOnce) {
  const SchedulerLimits limits = roomy_limits_with_states();
  Scheduler scheduler(limits);
  SchedulerChecker checker(limits);
  constexpr std::int64_t kCommon = 480, kOwn = 109, kRequests = 60;
  add_with_common_beginning(scheduler, checker, kRequests, kCommon, kOwn);
  run_steps(scheduler, checker, 1000);
  EXPECT_EQ(checker.ended_count(), kRequests);
  EXPECT_EQ(checker.computed_tokens(), kCommon + kRequests * kOwn);
}

// One after another: the second one leaves a checkpoint where it left the first, and the third begins there.
TEST(SchedulerCheckpoints, ABeginningThatTwoShareIsKeptForAThird) {
  const SchedulerLimits limits = roomy_limits_with_states();
  Scheduler scheduler(limits);
  SchedulerChecker checker(limits);
  constexpr std::int64_t kCommon = 480, kOwn = 400;
  for (SequenceId id = 0; id < 3; ++id) {
    std::vector<std::int32_t> prompt(kCommon, 1);
    prompt.resize(kCommon + kOwn, static_cast<std::int32_t>(id + 2));
    add(scheduler, checker, {id, std::move(prompt)}, 1);
    run_steps(scheduler, checker, 1000);
  }
  EXPECT_EQ(checker.computed_tokens(), 3 * (kCommon + kOwn) - kCommon);
}

// Each turn has all before it, and a message. Where the template repeats the answer as it was written, the new tokens
// are computed and less than a block; where it does not, the answer again and what opens it.
TEST(SchedulerCheckpoints, ATurnOfAConversationComputesWhatIsNew) {
  constexpr std::int64_t kMessage = 45, kAnswer = 61, kOpening = 5;
  for (const bool repeats : {true, false}) {
    const SchedulerLimits limits = roomy_limits_with_states();
    Scheduler scheduler(limits);
    SchedulerChecker checker(limits);
    std::vector<std::int32_t> conversation;
    for (SequenceId turn = 0; turn < 20; ++turn) {
      const auto before = std::ssize(conversation);
      conversation.resize(conversation.size() + kMessage, static_cast<std::int32_t>(turn % 5));
      std::vector<std::int32_t> prompt = conversation;
      prompt.resize(prompt.size() + kOpening, 7);
      const std::int64_t computed = checker.computed_tokens();
      add(scheduler, checker, {turn, prompt}, kAnswer);
      for (std::int64_t i = 0; i < kAnswer; ++i) prompt.push_back(next_token(prompt));
      run_steps(scheduler, checker, 1000);
      // The last token of an answer is not computed any more.
      const std::int64_t prompt_computed = checker.computed_tokens() - computed - (kAnswer - 1);
      const std::int64_t again = turn == 0 ? 0 : repeats ? 1 : 2 * kKvBlockTokens + kAnswer;
      EXPECT_LT(prompt_computed, std::ssize(conversation) - before + kOpening + kKvBlockTokens + again) << turn;
      if (repeats) {
        conversation = prompt;
      } else {
        conversation.resize(conversation.size() + kAnswer, 8);
      }
    }
  }
}

}  // namespace
}  // namespace hearth
