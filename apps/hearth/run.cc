#include "commands/run.h"

#include <charconv>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>

#include "apps/hearth/verbs.h"
#include "base/error.h"
#include "sampling/sampler_options.h"

namespace hearth {
namespace {

// What the parser fills in before it becomes RunOptions.
struct RunFlags {
  RunOptions options;
  std::optional<std::string> prompt;
  std::string prompt_file;
  std::vector<std::string> logit_bias;
};

std::string read_all(std::istream& in) {
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string prompt_text(const RunFlags& flags) {
  if (flags.prompt) return *flags.prompt;
  if (flags.prompt_file.empty()) return read_all(std::cin);
  std::ifstream file(flags.prompt_file, std::ios::binary);
  std::string text = read_all(file);
  if (!file) throw InvalidInput(flags.prompt_file + ": cannot be read");
  return text;
}

// "15043:-inf" or "15043:+2.5"
std::pair<std::int32_t, float> parse_bias(const std::string& text) {
  const std::size_t colon = text.find(':');
  std::int32_t id = 0;
  const char* end = text.data() + std::min(colon, text.size());
  const auto [stop, error] = std::from_chars(text.data(), end, id);
  char* value_end = nullptr;
  const float value = colon == std::string::npos ? 0 : std::strtof(text.c_str() + colon + 1, &value_end);
  if (colon == std::string::npos || error != std::errc{} || stop != end || value_end == text.c_str() + colon + 1 ||
      *value_end != '\0') {
    throw InvalidInput("--logit-bias '" + text + "' is not ID:VALUE");
  }
  return {id, value};
}

void add_sampling_options(CLI::App& verb, RunOptions& options) {
  for (const SamplerOption& option : sampler_option_table()) {
    verb.add_option_function<double>(
            "--" + std::string(option.flag),
            [&options, name = std::string(option.name)](double value) { options.sampling[name] = value; },
            std::string(option.help))
        ->group("Sampling")
        ->type_name("NUMBER");
  }
  verb.add_option("--seed", options.seed, "The same seed gives the same text; default: drawn, and reported")
      ->group("Sampling");
  verb.add_option("--samplers", options.stages, "The stages and their order, as in 'penalties;top_k;temperature'")
      ->group("Sampling");
}

}  // namespace

void add_run(CLI::App& app, Action& action) {
  auto flags = std::make_shared<RunFlags>();
  CLI::App& verb = *app.add_subcommand("run", "Continue a prompt, streaming to standard output");
  add_model_options(verb, flags->options.model);
  auto* prompt = verb.add_option("-p,--prompt", flags->prompt, "The prompt; default: standard input");
  verb.add_option("-f,--file", flags->prompt_file, "Read the prompt from a file")->excludes(prompt);
  verb.add_option("-n", flags->options.token_count, "Tokens to generate; -1: until the model ends")
      ->capture_default_str()
      ->check(CLI::Range(std::int64_t{-1}, std::int64_t{1} << 28));
  verb.add_option("--system", flags->options.system, "A system message for the chat template");
  verb.add_flag("--raw", flags->options.raw, "Use the prompt as it is, without the model's chat template");
  verb.add_flag("--json", flags->options.json, "Print one JSON object instead of streaming");
  verb.add_flag("--ignore-eos", flags->options.ignore_end, "Go on past the model's end token");
  verb.add_flag("--ledger", flags->options.ledger, "Print what ran on the device");
  verb.add_option("--chunk", flags->options.step_tokens, "Prompt tokens per step; changes no bit of the result")
      ->capture_default_str()
      ->check(CLI::Range(1, 65536));
  verb.add_option("--logit-bias", flags->logit_bias, "ID:VALUE, added to a token's logit; repeatable")
      ->group("Sampling");
  add_sampling_options(verb, flags->options);
  verb.callback([flags, &action] {
    action = [flags] {
      flags->options.prompt = prompt_text(*flags);
      for (const std::string& bias : flags->logit_bias) flags->options.logit_bias.insert(parse_bias(bias));
      return run(flags->options);
    };
  });
}

}  // namespace hearth
