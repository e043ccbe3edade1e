#include "engine/planned_step.h"

#include <algorithm>

namespace hearth {

SchedulerLimits scheduler_limits(const ForwardPass& pass) {
  const ForwardPassOptions& bound = pass.options();
  const SequenceMemoryShape& memory = pass.sequence_memory_shape();
  return {.step_tokens_max = bound.step_tokens_max,
          .sequences_max =
              std::min({bound.sequences_max, bound.logit_rows_max - bound.draft_rows_max, bound.step_tokens_max}),
          .context = bound.context,
          .block_count = memory.kv.block_count,
          .state_slot_count = memory.states.slot_count,
          .checkpoint_count = memory.states.checkpoint_count,
          .rows_max = bound.logit_rows_max,
          .whole_prompts = pass.spec().looks_ahead()};
}

float* run_planned_step(ForwardPass& pass, Stream& stream, const SequenceMemory& memory, const Scheduler& scheduler,
                        const Scheduler::StepPlan& plan, Batch& batch,
                        const std::function<std::int64_t(Scheduler::SequenceId)>& second_begin) {
  const StateShape& states = memory.shape().states;
  for (const Scheduler::Restored& restored : plan.restored) {
    memory.copy_state(stream, states.checkpoint_slot(restored.checkpoint), restored.state_slot);
  }
  batch.clear();
  for (const Scheduler::Item& item : plan.items) {
    const auto draft = scheduler.draft(item.id);
    auto tokens = scheduler.tokens(item.id).subspan(static_cast<std::size_t>(item.first_position),
                                                    static_cast<std::size_t>(item.token_count - item.draft_count));
    std::vector<std::int32_t> with_draft;
    if (item.draft_count > 0) {
      with_draft.assign(tokens.begin(), tokens.end());
      with_draft.insert(with_draft.end(), draft.begin(), draft.end());
      tokens = with_draft;
    }
    batch.add(tokens, item.first_position, scheduler.blocks(item.id), 0, Batch::Logits{item.row_count}, item.state_slot,
              second_begin ? second_begin(item.id) : 0);
  }
  float* const logits = pass.run(stream, batch, memory);
  for (const Scheduler::Item& item : plan.items) {
    if (item.checkpoint == BlockCache::kNone) continue;
    memory.copy_state(stream, item.state_slot, states.checkpoint_slot(item.checkpoint));
  }
  return logits;
}

}  // namespace hearth
