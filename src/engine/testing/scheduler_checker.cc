#include "engine/testing/scheduler_checker.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "kv/paged_kv_cache.h"

namespace hearth {
namespace {

constexpr std::int32_t kVocabulary = 3;  // few, so that answers are alike and are found in the cache

std::uint64_t mix(std::uint64_t digest, std::int32_t token) {
  digest = (digest ^ static_cast<std::uint64_t>(token + 1)) * 0x9E3779B97F4A7C15ULL;
  return digest ^ digest >> 29;
}

std::int32_t token_of(std::uint64_t digest) {
  return static_cast<std::int32_t>((digest >> 32) % kVocabulary);
}

std::size_t slot_of(const SchedulerView::Sequence& sequence, std::int64_t position) {
  const std::int64_t block = sequence.blocks[static_cast<std::size_t>(position / kKvBlockTokens)];
  return static_cast<std::size_t>(block * kKvBlockTokens + position % kKvBlockTokens);
}

template <class T>
bool contains(const std::vector<T>& all, const T& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

}  // namespace

std::int32_t next_token(std::span<const std::int32_t> tokens) {
  std::uint64_t digest = 0;
  for (const std::int32_t token : tokens) digest = mix(digest, token);
  return token_of(digest);
}

SchedulerChecker::SchedulerChecker(const SchedulerLimits& limits)
    : limits_(limits),
      slots_(static_cast<std::size_t>(limits.block_count * kKvBlockTokens)),
      states_(static_cast<std::size_t>(limits.state_slot_count)),
      checkpoints_(static_cast<std::size_t>(limits.checkpoint_count)) {
  if (limits_.chunk_tokens_max == 0) limits_.chunk_tokens_max = limits_.step_tokens_max;
}

void SchedulerChecker::add(const Scheduler::Arrival& arrival, std::int64_t answer_count) {
  Sequence& sequence = sequences_[arrival.id];
  sequence.tokens = arrival.prompt;
  sequence.prompt_count = std::ssize(arrival.prompt);
  sequence.answer_count = answer_count;
  sequence.arrival_step = step_count_;
  sequence.rank = {step_count_ - Scheduler::kStepsPerPriority * arrival.priority, added_count_++};
  sequence.uses_prefix_cache = arrival.use_prefix_cache;
}

void SchedulerChecker::remove(SequenceId id) {
  const auto place = sequences_.find(id);
  require(place != sequences_.end(), "sequence {} ends twice", id);
  if (place == sequences_.end()) return;
  longest_life_ = std::max(longest_life_, step_count_ - place->second.arrival_step);
  ++ended_count_;
  sequences_.erase(place);
}

std::vector<SchedulerChecker::SequenceId> SchedulerChecker::live() const {
  std::vector<SequenceId> ids;
  for (const auto& [id, sequence] : sequences_) ids.push_back(id);
  return ids;
}

std::vector<SchedulerChecker::SequenceId> SchedulerChecker::complete() const {
  std::vector<SequenceId> ids;
  for (const auto& [id, sequence] : sequences_) {
    const std::int64_t count = std::ssize(sequence.tokens);
    if (count >= sequence.prompt_count + sequence.answer_count || count > limits_.context) ids.push_back(id);
  }
  return ids;
}

SchedulerView SchedulerChecker::view(const Scheduler& scheduler, Scheduler::StepPlan plan) const {
  SchedulerView view;
  view.plan = std::move(plan);
  for (const auto& [id, sequence] : sequences_) {
    const auto tokens = scheduler.tokens(id);
    const auto blocks = scheduler.blocks(id), draft = scheduler.draft(id);
    view.sequences[id] = {{tokens.begin(), tokens.end()}, {blocks.begin(), blocks.end()}, {draft.begin(), draft.end()}};
  }
  for (std::int32_t block = 0; block < limits_.block_count; ++block) {
    view.blocks.push_back(
        {scheduler.cache().holder_count(block), scheduler.cache().content(block) != BlockCache::kEmpty});
  }
  view.held_count = scheduler.cache().held_count();
  view.free_count = scheduler.cache().free_count();
  view.running_count = scheduler.running_count();
  view.waiting_count = scheduler.waiting_count();
  return view;
}

std::vector<std::int32_t> SchedulerChecker::carry_out(const SchedulerView& view) {
  check_preemptions(view);
  check_decoding_goes_on(view);  // of those that ran before the step
  check_admissions(view);
  check_blocks(view);
  check_items(view);
  check_states(view);
  if (!violation_.empty()) return {};
  restore_states(view);
  // The device computes all items at once: nobody reads what another one writes in the same step.
  for (const Scheduler::Item& item : view.plan.items) check_content(view, item);
  std::vector<std::int32_t> chosen;
  for (const Scheduler::Item& item : view.plan.items) {
    const std::vector<std::uint64_t> digests = write(view, item);
    sequences_.at(item.id).computed += item.token_count - item.draft_count;
    computed_tokens_ += item.token_count;
    if (item.samples)
      choose(view, item, std::span(digests).last(static_cast<std::size_t>(1 + item.draft_count)), chosen);
  }
  keep_states(view);
  ++step_count_;
  return chosen;
}

// `digests`: of the sequence's last token, and of each drafted one.
void SchedulerChecker::choose(const SchedulerView& view, const Scheduler::Item& item,
                              std::span<const std::uint64_t> digests, std::vector<std::int32_t>& chosen) {
  Sequence& sequence = sequences_.at(item.id);
  const std::vector<std::int32_t>& draft = view.sequences.at(item.id).draft;
  bool is_kept = true;
  for (std::size_t i = 0; i < digests.size(); ++i) {
    chosen.push_back(token_of(digests[i]));
    if (!is_kept) continue;
    require(chosen.back() == next_token(sequence.tokens),
            "sequence {} goes on with a token that does not follow from its own", item.id);
    sequence.tokens.push_back(chosen.back());
    sequence.computed += i > 0 ? 1 : 0;
    accepted_tokens_ += i > 0 ? 1 : 0;
    is_kept = i < draft.size() && draft[i] == chosen.back();
  }
  drafted_tokens_ += item.draft_count;
}

void SchedulerChecker::check_preemptions(const SchedulerView& view) {
  for (const SequenceId id : view.plan.preempted) {
    const auto place = sequences_.find(id);
    require(place != sequences_.end() && place->second.is_running, "sequence {} is preempted and does not run", id);
    if (place == sequences_.end()) return;
    place->second.is_running = false;
    place->second.computed = 0;
    require(view.sequences.at(id).blocks.empty(), "preempted sequence {} keeps blocks", id);
  }
  for (const SequenceId id : view.plan.preempted) {
    for (const auto& [other_id, other] : sequences_) {
      require(!other.is_running || other.rank < sequences_.at(id).rank,
              "sequence {} is preempted, and {} is not, which ranks after it", id, other_id);
    }
  }
}

// A sequence that generates text does so in every step, but for those that are preempted.
void SchedulerChecker::check_decoding_goes_on(const SchedulerView& view) {
  for (const auto& [id, sequence] : sequences_) {
    if (!sequence.decodes()) continue;
    const auto item = std::find_if(view.plan.items.begin(), view.plan.items.end(),
                                   [&, wanted = id](const Scheduler::Item& i) { return i.id == wanted; });
    require(item != view.plan.items.end() && item->samples && item->token_count - item->draft_count == 1,
            "running sequence {} gets no token", id);
  }
}

void SchedulerChecker::check_admissions(const SchedulerView& view) {
  require(view.plan.admitted.empty() || view.plan.preempted.empty(), "one is admitted while another is preempted");
  for (const SequenceId id : view.plan.admitted) {
    const auto place = sequences_.find(id);
    require(place != sequences_.end() && !place->second.is_running, "sequence {} is admitted and does not wait", id);
    if (!violation_.empty()) return;
    // Whoever is overtaken waits for a prefix that another one computes.
    for (const auto& [other_id, other] : sequences_) {
      if (other.is_running || contains(view.plan.admitted, other_id) || place->second.rank < other.rank) continue;
      const bool waits_for_prefix =
          std::any_of(sequences_.begin(), sequences_.end(), [&, &waiting = other](const auto& entry) {
            const Sequence& running = entry.second;
            return running.is_running && std::ssize(waiting.tokens) > kKvBlockTokens &&
                   std::ssize(running.tokens) >= kKvBlockTokens &&
                   std::equal(waiting.tokens.begin(), waiting.tokens.begin() + kKvBlockTokens, running.tokens.begin());
          });
      require(other.uses_prefix_cache && waits_for_prefix, "sequence {} is admitted before {}, which ranks before it",
              id, other_id);
    }
    place->second.is_running = true;
  }
}

void SchedulerChecker::check_items(const SchedulerView& view) {
  require(!view.plan.items.empty() || sequences_.empty(), "nothing is computed, and somebody waits");
  std::int64_t token_count = 0, row_count = 0;
  std::set<SequenceId> seen;
  for (const Scheduler::Item& item : view.plan.items) {
    const auto place = sequences_.find(item.id);
    require(place != sequences_.end() && place->second.is_running, "sequence {} is computed and does not run", item.id);
    require(seen.insert(item.id).second, "sequence {} is in the step twice", item.id);
    if (!violation_.empty()) return;
    Sequence& sequence = place->second;
    const std::int64_t end = item.first_position + item.token_count;
    const std::int64_t length = std::ssize(sequence.tokens);
    if (contains(view.plan.admitted, item.id)) {
      const std::int64_t known = item.first_position;
      require(known % kKvBlockTokens == 0 && (known == 0 || sequence.uses_prefix_cache),
              "sequence {} starts at token {}", item.id, known);
      sequence.computed = known;
    }
    require(view.sequences.at(item.id).tokens == sequence.tokens, "sequence {} has other tokens than were given to it",
            item.id);
    require(item.draft_count == std::ssize(view.sequences.at(item.id).draft) &&
                (item.draft_count == 0 || sequence.decodes()),
            "sequence {} has {} drafted tokens", item.id, item.draft_count);
    require(item.token_count > item.draft_count && item.first_position == sequence.computed &&
                end - item.draft_count <= length,
            "sequence {} computes tokens {} to {} of {}, after {}", item.id, item.first_position, end, length,
            sequence.computed);
    require(item.samples == (end - item.draft_count == length), "sequence {} samples at token {} of {}", item.id, end,
            length);
    require(sequence.decodes() || item.token_count <= limits_.chunk_tokens_max, "sequence {} has a chunk of {} tokens",
            item.id, item.token_count);
    require(std::ssize(view.sequences.at(item.id).blocks) >= kv_block_count(end) && end <= limits_.context,
            "sequence {} has no room for {} tokens", item.id, end);
    token_count += item.token_count;
    row_count += item.row_count;
  }
  require(token_count <= limits_.step_tokens_max, "a step of {} tokens", token_count);
  require(row_count <= std::max(limits_.rows_max, limits_.sequences_max), "a step of {} rows", row_count);
  std::int64_t running = 0;
  for (const auto& [id, sequence] : sequences_) running += sequence.is_running ? 1 : 0;
  require(running <= limits_.sequences_max, "{} sequences run", running);
  require(running == view.running_count && std::ssize(sequences_) - running == view.waiting_count,
          "{} run and {} wait, and not {} and {}", running, std::ssize(sequences_) - running, view.running_count,
          view.waiting_count);
}

void SchedulerChecker::check_blocks(const SchedulerView& view) {
  std::vector<std::int64_t> holders(view.blocks.size());
  for (const auto& [id, sequence] : view.sequences) {
    const std::set<std::int32_t> distinct(sequence.blocks.begin(), sequence.blocks.end());
    require(distinct.size() == sequence.blocks.size(), "sequence {} holds a block twice", id);
    require(sequences_.at(id).is_running || sequence.blocks.empty(), "sequence {} waits with blocks", id);
    for (const std::int32_t block : sequence.blocks) ++holders.at(static_cast<std::size_t>(block));
  }
  std::int64_t held = 0;
  for (std::size_t block = 0; block < holders.size(); ++block) {
    require(holders[block] == view.blocks[block].holders, "block {} has {} holders and counts {}", block,
            holders[block], view.blocks[block].holders);
    held += holders[block] > 0 ? 1 : 0;
  }
  require(held == view.held_count && held + view.free_count == limits_.block_count,
          "{} blocks are held and {} are free, of {}", held, view.free_count, limits_.block_count);
}

// The blocks hold, up to the item's first token, what the sequence's own tokens say.
void SchedulerChecker::check_content(const SchedulerView& view, const Scheduler::Item& item) {
  const SchedulerView::Sequence& sequence = view.sequences.at(item.id);
  std::uint64_t digest = 0;
  for (std::int64_t position = 0; position < item.first_position; ++position) {
    digest = mix(digest, sequence.tokens[static_cast<std::size_t>(position)]);
    require(slots_[slot_of(sequence, position)] == digest, "sequence {} finds another one's content at token {}",
            item.id, position);
  }
  if (states_.empty() || item.first_position == 0) return;
  require(states_[static_cast<std::size_t>(item.state_slot)] == digest,
          "sequence {} has another state than its own before token {}", item.id, item.first_position);
}

// Each sequence that runs has a slot of its own, and keeps it; what is kept goes to slots of its own as well.
void SchedulerChecker::check_states(const SchedulerView& view) {
  if (states_.empty()) return;
  std::set<std::int32_t> slots, kept;
  for (const Scheduler::Item& item : view.plan.items) {
    Sequence& sequence = sequences_.at(item.id);
    if (contains(view.plan.admitted, item.id)) sequence.state_slot = item.state_slot;
    require(item.state_slot == sequence.state_slot, "sequence {} changes its state's slot", item.id);
    require(item.state_slot >= 0 && item.state_slot < std::ssize(states_), "there is no slot {}", item.state_slot);
    if (item.checkpoint == BlockCache::kNone) continue;
    require(item.checkpoint >= 0 && item.checkpoint < std::ssize(checkpoints_), "there is no checkpoint {}",
            item.checkpoint);
    require(kept.insert(item.checkpoint).second, "checkpoint {} is written twice", item.checkpoint);
    require((item.first_position + item.token_count) % kKvBlockTokens == 0, "a checkpoint at token {}",
            item.first_position + item.token_count);
  }
  for (const auto& [id, sequence] : sequences_) {
    require(!sequence.is_running || slots.insert(sequence.state_slot).second, "two sequences have the state slot {}",
            sequence.state_slot);
  }
}

void SchedulerChecker::restore_states(const SchedulerView& view) {
  for (const Scheduler::Restored& restored : view.plan.restored) {
    states_.at(static_cast<std::size_t>(restored.state_slot)) =
        checkpoints_.at(static_cast<std::size_t>(restored.checkpoint));
  }
}

// Once the step is done.
void SchedulerChecker::keep_states(const SchedulerView& view) {
  for (const Scheduler::Item& item : view.plan.items) {
    if (item.checkpoint == BlockCache::kNone) continue;
    checkpoints_.at(static_cast<std::size_t>(item.checkpoint)) = states_.at(static_cast<std::size_t>(item.state_slot));
  }
}

// The digests of the item's tokens.
std::vector<std::uint64_t> SchedulerChecker::write(const SchedulerView& view, const Scheduler::Item& item) {
  const SchedulerView::Sequence& sequence = view.sequences.at(item.id);
  std::uint64_t digest = item.first_position == 0 ? 0 : slots_[slot_of(sequence, item.first_position - 1)];
  std::vector<std::uint64_t> digests;
  for (std::int64_t i = 0; i < item.token_count; ++i) {
    const std::int64_t position = item.first_position + i;
    const std::int32_t block = sequence.blocks[static_cast<std::size_t>(position / kKvBlockTokens)];
    const SchedulerView::Block& written = view.blocks[static_cast<std::size_t>(block)];
    require(written.holders == 1, "sequence {} writes block {}, which others hold", item.id, block);
    require(!written.is_known, "sequence {} writes block {}, whose content is known", item.id, block);
    const auto at = static_cast<std::size_t>(position);
    const bool is_drafted = at >= sequence.tokens.size();
    digest = mix(digest, is_drafted ? sequence.draft[at - sequence.tokens.size()] : sequence.tokens[at]);
    slots_[slot_of(sequence, position)] = digest;
    digests.push_back(digest);
  }
  if (!states_.empty()) states_[static_cast<std::size_t>(item.state_slot)] = digest;
  return digests;
}

}  // namespace hearth
