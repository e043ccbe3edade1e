// `hearth bench`: a model on devices, or, with --server, a server under load.
#include "commands/bench/bench.h"

#include "apps/hearth/verbs.h"
#include "apps/hearth/version.h"
#include "commands/bench/speculation_bench.h"
#include "commands/traffic/bench_server.h"

namespace hearth {
namespace {

// Those that need --server. Returns --server itself.
CLI::Option* add_server_options(CLI::App& verb, BenchServerOptions& options) {
  CLI::Option* const server =
      verb.add_option("--server", options.server, "Instead of MODEL: a server's address, http://HOST:PORT");
  const auto add = [&](const char* name, auto& value, const char* help) {
    return verb.add_option(name, value, help)->group("With --server")->needs(server);
  };
  const std::int64_t none = 0, one = 1, many = std::int64_t{1} << 24;
  add("--endpoint", options.endpoint, "completions: exact lengths in tokens; chat: lengths of prompts in words")
      ->capture_default_str()
      ->check(CLI::IsMember({"completions", "chat"}));
  add("--requests", options.requests, "Requests in all")->capture_default_str()->check(CLI::Range(one, many));
  CLI::Option* const concurrency =
      add("--concurrency", options.concurrency, "Clients, each with one request after the other")
          ->capture_default_str()
          ->check(CLI::Range(one, kLoadConnectionsMax));
  add("--rate", options.rate, "Instead: requests a second, arriving at random whether or not others are answered")
      ->excludes(concurrency)
      ->check(CLI::PositiveNumber);
  add("--prompt-tokens", options.prompt_tokens, "LENGTH or LENGTH:SPREAD")->capture_default_str();
  add("--output-tokens", options.output_tokens, "LENGTH or LENGTH:SPREAD")->capture_default_str();
  add("--shared-prefix", options.shared_prefix, "Tokens before each prompt that are the same for all")
      ->capture_default_str()
      ->check(CLI::Range(none, many));
  add("--seed", options.seed, "Of prompts, lengths and arrivals")->capture_default_str();
  add("--temp", options.temperature, "The requests' temperature; default: the server's");
  add("--model", options.model, "The model's name; default: the server's first");
  add("--api-key", options.api_key, "What the server wants as a key");
  add("--timeout", options.timeout_s, "Seconds without a byte after which a request has failed")
      ->capture_default_str()
      ->check(CLI::Range(one, many));
  verb.add_flag("--verify", options.verify, "Send every request again, one at a time, and compare the texts")
      ->group("With --server")
      ->needs(server);
  return server;
}

}  // namespace

void add_bench(CLI::App& app, Action& action) {
  auto options = std::make_shared<BenchOptions>();
  auto server_options = std::make_shared<BenchServerOptions>();
  options->version = server_options->version = kVersionText;
  CLI::App& verb = *app.add_subcommand("bench", "Measure prompt and decode speeds as a share of the devices' limits");
  // Lists are separated by commas; what stands after them is not theirs.
  const auto list = [&](const char* name, auto& values, const char* help) {
    return verb.add_option(name, values, help)->delimiter(',')->allow_extra_args(false)->capture_default_str();
  };
  const std::int64_t none = 0, one = 1, many = std::int64_t{1} << 24;
  CLI::Option* model =
      verb.add_option("MODEL", options->path, "A GGUF file, a Hugging Face folder, or the name of a model");
  CLI::Option* shape =
      verb.add_option("--shape", options->shape, "Instead of MODEL: a well-known shape with random weights");
  shape->excludes(model);
  verb.add_option("--format", options->format, "The weight format of --shape's matrices")
      ->capture_default_str()
      ->needs(shape);
  list("-p,--prompt", options->prompts, "Prompt lengths; 0: none")->check(CLI::Range(none, many));
  list("-n,--predict", options->decodes, "Tokens to decode; 0: none")->check(CLI::Range(none, many));
  list("-d,--depth", options->depths, "Tokens in the cache before")->check(CLI::Range(none, many));
  list("-b,--batch", options->batches, "Sequences that decode together")->check(CLI::Range(one, std::int64_t{4096}));
  verb.add_option("-r,--repetitions", options->repetitions, "How often each is measured")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  list("--device", options->devices, "auto, cpu, gpu, cuda:N, hip:N; several are compared with the first");
  verb.add_option("--threads", options->threads, "CPU threads; 0: one for each core")
      ->capture_default_str()
      ->check(CLI::Range(0, 1024));
  verb.add_option("--compute", options->compute, "auto, f32, bf16 or int8: how matrices are multiplied")
      ->capture_default_str()
      ->check(CLI::IsMember({"auto", "f32", "bf16", "int8"}));
  add_experts_option(verb, options->experts_on_host);
  verb.add_option("--chunk", options->step_tokens, "Prompt tokens per step; default: 512 on the CPU, 2048 on a GPU")
      ->check(CLI::Range(1, 65536));
  verb.add_flag("--share-depth", options->share_depth, "The sequences of a batch share the cache of their depth");
  verb.add_option("-o,--output", options->output, "table, json, csv or md")
      ->capture_default_str()
      ->check(CLI::IsMember({"table", "json", "csv", "md"}));
  CLI::Option* const speculate =
      verb.add_flag("--speculate", options->speculates,
                    "Instead: write given answers with drafts by n-gram lookup and without; on the first device");
  verb.add_option("--text", options->texts,
                  "A file whose first half is a prompt and whose second is the answer, repeatable; default: an edit of "
                  "code, and prose")
      ->needs(speculate)
      ->allow_extra_args(false);
  verb.add_option("--draft-max", options->speculation.draft_max, "Tokens of a draft, at most")
      ->capture_default_str()
      ->check(CLI::Range(std::int64_t{1}, Speculation::kDraftMax))
      ->needs(speculate);
  CLI::Option* server = add_server_options(verb, *server_options);
  server->excludes(model)->excludes(shape)->excludes(speculate);
  verb.callback([options, server_options, model, shape, server, &action] {
    if (!server->empty()) {
      server_options->output = options->output;
      action = [server_options] { return bench_server(*server_options); };
      return;
    }
    if (model->empty() && shape->empty()) throw CLI::RequiredError("MODEL, --shape or --server");
    action = [options] {
      options->speculates ? bench_speculation(*options) : bench(*options);
      return 0;
    };
  });
}

}  // namespace hearth
