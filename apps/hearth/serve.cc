#include "commands/serve/serve.h"

#include <algorithm>
#include <array>

#include "apps/hearth/verbs.h"
#include "apps/hearth/version.h"
#include "base/error.h"

namespace hearth {
namespace {

constexpr std::int64_t kCountMax = std::int64_t{1} << 40;

// Of the server itself, where models have processes of their own.
constexpr std::array kOwnOptions{"--host",         "--port",       "--api-key",      "--api-key-file",
                                 "--tls-cert",     "--tls-key",    "--cors-origins", "--keep-alive",
                                 "--allowed-host", "--models-max", "--models-memory"};
// Of one model.
constexpr std::array kModelOptions{"--alias", "--chat-template", "--response-store", "--log-requests"};

// What the command line says to every model.
std::vector<std::string> model_arguments(const CLI::App& verb) {
  std::vector<std::string> arguments;
  for (const CLI::Option* option : verb.get_options()) {
    const std::string name = option->get_name(false, true);
    if (option->count() == 0 || !option->nonpositional() || std::ranges::count(kOwnOptions, name) > 0) continue;
    if (std::ranges::count(kModelOptions, name) > 0) {
      throw InvalidInput(name + " is for one model, and no MODEL was named");
    }
    const std::string flag = "--" + option->get_lnames().front();
    for (const std::string& value : option->results()) {
      arguments.push_back(flag);
      if (option->get_items_expected_max() > 0) arguments.push_back(value);
    }
  }
  return arguments;
}

void add_http_options(CLI::App& verb, ServeOptions& options) {
  const char* const group = "HTTP";
  verb.add_option("--host", options.host, "The address to listen on; 0.0.0.0: all of them")
      ->group(group)
      ->capture_default_str();
  verb.add_option("--port", options.port, "0: any free one")
      ->group(group)
      ->capture_default_str()
      ->check(CLI::Range(0, 65535));
  verb.add_option("--api-key", options.api_keys, "Clients must send it; repeatable")
      ->group(group)
      ->allow_extra_args(false);
  verb.add_option("--api-key-file", options.api_key_file, "One key on each line; lines with # are comments")
      ->group(group);
  auto* certificate =
      verb.add_option("--tls-cert", options.tls_certificate, "The certificate's chain, PEM")->group(group);
  auto* key = verb.add_option("--tls-key", options.tls_key, "The certificate's key, PEM")->group(group);
  certificate->needs(key);
  key->needs(certificate);
  verb.add_option("--body-max", options.body_bytes_max, "Bytes of a request's body, at most")
      ->group(group)
      ->capture_default_str()
      ->check(CLI::Range(std::int64_t{1024}, std::int64_t{1} << 30));
  verb.add_option("--bodies-max", options.bodies_bytes_max,
                  "Bytes of all requests' bodies together, at most; beyond it the answer is 503")
      ->group(group)
      ->capture_default_str()
      ->check(CLI::Range(std::int64_t{1024}, std::int64_t{1} << 40));
  verb.add_option("--cors-origins", options.allowed_origins,
                  "Pages in browsers that may use the server, beside its own and those of this machine: "
                  "https://NAME, with commas between, repeatable; *: all")
      ->group(group)
      ->delimiter(',')
      ->allow_extra_args(false);
  verb.add_option("--allowed-host", options.allowed_hosts,
                  "A name with a domain that the server may be called by where there is no key, repeatable; *: any")
      ->group(group)
      ->delimiter(',')
      ->allow_extra_args(false);
  verb.add_option("--write-timeout", options.write_timeout_s, "Seconds after which a client that does not read is left")
      ->group(group)
      ->capture_default_str()
      ->check(CLI::Range(1, 86400));
  verb.add_option("--keepalive", options.keepalive_s,
                  "Seconds that a streamed answer may say nothing; then something is sent that clients skip")
      ->group(group)
      ->capture_default_str()
      ->check(CLI::Range(0.01, 86400.0));
  verb.add_option("--drain-timeout", options.drain_timeout_s,
                  "Seconds that requests under way have after SIGTERM or Ctrl-C")
      ->group(group)
      ->capture_default_str()
      ->check(CLI::Range(0, 86400));
}

void add_engine_options(CLI::App& verb, ServeOptions& options) {
  const char* const group = "Engine";
  verb.add_option("--alias", options.aliases,
                  "The model's name in the APIs, repeatable; answers have the first; '*': any; default: the file's or "
                  "folder's")
      ->group(group)
      ->allow_extra_args(false);
  verb.add_option_function<std::string>(
          "--reasoning",
          [&options](const std::string& wish) {
            if (wish != "auto") options.thinks = wish == "on";
          },
          "Whether the model thinks before it answers, where a request does not say; auto: as its template has it")
      ->group(group)
      ->check(CLI::IsMember({"auto", "on", "off"}));
  verb.add_option("--reasoning-budget", options.thinking_tokens_max,
                  "Tokens that the model may think before it answers, where a request does not say; then its thoughts "
                  "are ended; default: as many as it likes")
      ->group(group)
      ->check(CLI::Range(std::int64_t{0}, kCountMax));
  verb.add_option("--response-store", options.response_store,
                  "Keep what the Responses API remembers in this file (SQLite), beyond the process; default: in memory")
      ->group(group);
  verb.add_flag("--keep-prompt-headers", options.keeps_prompt_headers,
                "Leave in system prompts what agents write there anew for every request; prompts are then seldom "
                "found in the cache")
      ->group(group);
  verb.add_option("--parallel", options.sequences_max, "Requests that run at once; default: 16 on a CPU, 32 on a GPU")
      ->group(group)
      ->check(CLI::Range(1, 4096));
  verb.add_option("--kv-tokens", options.cache_tokens,
                  "Tokens that the cache holds, of all requests together; default: a context for each, as far as the "
                  "memory reaches")
      ->group(group)
      ->check(CLI::Range(std::int64_t{1}, kCountMax));
  verb.add_option("--step-tokens", options.step_tokens,
                  "Tokens computed in one step, at most; default: 512 on a CPU, 2048 on a GPU; changes no bit of an "
                  "answer")
      ->group(group)
      ->check(CLI::Range(1, 65536));
  verb.add_option("--queue-max", options.queue_max, "Requests that run or wait; more are answered with 429")
      ->group(group)
      ->capture_default_str()
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 24));
}

