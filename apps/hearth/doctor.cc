#include "commands/doctor.h"

#include "apps/hearth/verbs.h"

namespace hearth {

void add_doctor(CLI::App& app, Action& action) {
  CLI::App& verb = *app.add_subcommand(
      "doctor", "Look at this machine: its devices, what is chosen, and whether they compute right");
  verb.callback([&action] { action = doctor; });
}

}  // namespace hearth
