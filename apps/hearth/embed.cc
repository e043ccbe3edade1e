#include "commands/embed.h"

#include "apps/hearth/verbs.h"

namespace hearth {

void add_embed(CLI::App& app, Action& action) {
  auto options = std::make_shared<EmbedOptions>();
  CLI::App& verb = *app.add_subcommand("embed", "Turn texts into vectors");
  add_model_options(verb, options->model);
  verb.add_option("-p,--text", options->texts, "A text; repeatable. Default: each line of standard input");
  verb.add_option("-f,--file", options->file, "A file with a text on each line");
  verb.add_option("--tokens", options->tokens, "Token ids in place of a text, separated by commas; none is added")
      ->delimiter(',')
      ->excludes("--text")
      ->excludes("--file");
  verb.add_option(
          "--pooling", options->pooling,
          "mean, cls or last: which token's states make the vector; none: those of every token. Default: as the "
          "model's files say, else the mean of an encoder and the last of other models")
      ->check(CLI::IsMember({"mean", "cls", "last", "none"}));
  verb.add_option("--prompt", options->prompt, "The name of a prompt in the model's files that texts begin with");
  verb.add_option("--dimensions", options->dimensions, "The first so many of a vector, at length 1 again")
      ->check(CLI::PositiveNumber);
  verb.add_option("--out", options->out,
                  "The file to write: NumPy, float32 [texts, dimensions], or [tokens, width] with --pooling none; "
                  "default: a line of JSON for each on standard output");
  verb.callback([options, &action] {
    action = [options] {
      embed(*options);
      return 0;
    };
  });
}

}  // namespace hearth
