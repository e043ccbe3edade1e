#include "commands/measure/eval.h"

#include "apps/hearth/verbs.h"

namespace hearth {

void add_eval(CLI::App& app, Action& action) {
  auto options = std::make_shared<EvalOptions>();
  CLI::App& verb = *app.add_subcommand("eval", "Measure how many multiple-choice questions a model answers rightly");
  add_model_options(verb, options->model);
  verb.add_option("-f,--file", options->file,
                  "Questions, one on each line: {\"context\": TEXT, \"choices\": [TEXT, …], \"gold\": NUMBER}; also "
                  "\"query\" and \"answer\", and the right choice's text in place of its number")
      ->required();
  verb.add_option("--delimiter", options->delimiter, "What stands between a context and a choice")
      ->capture_default_str();
  verb.add_flag(
      "--no-special", options->no_special,
      "Without the token that opens a text, where the tokenizer adds one (lm-evaluation-harness leaves it out "
      "unless add_bos_token is set)");
  verb.add_option("--limit", options->question_max, "So many questions, the first; default: all")
      ->check(CLI::PositiveNumber);
  verb.add_option(
          "--chunk", options->chunk,
          "Tokens per step, of many questions; changes no bit of the result; default: 512 on the CPU, 2048 on a "
          "GPU")
      ->check(CLI::Range(1, 65536));
  verb.add_option("-o,--out", options->out, "A line of JSON for each question: log-likelihoods and what was chosen");
  verb.add_flag("--json", options->json, "One object, not lines");
  verb.footer(
      "As lm-evaluation-harness scores multiple choice: a choice's log-likelihood is the sum of those of its tokens\n"
      "behind the context, and the greatest is the model's answer. acc: as it is; acc_norm: divided by the choice's\n"
      "characters; acc_bytes: by its bytes in UTF-8. Errors are standard errors. What texts begin with is computed "
      "once.");
  verb.callback([options, &action] { action = [options] { return evaluate(*options); }; });
}

}  // namespace hearth
