// `hearth render-template`: what a chat template makes of a conversation, to look at it or to test the template.
#pragma once

#include <filesystem>
#include <string>

namespace hearth {

struct RenderTemplateOptions {
  std::filesystem::path file;     // a template, or a model that has one
  std::filesystem::path context;  // JSON: the variables that the template sees; "-": standard input
  std::string now;                // what strftime_now sees, as 2026-11-22T00:00:00; empty: the clock
};

// Prints the text as it is, without a line's end of its own. The variables are passed on as they stand in the file:
// nothing is added, and messages are not changed. Throws InvalidInput, with the template's line, where it refuses.
void render_template(const RenderTemplateOptions& options);

}  // namespace hearth
