#include "commands/inspect.h"

#include "apps/hearth/verbs.h"
#include "commands/families.h"

namespace hearth {

void add_inspect(CLI::App& app, Action& action) {
  auto options = std::make_shared<InspectOptions>();
  auto families = std::make_shared<bool>(false);
  CLI::App& verb = *app.add_subcommand("inspect", "Show what is in a model's files");
  verb.add_option("MODEL", options->model, kModelHelp);
  verb.add_flag("--json", options->json, "Print one JSON object");
  verb.add_flag("--tensors", options->tensors, "List every tensor");
  verb.add_flag("--families", *families, "Print a table of the families of models that are known, of no file")
      ->excludes("MODEL");
  verb.callback([options, families, &action] {
    action = [options, families] {
      if (*families) {
        print_families();
        return 0;
      }
      inspect(*options);
      return 0;
    };
  });
}

}  // namespace hearth
