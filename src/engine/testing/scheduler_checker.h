// What must hold for every step of a scheduler, whatever it was asked for; and a device of a few integers, on which
// plans are carried out so that a block with the wrong content, or a state that is another sequence's, is noticed.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/scheduler.h"

namespace hearth {

// All that can be seen of a scheduler between plan() and commit(). A copy, so that a test can spoil it.
struct SchedulerView {
  using SequenceId = Scheduler::SequenceId;
  struct Sequence {
    std::vector<std::int32_t> tokens, blocks, draft;
  };
  struct Block {
    std::int64_t holders = 0;
    bool is_known = false;
  };

  Scheduler::StepPlan plan;
  std::map<SequenceId, Sequence> sequences;
  std::vector<Block> blocks;
  std::int64_t held_count = 0, free_count = 0;
  std::int64_t running_count = 0, waiting_count = 0;
};

class SchedulerChecker {
 public:
  using SequenceId = Scheduler::SequenceId;

  explicit SchedulerChecker(const SchedulerLimits& limits);

  void add(const Scheduler::Arrival& arrival, std::int64_t answer_count);
  // It ended, or was cancelled.
  void remove(SequenceId id);

  SchedulerView view(const Scheduler& scheduler, Scheduler::StepPlan plan) const;
  // Checks the plan, and computes its step. Returns the tokens to commit; they depend on the blocks' content alone.
  // What was drafted rightly is found out here as well: the next view's tokens tell whether the scheduler has.
  std::vector<std::int32_t> carry_out(const SchedulerView& view);
  // Those whose answer is complete, or for which the context has no room any more.
  std::vector<SequenceId> complete() const;

  // The first thing that did not hold; empty: everything did.
  const std::string& violation() const { return violation_; }

  bool is_live(SequenceId id) const { return sequences_.contains(id); }
  std::vector<SequenceId> live() const;
  std::int64_t ended_count() const { return ended_count_; }
  std::int64_t longest_life() const { return longest_life_; }  // in steps, from arrival to end
  std::int64_t computed_tokens() const { return computed_tokens_; }
  std::int64_t drafted_tokens() const { return drafted_tokens_; }
  std::int64_t accepted_tokens() const { return accepted_tokens_; }
  std::int64_t step_count() const { return step_count_; }

 private:
  struct Rank {
    std::int64_t key, order;
    auto operator<=>(const Rank&) const = default;
  };
  struct Sequence {
    std::vector<std::int32_t> tokens;
    std::int64_t prompt_count = 0, answer_count = 0;
    std::int64_t arrival_step = 0;
    Rank rank{};
    bool uses_prefix_cache = true;
    bool is_running = false;
    std::int64_t computed = 0;
    std::int32_t state_slot = 0;
    bool decodes() const { return is_running && computed >= prompt_count && computed == std::ssize(tokens) - 1; }
  };

  template <typename... Args>
  void require(bool holds, fmt::format_string<Args...> what, Args&&... args) {
    if (holds || !violation_.empty()) return;
    violation_ = fmt::format("step {}: {}", step_count_, fmt::format(what, std::forward<Args>(args)...));
  }
  void check_blocks(const SchedulerView& view);
  void check_preemptions(const SchedulerView& view);
  void check_admissions(const SchedulerView& view);
  void check_items(const SchedulerView& view);
  void check_decoding_goes_on(const SchedulerView& view);
  void check_content(const SchedulerView& view, const Scheduler::Item& item);
  void check_states(const SchedulerView& view);
  void restore_states(const SchedulerView& view);
  void keep_states(const SchedulerView& view);
  std::vector<std::uint64_t> write(const SchedulerView& view, const Scheduler::Item& item);
  void choose(const SchedulerView& view, const Scheduler::Item& item, std::span<const std::uint64_t> digests,
              std::vector<std::int32_t>& chosen);

  SchedulerLimits limits_;
  std::map<SequenceId, Sequence> sequences_;
  std::vector<std::uint64_t> slots_;  // by block and position in it: a digest of all tokens up to there
  // Digests of all tokens that a state has seen: of sequences by slot, and those that are kept.
  std::vector<std::uint64_t> states_, checkpoints_;
  std::string violation_;
  std::int64_t step_count_ = 0, added_count_ = 0, ended_count_ = 0, longest_life_ = 0, computed_tokens_ = 0;
  std::int64_t drafted_tokens_ = 0, accepted_tokens_ = 0;
};

// What a sequence of these tokens goes on with.
std::int32_t next_token(std::span<const std::int32_t> tokens);

}  // namespace hearth
