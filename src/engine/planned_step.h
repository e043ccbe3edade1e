// A step as the scheduler plans it, carried out by a forward pass: for everyone who has both.
#pragma once

#include <cstdint>
#include <functional>

#include "engine/scheduler.h"
#include "model/forward_pass.h"

namespace hearth {

// What a scheduler may plan for a pass.
SchedulerLimits scheduler_limits(const ForwardPass& pass);

// Runs the planned step, with the states that are restored before it and kept after it. Returns the logits of the
// items' rows, one item's after the other's, as ForwardPass::run() does. `batch` is the caller's to reuse.
// `second_begin`: where the second text of a sequence begins, as Batch::add(); empty: none is a pair.
float* run_planned_step(ForwardPass& pass, Stream& stream, const SequenceMemory& memory, const Scheduler& scheduler,
                        const Scheduler::StepPlan& plan, Batch& batch,
                        const std::function<std::int64_t(Scheduler::SequenceId)>& second_begin = {});

}  // namespace hearth
