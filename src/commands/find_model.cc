#include "commands/find_model.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "base/error.h"
#include "base/escape.h"
#include "commands/bundled_model.h"
#include "commands/pull_model.h"
#include "hub/local_models.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

// What nobody would call a model.
bool looks_like_path(const std::string& text) {
  for (const char* begin : {"/", "./", "../", "~"}) {
    if (text.starts_with(begin)) return true;
  }
  return (text.ends_with(".gguf") || text.ends_with(".safetensors")) && text.find(':') == std::string::npos;
}

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

bool user_agrees(const std::string& name, const PullPlan& plan) {
  std::string from = plan.name.text() == name ? "" : " " + plan.name.text();
  fmt::print(stderr, "{} is not on this machine. Fetch{}, {}? [Y/n] ", printable_text(name), from,
             bytes_text(plan.missing_bytes()));
  std::fflush(stderr);
  std::string answer;
  if (!std::getline(std::cin, answer)) return false;
  return answer.empty() || answer.front() == 'y' || answer.front() == 'Y';
}

}  // namespace

fs::path find_model(const fs::path& named) {
  const std::string text = named.string();
  if (text.empty() || is_bundled_name(text)) return model_or_bundled({});
  if (is_there(named) || looks_like_path(text)) return named;
  const LocalModels models(hub_options_from_environment());
  if (const auto model = models.find(text)) return model->path;
  if (!find_hub_name(text)) {
    throw InvalidInput(
        fmt::format("{}: cannot be read: No such file or directory; nor is it a model on this machine: "
                    "`hearth list`",
                    text));
  }
  const std::string advice = fmt::format("{} is neither a file nor a model on this machine", text);
  if (models.options().offline) throw InvalidInput(advice + ", and HF_HUB_OFFLINE is set");
  if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDERR_FILENO) == 0) {
    throw InvalidInput(fmt::format("{}: `hearth pull {}` fetches it", advice, text));
  }
  const PullOptions options = pull_options(models.options(), "auto");
  const PullPlan plan = plan_pull(options, text);
  if (!user_agrees(text, plan)) throw InvalidInput(advice);
  return pull_and_show(options, plan).path;
}

std::optional<std::string> model_name(const fs::path& named) {
  const std::string text = named.string();
  if (text.empty() || is_there(named) || looks_like_path(text)) return std::nullopt;
  return text;
}

}  // namespace hearth
