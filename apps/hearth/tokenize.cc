#include "commands/tokenize.h"

#include "apps/hearth/verbs.h"

namespace hearth {

void add_tokenize(CLI::App& app, Action& action) {
  auto options = std::make_shared<TokenizeOptions>();
  CLI::App& verb = *app.add_subcommand("tokenize", "Turn text into token ids, or ids into text");
  verb.add_option("MODEL", options->model,
                  "A GGUF file (a vocabulary alone will do), a Hugging Face folder, or the name of a model; default: the "
                  "bundled model");
  verb.add_option("-p,--text", options->text, "The text or ids; default: standard input");
  verb.add_flag("--stdin0", options->stdin0, "Standard input holds NUL-terminated records: a line of ids for each");
  verb.add_flag("--special", options->special, "Add and parse special tokens; with --ids: spell them out");
  verb.add_flag("--ids", options->ids, "The input is token ids, to be decoded");
  verb.callback([options, &action] {
    action = [options] {
      tokenize(*options);
      return 0;
    };
  });
}

}  // namespace hearth
