#include "commands/render_template.h"

#include "apps/hearth/verbs.h"

namespace hearth {

void add_render_template(CLI::App& app, Action& action) {
  auto options = std::make_shared<RenderTemplateOptions>();
  CLI::App& verb = *app.add_subcommand("render-template", "Print what a chat template makes of a conversation");
  verb.add_option("FILE", options->file, "A Jinja template, or a model: a GGUF file, a Hugging Face folder or a name")
      ->required();
  verb.add_option("--context", options->context,
                  "A JSON file with what the template sees: messages, tools, add_generation_prompt, bos_token, …; "
                  "-: standard input")
      ->required();
  verb.add_option("--now", options->now, "The time that the template sees, as 2026-11-22T00:00:00; default: the clock");
  verb.callback([options, &action] {
    action = [options] {
      render_template(*options);
      return 0;
    };
  });
}

}  // namespace hearth
