// pull, list, show, cp, rm, ps and stop: models by name.
#include "apps/hearth/verbs.h"
#include "commands/local_model_verbs.h"
#include "commands/pull_model.h"
#include "commands/running_models.h"

namespace hearth {
namespace {

constexpr const char* kNameHelp =
    "ORG/REPO[:QUANTIZATION], hf.co/ORG/REPO[:QUANTIZATION], or a short name such as "
    "qwen3:4b (`hearth list --short`)";

void add_pull(CLI::App& app, Action& action) {
  auto options = std::make_shared<PullCommandOptions>();
  CLI::App& verb = *app.add_subcommand("pull", "Fetch a model, or what is missing of it");
  verb.add_option("NAME", options->name, kNameHelp)->required();
  verb.add_option("--device", options->device,
                  "Whose memory the model is to fit where NAME says no quantization: auto, cpu, gpu, cuda:N or hip:N")
      ->capture_default_str();
  verb.add_option("--connections", options->connections, "Connections at once")
      ->capture_default_str()
      ->check(CLI::Range(1, 64));
  verb.add_option("--retries", options->tries_max, "Tries without progress after which it gives up")
      ->capture_default_str()
      ->check(CLI::Range(0, 1000));
  verb.add_flag("--dry-run", options->dry_run, "Say what would be fetched, and fetch nothing");
  verb.footer(
      "Fetches into the cache that huggingface_hub keeps: $HF_HUB_CACHE, or $HF_HOME/hub, or "
      "~/.cache/huggingface/hub.\n"
      "HF_ENDPOINT names another server, HF_TOKEN is for what needs one, HF_HUB_OFFLINE=1 fetches nothing; "
      "HTTPS_PROXY,\n"
      "HTTP_PROXY and NO_PROXY hold. A pull that was stopped goes on where it was.");
  verb.callback([options, &action] { action = [options] { return pull_model(*options); }; });
}

void add_list(CLI::App& app, Action& action) {
  auto options = std::make_shared<ListOptions>();
  CLI::App& verb =
      *app.add_subcommand("list", "List the models on this machine: the hub's, Ollama's, and names for them");
  verb.add_flag("--json", options->json, "Print a JSON array");
  verb.add_flag("--names", options->names, "Print names alone, a line each");
  verb.add_flag("--short", options->short_names, "List the short names for models that may be fetched, instead");
  verb.callback([options, &action] {
    action = [options] {
      list_models(*options);
      return 0;
    };
  });
}

void add_show(CLI::App& app, Action& action) {
  struct Flags {
    std::string name;
    bool json = false;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App& verb = *app.add_subcommand("show", "Show where a model stands, and what it is");
  verb.add_option("MODEL", flags->name, kModelHelp);
  verb.add_flag("--json", flags->json, "Print one JSON object");
  verb.callback([flags, &action] {
    action = [flags] {
      show_model(flags->name, flags->json);
      return 0;
    };
  });
}

void add_copy(CLI::App& app, Action& action) {
  auto names = std::make_shared<std::pair<std::string, std::string>>();
  CLI::App& verb = *app.add_subcommand("cp", "Give a model a further name; its files are not copied");
  verb.add_option("MODEL", names->first, "A model on this machine: its name, file or folder")->required();
  verb.add_option("NAME", names->second, "What it is to be called, too")->required();
  verb.callback([names, &action] {
    action = [names] {
      copy_model(names->first, names->second);
      return 0;
    };
  });
}

void add_remove(CLI::App& app, Action& action) {
  auto names = std::make_shared<std::vector<std::string>>();
  CLI::App& verb = *app.add_subcommand("rm", "Remove models from the hub's cache, or names that `hearth cp` made");
  verb.add_option("NAME", *names, "As `hearth list` shows them")->required();
  verb.callback([names, &action] {
    action = [names] {
      remove_models(*names);
      return 0;
    };
  });
}

void add_running_options(CLI::App& verb, RunningOptions& options) {
  verb.add_option("--server", options.server, "Where `hearth serve` listens")->capture_default_str();
  verb.add_option("--api-key", options.api_key, "What it wants to be sent");
}

void add_running(CLI::App& app, Action& action) {
  auto options = std::make_shared<RunningOptions>();
  CLI::App& verb = *app.add_subcommand("ps", "List the models that a running server has loaded");
  add_running_options(verb, *options);
  verb.add_flag("--json", options->json, "Print a JSON array");
  verb.callback([options, &action] {
    action = [options] {
      list_running(*options);
      return 0;
    };
  });
}

void add_stop(CLI::App& app, Action& action) {
  auto options = std::make_shared<RunningOptions>();
  auto model = std::make_shared<std::string>();
  CLI::App& verb = *app.add_subcommand("stop", "Have a running server unload a model");
  verb.add_option("MODEL", *model, "Its name, as `hearth ps` shows it")->required();
  add_running_options(verb, *options);
  verb.callback([options, model, &action] {
    action = [options, model] {
      stop_running(*options, *model);
      return 0;
    };
  });
}

}  // namespace

void add_model_verbs(CLI::App& app, Action& action) {
  add_pull(app, action);
  add_list(app, action);
  add_show(app, action);
  add_copy(app, action);
  add_remove(app, action);
  add_running(app, action);
  add_stop(app, action);
}

}  // namespace hearth
