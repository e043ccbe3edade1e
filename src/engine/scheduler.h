// Which tokens of which sequences the next step computes, and where their keys and values stand. A function of what it
// was told and nothing else: no clock, no device, no threads, so that a seeded simulation covers it.
//
// Sequences that decode come first, one token each; what the step has left goes to prompts, in chunks, and then to
// tokens that were drafted for those that decode. A sequence that runs keeps its place until it ends, or until one that
// ranks before it needs its blocks: then it waits again, and what it had computed is computed again (or found in the
// cache).
//
// Where the model has layers with a state, a sequence that runs has a slot for it. Prompts are cut where their state is
// to be kept as a checkpoint of the cache (scheduler_checkpoints.cc), and begin behind one.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "kv/block_cache.h"
#include "kv/sequence_memory.h"

namespace hearth {

struct SchedulerLimits {
  std::int64_t step_tokens_max = 512;
  std::int64_t sequences_max = 16;                     // that run at once; at most step_tokens_max
  std::int64_t context = 0;                            // tokens of a sequence that are computed
  std::int64_t block_count = 0;                        // at least as many as a whole context takes
  std::int64_t chunk_tokens_max = 0;                   // of one prompt in one step; 0: step_tokens_max
  std::int64_t state_slot_count = 0;                   // sequences that have a state at once; 0: the model has none
  std::int64_t checkpoint_count = 0;                   // states that the cache keeps
  std::int64_t checkpoint_tokens = kCheckpointTokens;  // they are kept at all multiples; a multiple of a block
  std::int64_t rows_max = 0;   // tokens of one step whose logits are wanted; 0: sequences_max, the least
  bool whole_prompts = false;  // each in one step: then a context is no more than a step's tokens
};

class Scheduler {
 public:
  using SequenceId = std::uint64_t;

  // A request outranks one that came this many steps later, for each level that its priority is lower: nothing waits
  // for ever.
  static constexpr std::int64_t kStepsPerPriority = 256;

  static constexpr std::int64_t kLastAlone = -1;
  struct Arrival {
    SequenceId id = 0;
    std::vector<std::int32_t> prompt;  // 1 to `context` tokens
    std::int32_t priority = 0;
    bool use_prefix_cache = true;  // false: nor can others find what it computes
    // From this position on the logits of every token of the prompt are wanted: all of these are computed. Below 0:
    // those of the last alone.
    std::int64_t scored_from = kLastAlone;
  };

  // A sequence's part of a step: its tokens [first_position, first_position + token_count).
  struct Item {
    SequenceId id = 0;
    std::int64_t first_position = 0;
    std::int64_t token_count = 0;
    bool samples = false;    // they reach the sequence's last: a token is chosen after it, and after each drafted one
    bool is_prompt = false;  // of the prompt, or computed again after a preemption; else the token chosen last
    std::int64_t row_count = 0;  // of the last tokens so many have logits
    std::int32_t state_slot = 0;
    std::int32_t checkpoint = BlockCache::kNone;  // where the state is kept once the step is done
    std::int64_t draft_count = 0;                 // of the last tokens so many are drafted: draft()
  };
  // A sequence's state, before the step: that of a checkpoint.
  struct Restored {
    std::int32_t checkpoint, state_slot;
  };
  struct StepPlan {
    std::vector<Item> items;  // empty: there is nothing to do
    std::vector<SequenceId> admitted;
    std::vector<SequenceId> preempted;
    std::vector<Restored> restored;
  };

  explicit Scheduler(const SchedulerLimits& limits);

  void add(Arrival arrival);
  // The sequence is over: its blocks are free, or cached. Never between plan() and its commit().
  void remove(SequenceId id);

  // Tokens that may follow those of a sequence that decodes: the next plan() takes as many of them as find room that
  // nobody else needs. Of models without states: a state cannot be taken back.
  void draft(SequenceId id, std::vector<std::int32_t> tokens);

  // Reserves the blocks that the step writes.
  StepPlan plan();
  // The step was carried out; `chosen` are the tokens of the items that sample, in their order, of each one more than
  // it has drafted ones: what was chosen after the sequence's last token, then after each drafted one, or a negative
  // number where nothing was. As many as were drafted rightly, and the one after them, are appended to their sequences,
  // which go on until they are removed: a sequence whose tokens exceed the context must be.
  void commit(const StepPlan& plan, std::span<const std::int32_t> chosen);

  std::span<const std::int32_t> tokens(SequenceId id) const { return at(id).tokens; }  // prompt and chosen ones
  std::span<const std::int32_t> draft(SequenceId id) const { return at(id).draft; }    // of the step that is planned
  std::span<const std::int32_t> blocks(SequenceId id) const { return at(id).blocks; }
  // Of the prompt, when the sequence was first admitted: not computed, because the cache had them.
  std::int64_t cached_tokens(SequenceId id) const { return at(id).cached_tokens; }

