// Where the states of sequences are kept. A state cannot be rolled back, nor cut from a longer one: what a later
// sequence shares with an earlier one is of use up to the last checkpoint in it. They are kept
// - at every multiple of checkpoint_tokens, whatever comes;
// - at the end of a prompt, before what opens the answer: where the next turn of a conversation leaves this one, if its
//   template makes something else of the answer than the model wrote;
// - where the cache knew a prompt's beginning and had no checkpoint: two sequences share it, a third may;
// - where a sequence that waits leaves one that runs;
// - after the last block of an answer: one checkpoint that moves on with it, for the next turn.
// A sequence's bits are the same wherever it is cut: operators take its tokens one after another.
#include <algorithm>

#include "engine/scheduler.h"
#include "kv/paged_kv_cache.h"

namespace hearth {
namespace {

// A cut makes two steps of one: fewer tokens than these are computed again rather.
constexpr std::int64_t kGainMin = 2 * kKvBlockTokens;
// Tokens with which a template opens the answer, which may not stand there any more when the answer is a message
// itself.
constexpr std::int64_t kOpeningTokens = 8;

std::int64_t whole_blocks(std::int64_t tokens) {
  return tokens / kKvBlockTokens * kKvBlockTokens;
}

bool contains(const std::vector<std::int64_t>& marks, std::int64_t position) {
  return std::find(marks.begin(), marks.end(), position) != marks.end();
}

}  // namespace

bool Scheduler::keeps_checkpoints(const Sequence& sequence) const {
  return has_states() && limits_.checkpoint_count > 0 && sequence.use_prefix_cache;
}

// The sequence has been admitted, behind a checkpoint or from its beginning; `known_tokens`: what the cache knows of
// it.
void Scheduler::begin_state(StepPlan& plan, Sequence& sequence, std::int64_t known_tokens) {
  sequence.state_slot = free_slots_.back();
  free_slots_.pop_back();
  if (sequence.published > 0) {
    const std::int32_t block = sequence.blocks[static_cast<std::size_t>(sequence.published - 1)];
    plan.restored.push_back({cache_.use_checkpoint(block), sequence.state_slot});
  }
  sequence.marks.clear();
  const std::int64_t end = std::max<std::int64_t>(0, std::ssize(sequence.tokens) - 1 - kOpeningTokens);
  std::int64_t last = sequence.computed;
  for (const std::int64_t position : {known_tokens, whole_blocks(end)}) {
    if (position - last < kGainMin) continue;
    sequence.marks.push_back(position);
    last = position;
  }
}

// Looks for a running sequence that will pass, in this step or a later one, the last position that the two have in
// common: waiting for its state there is cheaper than computing all that twice. `cached_tokens`: up to the last
// checkpoint that there is now.
void Scheduler::await_checkpoint(StepPlan& plan, Budget& budget, Sequence& sequence, std::int64_t cached_tokens) {
  sequence.awaited_blocks = 0;
  if (!keeps_checkpoints(sequence)) return;
  const std::span<const std::int32_t> own = sequence.tokens;
  for (const auto& [rank, other] : running_) {
    if (!other->use_prefix_cache || other->decodes()) continue;
    const std::span<const std::int32_t> theirs = other->tokens;
    const std::int64_t length = std::min(usable_blocks(sequence) * kKvBlockTokens, std::ssize(theirs));
    const auto differ = std::mismatch(own.begin(), own.begin() + length, theirs.begin());
    const std::int64_t common = whole_blocks(differ.first - own.begin());
    if (common - cached_tokens < kGainMin || common <= other->computed) continue;
    mark(plan, budget, *other, common);
    sequence.awaited = other->id;
    sequence.awaited_blocks = common / kKvBlockTokens;
    return;
  }
}

// A running sequence's state is to be kept at a position that it has not passed; its part of the step that is being
// planned is shortened if need be.
void Scheduler::mark(StepPlan& plan, Budget& budget, Sequence& sequence, std::int64_t position) {
  if (contains(sequence.marks, position)) return;
  sequence.marks.push_back(position);
  const auto item =
      std::find_if(plan.items.begin(), plan.items.end(), [&](const Item& i) { return i.id == sequence.id; });
  if (item == plan.items.end() || item->first_position + item->token_count < position) return;
  const std::int64_t count = position - item->first_position;
  if (item->checkpoint == BlockCache::kNone) {
    item->checkpoint = checkpoint_of_prompt(sequence, position);
  } else if (!contains(sequence.marks, item->first_position + item->token_count)) {
    sequence.marks.push_back(item->first_position + item->token_count);
  }
  budget.tokens += item->token_count - count;
  budget.rows += item->row_count;
  item->samples = item->samples && count == item->token_count;
  item->token_count = count;
  item->row_count = rows_of(sequence, count, item->samples);
  budget.rows -= item->row_count;
}

// Of a prompt's chunk: up to the next position at which its state is kept.
std::int64_t Scheduler::tokens_to_cut(const Sequence& sequence) const {
  const std::int64_t left = std::ssize(sequence.tokens) - sequence.computed;
  if (!keeps_checkpoints(sequence)) return left;
  std::int64_t count = std::min(left, limits_.checkpoint_tokens - sequence.computed % limits_.checkpoint_tokens);
  for (const std::int64_t position : sequence.marks) {
    if (position > sequence.computed) count = std::min(count, position - sequence.computed);
  }
  return count;
}

std::int32_t Scheduler::checkpoint_of_prompt(const Sequence& sequence, std::int64_t end) {
  if (!keeps_checkpoints(sequence)) return BlockCache::kNone;
  if (end % limits_.checkpoint_tokens != 0 && !contains(sequence.marks, end)) return BlockCache::kNone;
  return cache_.take_checkpoint().value_or(BlockCache::kNone);
}

std::int32_t Scheduler::checkpoint_of_answer(Sequence& sequence, std::int64_t end) {
  if (!keeps_checkpoints(sequence) || end % kKvBlockTokens != 0) return BlockCache::kNone;
  const auto moved = cache_.take_checkpoint_of(sequence.moving_block, sequence.moving_content);
  sequence.moving_block = BlockCache::kNone;
  return moved ? *moved : cache_.take_checkpoint().value_or(BlockCache::kNone);
}

// The step was carried out; the last block that it filled has these tokens.
void Scheduler::keep_checkpoint(Sequence& sequence, const Item& item, BlockCache::ContentId before,
                                std::span<const std::int32_t> block_tokens) {
  if (item.checkpoint == BlockCache::kNone) return;
  const std::int32_t block = cache_.keep_checkpoint(item.checkpoint, before, block_tokens);
  if (item.is_prompt || sequence.computed % limits_.checkpoint_tokens == 0) return;
  sequence.moving_block = block;
  sequence.moving_content = sequence.content;
}

}  // namespace hearth