void add_library_options(CLI::App& verb, ServeOptions& options) {
  const char* const group = "Without MODEL";
  verb.add_option("--keep-alive", options.keep_alive,
                  "How long a model stays loaded that nobody asks for: 30s, 5m, 1h; -1: for good")
      ->group(group)
      ->capture_default_str();
  verb.add_option("--models-max", options.models_max, "Models that are loaded at once; default: what the memory takes")
      ->group(group)
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1000}));
  verb.add_option("--models-memory", options.models_bytes_max,
                  "Bytes that they may take together; default: nine tenths of what the device has available")
      ->group(group)
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 50));
}

void add_log_options(CLI::App& verb, ServeOptions& options) {
  const char* const group = "Logs and metrics";
  verb.add_option_function<std::string>(
          "--log-format", [&options](const std::string& format) { options.log_json = format == "json"; },
          "text or json")
      ->group(group)
      ->check(CLI::IsMember({"text", "json"}));
  verb.add_option("--log-requests", options.replay_file, "Write every request and answer here, for `hearth replay`")
      ->group(group);
  verb.add_option_function<std::string>(
          "--metrics-compat", [&options](const std::string&) { options.vllm_metric_names = true; },
          "vllm: /metrics has every metric under the prefix vllm: as well")
      ->group(group)
      ->check(CLI::IsMember({"vllm"}));
  verb.add_option("--otlp-endpoint", options.otlp_endpoint,
                  "Send traces to this OpenTelemetry collector: http://HOST:4318")
      ->group(group);
}

}  // namespace

void add_serve(CLI::App& app, Action& action) {
  auto options = std::make_shared<ServeOptions>();
  options->version_text = kVersionText;
  CLI::App& verb = *app.add_subcommand("serve",
                                       "Serve a model, or all of this machine by name, to many users over HTTP: "
                                       "OpenAI's, Anthropic's and Ollama's APIs");
  add_model_options(verb, options->model);
  verb.get_option("MODEL")->description(
      "A GGUF file, a Hugging Face folder, or the name of a model; default: those of `hearth list`, each loaded when a "
      "request names it");
  verb.get_option("--ctx")->description("Tokens of a request, prompt and answer; default: the model's, at most 8192");
  add_chat_template_option(verb, options->chat_template);
  add_http_options(verb, *options);
  add_engine_options(verb, *options);
  add_library_options(verb, *options);
  add_log_options(verb, *options);
  add_speculation_options(verb, options->speculation);
  add_sampling_options(verb, options->sampling);
  verb.callback([options, &verb, &action] {
    action = [options, &verb] {
      if (options->model.path.empty()) options->model_arguments = model_arguments(verb);
      return serve(*options);
    };
  });
}

}  // namespace hearth
