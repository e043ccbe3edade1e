#include "commands/verify.h"

#include "apps/hearth/verbs.h"

namespace hearth {

void add_verify(CLI::App& app, Action& action) {
  auto options = std::make_shared<VerifyOptions>();
  CLI::App& verb = *app.add_subcommand("verify", "Compare a device with the CPU's float32, layer by layer");
  add_model_options(verb, options->model);
  add_attention_option(verb, options->model);
  auto* tokens = verb.add_option("--tokens", options->tokens, "Token ids, separated by commas; default: random ones")
                     ->delimiter(',');
  verb.add_option("-n", options->token_count, "How many random tokens")
      ->capture_default_str()
      ->check(CLI::Range(1, 4096))
      ->excludes(tokens);
  verb.add_flag("--json", options->json, "Print one JSON object");
  verb.callback([options, &action] { action = [options] { return verify(*options); }; });
}

}  // namespace hearth
