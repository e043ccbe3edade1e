#include "commands/plan.h"

#include "apps/hearth/verbs.h"

namespace hearth {

void add_plan(CLI::App& app, Action& action) {
  auto options = std::make_shared<PlanOptions>();
  CLI::App& verb = *app.add_subcommand("plan", "Show each operator's kernel and every byte of memory, running nothing");
  add_model_options(verb, options->model);
  add_attention_option(verb, options->model);
  verb.add_option("--chunk", options->step_tokens, "Prompt tokens per step")
      ->capture_default_str()
      ->check(CLI::Range(1, 65536));
  add_speculation_options(verb, options->speculation);
  verb.add_flag("--json", options->json, "Print one JSON object");
  verb.callback([options, &action] {
    action = [options] {
      plan(*options);
      return 0;
    };
  });
}

}  // namespace hearth
