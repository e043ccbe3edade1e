#include "engine/scheduler.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "kv/paged_kv_cache.h"

namespace hearth {
Scheduler::Scheduler(const SchedulerLimits& limits)
    : limits_(limits), cache_(limits.block_count, limits.checkpoint_count) {
  CHECK(limits.context > 0 && limits.sequences_max > 0 && limits.sequences_max <= limits.step_tokens_max);
  CHECK(limits.block_count >= kv_block_count(limits.context));
  CHECK(!limits.whole_prompts || limits.context <= limits.step_tokens_max);
  if (limits_.chunk_tokens_max <= 0 || limits.whole_prompts) limits_.chunk_tokens_max = limits_.step_tokens_max;
  limits_.rows_max = std::max(limits_.rows_max, limits_.sequences_max);
  CHECK(limits.checkpoint_tokens > 0 && limits.checkpoint_tokens % kKvBlockTokens == 0);
  for (auto slot = static_cast<std::int32_t>(limits.state_slot_count) - 1; slot >= 0; --slot)
    free_slots_.push_back(slot);
}

void Scheduler::add(Arrival arrival) {
  const auto count = static_cast<std::int64_t>(arrival.prompt.size());
  CHECK(count > 0 && count <= limits_.context);
  const auto [place, is_new] = sequences_.try_emplace(arrival.id);
  CHECK(is_new);
  Sequence& sequence = place->second;
  sequence.id = arrival.id;
  sequence.rank = {counts_.steps - kStepsPerPriority * arrival.priority, added_count_++};
  sequence.tokens = std::move(arrival.prompt);
  sequence.prompt_count = count;
  sequence.use_prefix_cache = arrival.use_prefix_cache;
  CHECK(arrival.scored_from < count);
  sequence.scored_from = arrival.scored_from;
  waiting_.emplace(sequence.rank, &sequence);
}

void Scheduler::remove(SequenceId id) {
  CHECK(!step_planned_);
  Sequence& sequence = at(id);
  release_blocks(sequence);
  running_.erase(sequence.rank);
  waiting_.erase(sequence.rank);
  sequences_.erase(id);
}

void Scheduler::draft(SequenceId id, std::vector<std::int32_t> tokens) {
  Sequence& sequence = at(id);
  CHECK(!step_planned_ && !has_states() && sequence.decodes());
  sequence.draft = std::move(tokens);
}

Scheduler::StepPlan Scheduler::plan() {
  CHECK(!step_planned_);
  StepPlan plan;
  Budget budget{limits_.step_tokens_max, limits_.rows_max};
  plan_decoding(plan, budget);
  plan_prompts(plan, budget);
  // Blocks that a preemption freed are for those that run.
  if (plan.preempted.empty()) admit(plan, budget);
  add_drafts(plan, budget);
  step_planned_ = !plan.items.empty();
  return plan;
}

void Scheduler::plan_decoding(StepPlan& plan, Budget& budget) {
  // Victims come from the end: they rank after every sequence that has its item already.
  for (auto place = running_.begin(); place != running_.end();) {
    Sequence& sequence = *place->second;
    if (!sequence.decodes()) {
      ++place;
      continue;
    }
    bool reserved = reserve(sequence, sequence.computed + 1);
    while (!reserved && running_.rbegin()->second != &sequence) {
      preempt(*running_.rbegin()->second, plan);
      reserved = reserve(sequence, sequence.computed + 1);
    }
    ++place;
    if (reserved) {
      add_decoding(plan, sequence, budget);
    } else {
      preempt(sequence, plan);
    }
  }
}

void Scheduler::plan_prompts(StepPlan& plan, Budget& budget) {
  for (const auto& [rank, sequence] : running_) {
    if (budget.tokens == 0) return;
    if (sequence->decodes()) continue;
    add_prompt_chunk(plan, *sequence, budget);
  }
}

void Scheduler::admit(StepPlan& plan, Budget& budget) {
  for (auto place = waiting_.begin(); place != waiting_.end() && budget.tokens > 0 && budget.rows > 0;) {
    if (running_count() == limits_.sequences_max) return;
    Sequence& sequence = *place->second;
    const auto next = std::next(place);
    std::vector<std::int32_t> prefix;
    std::int64_t known_tokens = 0;
    if (sequence.use_prefix_cache && usable_blocks(sequence) > 0) {
      if (!still_awaits(sequence)) {
        prefix = cache_.find_prefix(sequence.tokens, usable_blocks(sequence));
        known_tokens = std::ssize(prefix) * kKvBlockTokens;
        if (has_states()) {
          prefix.resize(static_cast<std::size_t>(cache_.checkpointed_count(prefix)));
          await_checkpoint(plan, budget, sequence, std::ssize(prefix) * kKvBlockTokens);
        } else {
          await_prefix(sequence, prefix);
        }
      }
      if (still_awaits(sequence)) {
        place = next;
        continue;
      }
    }
    for (const std::int32_t block : prefix) cache_.hold(block);
    sequence.blocks = std::move(prefix);
    if (!try_admit(sequence)) return;  // whoever is next in line must not be overtaken by smaller ones for ever
    if (has_states()) begin_state(plan, sequence, known_tokens);
    plan.admitted.push_back(sequence.id);
    add_prompt_chunk(plan, sequence, budget);
    place = next;
  }
}

// The sequence's blocks are those of its known prefix.
bool Scheduler::try_admit(Sequence& sequence) {
  const std::int64_t hit_tokens = std::ssize(sequence.blocks) * kKvBlockTokens;
  const std::int64_t needed = kv_block_count(std::ssize(sequence.tokens)) - std::ssize(sequence.blocks);
  // Each of those that run may need a block soon: one that comes in now must not be what preempts them.
  const std::int64_t spare = running_.empty() ? 0 : running_count() + 1;
  const bool has_slot = !has_states() || !free_slots_.empty();
  if (!has_slot || cache_.free_count() < needed + spare || !reserve(sequence, std::ssize(sequence.tokens))) {
    release_blocks(sequence);
    return false;
  }
  sequence.computed = hit_tokens;
  sequence.published = std::ssize(sequence.blocks) - needed;
  if (sequence.published > 0) {
    sequence.content = cache_.content(sequence.blocks[static_cast<std::size_t>(sequence.published - 1)]);
  }
  if (!sequence.was_admitted) {
    sequence.was_admitted = true;
    sequence.cached_tokens = hit_tokens;
    if (sequence.use_prefix_cache) {
      counts_.prefix_queried_tokens += sequence.prompt_count;
      counts_.prefix_hit_tokens += hit_tokens;
    }
  }
  waiting_.erase(sequence.rank);
  running_.emplace(sequence.rank, &sequence);
  return true;
}

// Looks for a running sequence that will fill, in this step or a later one, the very block that follows the prefix:
// waiting for all that the two have in common is cheaper than computing it twice.
void Scheduler::await_prefix(Sequence& sequence, std::span<const std::int32_t> prefix) const {
  sequence.awaited_blocks = 0;
  const auto known = std::ssize(prefix), usable = usable_blocks(sequence);
  const auto begin = known * kKvBlockTokens;
  if (known >= usable) return;
  for (const auto& [rank, other] : running_) {
    if (!other->use_prefix_cache) continue;  // what it computes is its own
    if (other->decodes() || std::ssize(other->tokens) < begin + kKvBlockTokens) continue;
    if (known > 0 && other->blocks[prefix.size() - 1] != prefix.back()) continue;
    const auto end = std::min(usable * kKvBlockTokens, std::ssize(other->tokens));
    const auto differ =
        std::mismatch(sequence.tokens.begin() + begin, sequence.tokens.begin() + end, other->tokens.begin() + begin);
    const auto common = (differ.first - sequence.tokens.begin()) / kKvBlockTokens;
    if (common <= known) continue;
    sequence.awaited = other->id;
    sequence.awaited_blocks = common;
    return;
  }
}

bool Scheduler::still_awaits(const Sequence& sequence) const {
  if (sequence.awaited_blocks == 0) return false;
  const auto found = sequences_.find(sequence.awaited);
  if (found == sequences_.end()) return false;
  const Sequence& other = found->second;
  return other.published < sequence.awaited_blocks && !other.decodes() && running_.contains(other.rank);
}

void Scheduler::add_decoding(StepPlan& plan, Sequence& sequence, Budget& budget) {
  plan.items.push_back({sequence.id, sequence.computed, 1, true, false, 1, sequence.state_slot,
                        checkpoint_of_answer(sequence, sequence.computed + 1)});
  --budget.tokens;
  --budget.rows;
}

// A draft takes no block that one of those who run may need soon.
void Scheduler::add_drafts(StepPlan& plan, Budget& budget) {
  for (Item& item : plan.items) {
    Sequence& sequence = at(item.id);
    if (sequence.draft.empty()) continue;
    const std::int64_t end = item.first_position + item.token_count;
    const std::int64_t spare =
        plan.preempted.empty() ? std::max<std::int64_t>(0, cache_.free_count() - running_count()) : 0;
    const std::int64_t room = (std::ssize(sequence.blocks) + spare) * kKvBlockTokens - end;
    const std::int64_t count =
        std::min({std::ssize(sequence.draft), budget.tokens, budget.rows, room, limits_.context - end});
    sequence.draft.resize(static_cast<std::size_t>(std::max<std::int64_t>(0, count)));
    item.draft_count = std::ssize(sequence.draft);
    item.token_count += item.draft_count;
    item.row_count += item.draft_count;
    budget.tokens -= item.draft_count;
    budget.rows -= item.draft_count;
    const bool reserved = reserve(sequence, item.first_position + item.token_count);
    CHECK(reserved);
  }
}

void Scheduler::add_prompt_chunk(StepPlan& plan, const Sequence& sequence, Budget& budget) {
  const std::int64_t left = std::ssize(sequence.tokens) - sequence.computed;
  std::int64_t count = std::min({left, budget.tokens, limits_.chunk_tokens_max, tokens_to_cut(sequence)});
  if (sequence.scored_from >= 0) {
    count = std::min(count, std::max<std::int64_t>(0, sequence.scored_from - sequence.computed) + budget.rows);
  } else if (count == left && budget.rows == 0) {
    --count;  // what is chosen after the last token has to wait for a step that has a row for it
  }
  if (limits_.whole_prompts && count < left) return;  // the next step begins with it
  if (count == 0) return;
  const bool samples = count == left;
  const std::int64_t rows = rows_of(sequence, count, samples);
  plan.items.push_back({sequence.id, sequence.computed, count, samples, true, rows, sequence.state_slot,
                        checkpoint_of_prompt(sequence, sequence.computed + count)});
  budget.tokens -= count;
  budget.rows -= rows;
}

// Of a chunk of the prompt.
std::int64_t Scheduler::rows_of(const Sequence& sequence, std::int64_t count, bool samples) {
  if (sequence.scored_from < 0) return samples ? 1 : 0;
  return std::clamp<std::int64_t>(sequence.computed + count - sequence.scored_from, 0, count);
}

// Full blocks of a sequence that may be somebody else's. The tokens whose logits are wanted are always computed: those
// of the last one are what the first choice is made from.
std::int64_t Scheduler::usable_blocks(const Sequence& sequence) {
  const std::int64_t end = std::ssize(sequence.tokens) - 1;
  return (sequence.scored_from < 0 ? end : std::min(end, sequence.scored_from)) / kKvBlockTokens;
}

bool Scheduler::reserve(Sequence& sequence, std::int64_t position_count) {
  const std::int64_t needed = kv_block_count(position_count) - std::ssize(sequence.blocks);
  if (needed > cache_.free_count()) return false;
  for (std::int64_t i = 0; i < needed; ++i) sequence.blocks.push_back(*cache_.allocate());
  return true;
}

void Scheduler::preempt(Sequence& sequence, StepPlan& plan) {
  release_blocks(sequence);
  sequence.draft.clear();
  running_.erase(sequence.rank);
  waiting_.emplace(sequence.rank, &sequence);
  plan.preempted.push_back(sequence.id);
  ++counts_.preemptions;
}

void Scheduler::release_blocks(Sequence& sequence) {
  for (auto block = sequence.blocks.rbegin(); block != sequence.blocks.rend(); ++block) cache_.release(*block);
  sequence.blocks.clear();
  sequence.computed = sequence.published = 0;
  sequence.content = BlockCache::kEmpty;
  if (sequence.state_slot == BlockCache::kNone) return;
  free_slots_.push_back(std::exchange(sequence.state_slot, BlockCache::kNone));
}

void Scheduler::commit(const StepPlan& plan, std::span<const std::int32_t> chosen) {
  CHECK(step_planned_);
  step_planned_ = false;
  ++counts_.steps;
  std::size_t next = 0;
  for (const Item& item : plan.items) {
    Sequence& sequence = at(item.id);
    CHECK(sequence.computed == item.first_position);
    if (item.samples) {
      const auto count = static_cast<std::size_t>(1 + item.draft_count);
      append_chosen(sequence, chosen.subspan(next, count));
      next += count;
      sequence.draft.clear();
      sequence.computed = std::ssize(sequence.tokens) - 1;
    } else {
      sequence.computed += item.token_count;
    }
    publish_full_blocks(sequence, item);
  }
  CHECK(next == chosen.size());
}

// A drafted token that was not chosen was computed for nothing, and so were those after it: what they have written is
// written again.
void Scheduler::append_chosen(Sequence& sequence, std::span<const std::int32_t> chosen) {
  CHECK(chosen.size() == 1 + sequence.draft.size());
  std::size_t kept = 1;
  while (kept < chosen.size() && chosen[kept - 1] == sequence.draft[kept - 1] && chosen[kept] >= 0) ++kept;
  sequence.tokens.insert(sequence.tokens.end(), chosen.begin(), chosen.begin() + static_cast<std::ptrdiff_t>(kept));
}

void Scheduler::publish_full_blocks(Sequence& sequence, const Item& item) {
  if (!sequence.use_prefix_cache) return;
  const std::int64_t full = sequence.computed / kKvBlockTokens;
  for (; sequence.published < full; ++sequence.published) {
    const auto tokens =
        std::span<const std::int32_t>(sequence.tokens)
            .subspan(static_cast<std::size_t>(sequence.published * kKvBlockTokens), std::size_t{kKvBlockTokens});
    const BlockCache::ContentId before = sequence.content;
    sequence.content = cache_.publish(sequence.blocks[static_cast<std::size_t>(sequence.published)], before, tokens);
    if (sequence.published == full - 1) keep_checkpoint(sequence, item, before, tokens);
  }
}

Scheduler::Sequence& Scheduler::at(SequenceId id) {
  const auto found = sequences_.find(id);
  CHECK(found != sequences_.end());
  return found->second;
}

const Scheduler::Sequence& Scheduler::at(SequenceId id) const {
  const auto found = sequences_.find(id);
  CHECK(found != sequences_.end());
  return found->second;
}

}  // namespace hearth
