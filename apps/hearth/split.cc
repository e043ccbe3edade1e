// split and join: a GGUF file as several, and back.
#include "commands/split.h"

#include "apps/hearth/verbs.h"

namespace hearth {

void add_split(CLI::App& app, Action& action) {
  auto options = std::make_shared<SplitOptions>();
  CLI::App& verb = *app.add_subcommand("split", "Cut a GGUF file into parts");
  verb.add_option("MODEL", options->model, "A GGUF file, or the name of a model (`hearth list`)")->required();
  verb.add_option("OUT", options->out, "What the parts' names begin with: OUT-00001-of-00003.gguf")->required();
  verb.add_option("--max-size", options->size_max, "Bytes of a part's tensors at most, as in 2GB, 500MB");
  verb.add_option("--max-tensors", options->tensors_max, "Tensors of a part at most")->check(CLI::PositiveNumber);
  verb.add_flag("--dry-run", options->dry_run, "Show the parts, and write nothing");
  verb.callback([options, &action] { action = [options] { return split_model(*options); }; });
}

void add_join(CLI::App& app, Action& action) {
  auto options = std::make_shared<SplitOptions>();
  CLI::App& verb = *app.add_subcommand("join", "Make one GGUF file of the parts of a split one");
  verb.add_option("MODEL", options->model, "The first part, or the name of a model (`hearth list`)")->required();
  verb.add_option("OUT", options->out, "The GGUF file to write")->required();
  verb.add_flag("--dry-run", options->dry_run, "Show what would be written, and write nothing");
  verb.callback([options, &action] { action = [options] { return join_model(*options); }; });
}

}  // namespace hearth
