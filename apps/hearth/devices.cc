#include "commands/devices.h"

#include "apps/hearth/verbs.h"

namespace hearth {

void add_devices(CLI::App& app, Action& action) {
  auto json = std::make_shared<bool>(false);
  CLI::App& verb = *app.add_subcommand("devices", "Show the devices of this machine, and why one cannot be used");
  verb.add_flag("--json", *json, "Print a JSON array");
  verb.callback([json, &action] {
    action = [json] {
      devices(*json);
      return 0;
    };
  });
}

}  // namespace hearth