  std::int64_t running_count() const { return std::ssize(running_); }
  std::int64_t waiting_count() const { return std::ssize(waiting_); }
  const BlockCache& cache() const { return cache_; }
  const SchedulerLimits& limits() const { return limits_; }

  struct Counts {
    std::int64_t steps = 0, preemptions = 0;
    std::int64_t prefix_queried_tokens = 0, prefix_hit_tokens = 0;
  };
  const Counts& counts() const { return counts_; }

 private:
  // What comes first: fewer steps of arrival less priority, then who was added first.
  struct Rank {
    std::int64_t key;
    std::uint64_t order;
    auto operator<=>(const Rank&) const = default;
  };
  struct Sequence {
    SequenceId id = 0;
    Rank rank{};
    std::vector<std::int32_t> tokens;
    std::vector<std::int32_t> draft;
    std::vector<std::int32_t> blocks;
    std::int64_t computed = 0;                           // tokens whose keys and values the blocks hold
    std::int64_t published = 0;                          // blocks that the cache knows the content of, ...
    BlockCache::ContentId content = BlockCache::kEmpty;  // ... and that content
    std::int64_t prompt_count = 0;
    std::int64_t cached_tokens = 0;
    std::int64_t scored_from = kLastAlone;
    bool use_prefix_cache = true, was_admitted = false;
    // While it waits: the running sequence that computes what it begins with, until that has published so many blocks.
    SequenceId awaited = 0;
    std::int64_t awaited_blocks = 0;
    // With a state: its slot, and positions of the prompt at which it is kept besides the multiples of
    // checkpoint_tokens. The checkpoint after the answer's last block moves on with the answer: the block, and what it
    // is known for.
    std::int32_t state_slot = BlockCache::kNone;
    std::vector<std::int64_t> marks;
    std::int32_t moving_block = BlockCache::kNone;
    BlockCache::ContentId moving_content = BlockCache::kEmpty;
    bool decodes() const { return computed == std::ssize(tokens) - 1 && computed >= prompt_count; }
  };
  using Queue = std::map<Rank, Sequence*>;
  // What a step has left.
  struct Budget {
    std::int64_t tokens, rows;
  };

  Sequence& at(SequenceId id);
  const Sequence& at(SequenceId id) const;
  void plan_decoding(StepPlan& plan, Budget& budget);
  void plan_prompts(StepPlan& plan, Budget& budget);
  void admit(StepPlan& plan, Budget& budget);
  bool try_admit(Sequence& sequence);
  void await_prefix(Sequence& sequence, std::span<const std::int32_t> prefix) const;
  bool still_awaits(const Sequence& sequence) const;
  void add_decoding(StepPlan& plan, Sequence& sequence, Budget& budget);
  void add_drafts(StepPlan& plan, Budget& budget);
  static void append_chosen(Sequence& sequence, std::span<const std::int32_t> chosen);
  void add_prompt_chunk(StepPlan& plan, const Sequence& sequence, Budget& budget);
  static std::int64_t rows_of(const Sequence& sequence, std::int64_t count, bool samples);
  static std::int64_t usable_blocks(const Sequence& sequence);
  bool reserve(Sequence& sequence, std::int64_t position_count);
  void preempt(Sequence& sequence, StepPlan& plan);
  void publish_full_blocks(Sequence& sequence, const Item& item);
  void release_blocks(Sequence& sequence);

  // Of models with states:
  bool has_states() const { return limits_.state_slot_count > 0; }
  bool keeps_checkpoints(const Sequence& sequence) const;
  void begin_state(StepPlan& plan, Sequence& sequence, std::int64_t known_tokens);
  void await_checkpoint(StepPlan& plan, Budget& budget, Sequence& sequence, std::int64_t cached_tokens);
  void mark(StepPlan& plan, Budget& budget, Sequence& sequence, std::int64_t position);
  std::int64_t tokens_to_cut(const Sequence& sequence) const;
  std::int32_t checkpoint_of_prompt(const Sequence& sequence, std::int64_t end);
  std::int32_t checkpoint_of_answer(Sequence& sequence, std::int64_t end);
  void keep_checkpoint(Sequence& sequence, const Item& item, BlockCache::ContentId before,
                       std::span<const std::int32_t> block_tokens);

  SchedulerLimits limits_;
  BlockCache cache_;
  std::vector<std::int32_t> free_slots_;
  std::map<SequenceId, Sequence> sequences_;
  Queue running_, waiting_;
  std::uint64_t added_count_ = 0;
  bool step_planned_ = false;
  Counts counts_;
};

}  // namespace hearth
