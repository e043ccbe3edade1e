#include "commands/run.h"

#include "apps/hearth/verbs.h"
#include "base/read_file.h"

namespace hearth {
namespace {

// What the parser fills in before it becomes RunOptions.
struct RunFlags {
  RunOptions options;
  std::optional<std::string> prompt;
  std::string prompt_file;
  std::string schema_file, grammar_file;
};

std::string prompt_text(const RunFlags& flags) {
  if (flags.prompt) return *flags.prompt;
  return flags.prompt_file.empty() ? read_standard_input() : read_file(flags.prompt_file);
}

std::optional<GrammarSource> grammar_source(const RunFlags& flags) {
  if (!flags.schema_file.empty()) return GrammarSource{GrammarSource::Kind::kSchema, read_file(flags.schema_file)};
  if (!flags.grammar_file.empty()) return GrammarSource{GrammarSource::Kind::kGbnf, read_file(flags.grammar_file)};
  return std::nullopt;
}

}  // namespace

void add_run(CLI::App& app, Action& action) {
  auto flags = std::make_shared<RunFlags>();
  CLI::App& verb = *app.add_subcommand("run", "Continue a prompt, streaming to standard output");
  add_model_options(verb, flags->options.model);
  add_attention_option(verb, flags->options.model);
  auto* prompt = verb.add_option("-p,--prompt", flags->prompt, "The prompt; default: standard input");
  verb.add_option("-f,--file", flags->prompt_file, "Read the prompt from a file")->excludes(prompt);
  verb.add_option("-n", flags->options.token_count, "Tokens to generate; -1: until the model ends")
      ->capture_default_str()
      ->check(CLI::Range(std::int64_t{-1}, std::int64_t{1} << 28));
  verb.add_option("--system", flags->options.system, "A system message for the chat template");
  add_chat_template_option(verb, flags->options.chat_template);
  verb.add_flag("--raw", flags->options.raw, "Use the prompt as it is, without the model's chat template");
  verb.add_flag("--json", flags->options.json, "Print one JSON object instead of streaming");
  verb.add_flag("--ignore-eos", flags->options.ignore_end, "Go on past the model's end token");
  auto* schema = verb.add_option("--schema", flags->schema_file, "A file with a JSON Schema that the answer must obey");
  verb.add_option("--grammar", flags->grammar_file, "A file with a GBNF grammar that the answer must obey")
      ->excludes(schema);
  verb.add_flag("--ledger", flags->options.ledger, "Print what ran on the device");
  verb.add_option("--chunk", flags->options.step_tokens, "Prompt tokens per step; changes no bit of the result")
      ->capture_default_str()
      ->check(CLI::Range(1, 65536));
  add_speculation_options(verb, flags->options.speculation);
  add_sampling_options(verb, flags->options.sampling);
  verb.callback([flags, &action] {
    action = [flags] {
      flags->options.grammar = grammar_source(*flags);
      flags->options.prompt = prompt_text(*flags);
      return run(flags->options);
    };
  });
}

}  // namespace hearth
