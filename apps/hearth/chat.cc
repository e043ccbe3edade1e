#include "commands/chat/chat.h"

#include "apps/hearth/verbs.h"

namespace hearth {

void add_chat(CLI::App& app, Action& action) {
  auto options = std::make_shared<ChatOptions>();
  CLI::App& verb = *app.add_subcommand("chat", "Talk with a model; /help lists what can be said to the program");
  add_model_options(verb, options->model);
  verb.add_option("-p,--prompt", options->prompt, "The first message");
  verb.add_option("--system", options->system, "A system message");
  verb.add_option("--tools", options->tools,
                  "A JSON file of commands that the model may call: [{\"name\", \"description\", \"parameters\", "
                  "\"command\": […]}]; each call is shown, and runs when you say so");
  add_chat_template_option(verb, options->chat_template);
  verb.add_option("-n", options->token_count, "Tokens of an answer; -1: until the model ends")
      ->capture_default_str()
      ->check(CLI::Range(std::int64_t{-1}, std::int64_t{1} << 28));
  verb.add_flag_callback(
      "--no-history", [options] { options->keep_history = false; }, "Do not keep what is typed in the history file");
  add_speculation_options(verb, options->speculation);
  add_sampling_options(verb, options->sampling);
  verb.callback([options, &action] { action = [options] { return chat(*options); }; });
}

}  // namespace hearth
