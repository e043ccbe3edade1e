#include "commands/inspect.h"

#include "apps/hearth/verbs.h"

namespace hearth {

void add_inspect(CLI::App& app, Action& action) {
  auto options = std::make_shared<InspectOptions>();
  CLI::App& verb = *app.add_subcommand("inspect", "Show what is in a model's files");
  verb.add_option("MODEL", options->model, kModelHelp);
  verb.add_flag("--json", options->json, "Print one JSON object");
  verb.add_flag("--tensors", options->tensors, "List every tensor");
  verb.callback([options, &action] {
    action = [options] {
      inspect(*options);
      return 0;
    };
  });
}

}  // namespace hearth
