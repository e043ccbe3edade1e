#include "commands/measure/imatrix.h"

#include "apps/hearth/verbs.h"

namespace hearth {

void add_imatrix(CLI::App& app, Action& action) {
  auto options = std::make_shared<ImatrixOptions>();
  CLI::App& verb = *app.add_subcommand(
      "imatrix", "Measure over a text how much each column of a model's matrices matters, for quantize --imatrix");
  add_window_options(verb, options->model, options->windows, options->chunk);
  verb.add_option("-o,--out", options->out, "The file to write: GGUF, in the form that llama.cpp reads and writes")
      ->required();
  verb.add_flag("--process-output", options->with_output, "The output matrix as well, where it is a tensor of its own");
  verb.footer(
      "For each matrix of a layer NAME: the tensors NAME.in_sum2, the sum over all tokens of the square of what each\n"
      "column is multiplied with, and NAME.counts, of how many tokens; of stacked experts a row for each. Windows are\n"
      "those of `hearth perplexity`, of which every token counts.");
  verb.callback([options, &verb, &action] {
    if (verb.count("--file") + verb.count("--text") + verb.count("--tokens") == 0) {
      throw CLI::RequiredError("--file, --text or --tokens");
    }
    action = [options] { return measure_importance(*options); };
  });
}

}  // namespace hearth
