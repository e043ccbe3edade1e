#include "commands/plan.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdio>

#include "base/json_value.h"

namespace hearth {
namespace {

void print_json(ModelSession& session, const std::string& speculation) {
  boost::json::array operators;
  const std::string device = session.device().id().to_string();
  for (const OperatorPlan& op : session.pass().operators()) {
    operators.push_back(boost::json::object{{"operator", op.name},
                                            {"kernel", op.kernel},
                                            {"device", device},
                                            {"format", op.format},
                                            {"bytes_per_token", op.bytes_per_token}});
  }
  const MemoryPlan& memory = session.pass().memory_plan();
  const boost::json::object result{
      {"device", device},
      {"context", session.pass().options().context},
      {"speculation", speculation},
      {"logit_rows", session.pass().options().logit_rows_max},
      {"operators", std::move(operators)},
      {"memory",
       {{"mapped_weight_bytes", memory.mapped_weight_bytes},
        {"weight_bytes", memory.weight_bytes},
        {"kv_cache_bytes", memory.kv_cache_bytes},
        {"workspace_bytes", memory.workspace_bytes},
        {"sampling_bytes", memory.sampling_bytes},
        {"state_bytes", memory.state_bytes},
        {"expert_slot_bytes", memory.expert_slot_bytes},
        {"host_weight_bytes", memory.host_weight_bytes},
        {"total_bytes", memory.total_bytes()}}},
  };
  std::puts(serialized_json(result).c_str());
}

}  // namespace

void plan(const PlanOptions& options) {
  ModelSession session(options.model);
  session.bind({.context = options.model.context,
                .step_tokens_max = options.step_tokens,
                .draft_rows_max = options.speculation.draft_rows_max(1),
                .sampling = true},
               /*needs_logits=*/false);
  print_notes(session.pass().notes());
  const std::string speculation = speculation_text(options.speculation, session.pass().spec());
  if (options.json) return print_json(session, speculation);

  fmt::print("{}\n", session.device_choice());
  fmt::print("{:<32} {:<32} {:<10} {:>14}\n", "operator", "kernel", "format", "bytes/token");
  std::int64_t bytes_per_token = 0;
  for (const OperatorPlan& op : session.pass().operators()) {
    fmt::print("{:<32} {:<32} {:<10} {:>14}\n", op.name, op.kernel, op.format, op.bytes_per_token);
    bytes_per_token += op.bytes_per_token;
  }
  const MemoryPlan& memory = session.pass().memory_plan();
  fmt::print("weights read per token: {} bytes\n", bytes_per_token);
  fmt::print("speculation: {}\n", speculation);
  fmt::print("memory for a context of {} positions and steps of {} tokens:\n", session.pass().options().context,
             session.pass().options().step_tokens_max);
  fmt::print("  weights, copied into the device's layout {:>16}\n", memory.weight_bytes);
  fmt::print("  key/value cache                          {:>16}\n", memory.kv_cache_bytes);
  if (memory.state_bytes > 0) fmt::print("  states of recurrent layers               {:>16}\n", memory.state_bytes);
  fmt::print("  work space                               {:>16}\n", memory.workspace_bytes);
  fmt::print("  choosing tokens on the device            {:>16}\n", memory.sampling_bytes);
  if (memory.expert_slot_bytes > 0) {
    fmt::print("  experts on their way from the host       {:>16}\n", memory.expert_slot_bytes);
  }
  fmt::print("  allocated in all                         {:>16}\n", memory.total_bytes());
  fmt::print("  weights, read where the file is mapped   {:>16}\n", memory.mapped_weight_bytes);
  if (memory.host_weight_bytes > 0) {
    fmt::print("  experts, pinned in the host's memory     {:>16}\n", memory.host_weight_bytes);
  }
}

}  // namespace hearth
