// `hearth replay`: arguments only.
#include "commands/replay.h"

#include "apps/hearth/verbs.h"
#include "apps/hearth/version.h"

namespace hearth {

void add_replay(CLI::App& app, Action& action) {
  auto options = std::make_shared<ReplayOptions>();
  options->version = kVersionText;
  CLI::App& verb = *app.add_subcommand("replay", "Derive logged answers again, and compare them bit for bit");
  verb.add_option("LOG", options->log, "What `hearth serve --log-requests` wrote")->required();
  add_model_options(verb, options->model);
  verb.add_option("--id", options->id, "Only this request");
  verb.add_flag("--only-matching", options->only_matching,
                "Leave out what another model, build, device, compute mode or context answered, instead of refusing");
  verb.add_flag("--json", options->json, "Print the summary as JSON");
  verb.callback([options, &action] { action = [options] { return replay(*options); }; });
}

}  // namespace hearth
