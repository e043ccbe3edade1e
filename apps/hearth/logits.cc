#include "commands/logits.h"

#include "apps/hearth/verbs.h"

namespace hearth {

void add_logits(CLI::App& app, Action& action) {
  auto options = std::make_shared<LogitsOptions>();
  CLI::App& verb = *app.add_subcommand("logits", "Write the logits of every position of a list of tokens");
  add_model_options(verb, options->model);
  add_attention_option(verb, options->model);
  verb.add_option("--tokens", options->tokens, "Token ids, separated by commas; none is added")
      ->required()
      ->delimiter(',');
  verb.add_option("--out", options->out, "The file to write: NumPy, float32 [tokens, vocabulary]")->required();
  verb.add_option("--chunk", options->chunk, "Tokens per step; changes no bit of the result")
      ->check(CLI::Range(1, 65536));
  verb.callback([options, &action] {
    action = [options] {
      write_logits(*options);
      return 0;
    };
  });
}

}  // namespace hearth
