// `hearth plan`: what a run would do, before it does it: the kernel of every operator, and every byte of memory.
#pragma once

#include "commands/model_session.h"
#include "engine/drafter.h"

namespace hearth {

struct PlanOptions {
  ModelOptions model;
  std::int64_t step_tokens = 512;
  Speculation speculation = kSpeculationDefault;
  bool json = false;
};

void plan(const PlanOptions& options);

}  // namespace hearth
