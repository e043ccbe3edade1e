#include "commands/measure/perplexity.h"

#include "apps/hearth/verbs.h"

namespace hearth {

void add_window_options(CLI::App& verb, ModelOptions& model, WindowOptions& windows, std::int64_t& chunk) {
  add_model_options(verb, model);
  verb.get_option("--ctx")->description("Tokens of a window; default: 512");
  CLI::Option* const file = verb.add_option("-f,--file", windows.file, "A file with the text");
  CLI::Option* const text = verb.add_option("-p,--text", windows.text, "The text itself")->excludes(file);
  verb.add_option("--tokens", windows.tokens, "Token ids in place of a text, separated by commas")
      ->delimiter(',')
      ->excludes(file)
      ->excludes(text);
  verb.add_option("--windows", windows.window_max, "So many windows, the first; default: all")
      ->check(CLI::PositiveNumber);
  verb.add_option("--chunk", chunk,
                  "Tokens per step, of one window or several; changes no bit of the result; default: 512 on the CPU, "
                  "2048 on a GPU")
      ->check(CLI::Range(1, 65536));
}

void add_perplexity(CLI::App& app, Action& action) {
  auto options = std::make_shared<PerplexityOptions>();
  CLI::App& verb = *app.add_subcommand("perplexity",
                                       "Measure how likely a model finds a text, and how far it is from "
                                       "another model");
  add_window_options(verb, options->model, options->windows, options->chunk);
  CLI::Option* const save =
      verb.add_option("--save-base", options->save_base,
                      "Write all log-probabilities to a file, in llama.cpp's form, for a later --base: two bytes for "
                      "each scored token and each token of the vocabulary");
  CLI::Option* const base = verb.add_option(
      "--base", options->base,
      "Compare with a file of --save-base or of llama-perplexity --save-all-logits, which brings its text: KL "
      "divergence, how often the likeliest token is the same, changes of the right token's probability");
  base->excludes(save);
  for (const char* name : {"--file", "--text", "--tokens"}) base->excludes(verb.get_option(name));
  verb.add_flag("--json", options->json, "One object, not lines");
  verb.footer(
      "As llama-perplexity: the text is cut into windows of --ctx tokens, each read by itself, with the token that\n"
      "opens a text in place of its first where the model has one; scored are the tokens behind a window's middle.\n"
      "The perplexity is e to the mean of -ln p. Errors are standard errors of the mean over all scored tokens.\n"
      "The same numbers with any --chunk and any number of threads.");
  verb.callback([options, &verb, &action] {
    if (verb.count("--file") + verb.count("--text") + verb.count("--tokens") + verb.count("--base") == 0) {
      throw CLI::RequiredError("--file, --text, --tokens or --base");
    }
    action = [options] { return perplexity(*options); };
  });
}

}  // namespace hearth
