// `hearth serve`: one model for many users at once, over HTTP.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "commands/model_session.h"
#include "commands/sampling_flags.h"
#include "engine/drafter.h"

namespace hearth {

struct ServeOptions {
  ModelOptions model;  // `context`: of a request; 0: the model's, at most 8192
  // The model's names in the APIs, the first in answers; empty: its own, or the file's. "*": any name is this model's.
  std::vector<std::string> aliases;
  std::string chat_template;              // a file or a text in place of the model's own; empty: that
  std::string response_store;             // the file; empty: in memory
  std::int64_t thinking_tokens_max = -1;  // where a request does not say; below 0: as many as the model likes
  std::optional<bool> thinks;             // where a request does not say; nullopt: as the template has it
  SamplingFlags sampling;

  std::string host = "127.0.0.1";
  std::uint16_t port = 8080;  // 0: any free one
  std::vector<std::string> api_keys;
  std::filesystem::path api_key_file;  // one on each line, beside those above; empty: none
  std::filesystem::path tls_certificate, tls_key;
  std::int64_t body_bytes_max = 32 << 20;                   // of one request
  std::int64_t bodies_bytes_max = std::int64_t{256} << 20;  // of all together
  std::vector<std::string> allowed_origins, allowed_hosts;
  std::int64_t write_timeout_s = 30, drain_timeout_s = 30;
  double keepalive_s = 10;            // how long a streamed answer may say nothing
  bool keeps_prompt_headers = false;  // what changes with every request at the head of a system prompt stays there

  // 0: by the device.
  std::int64_t sequences_max = 0;
  std::int64_t cache_tokens = 0;  // 0: a context for each sequence, as far as the memory reaches
  std::int64_t step_tokens = 0;
  Speculation speculation = kSpeculationDefault;
  std::int64_t queue_max = 1024;

  bool log_json = false;
  std::filesystem::path replay_file;  // empty: none
  std::string otlp_endpoint;          // empty: none
  bool vllm_metric_names = false;
  std::string version_text;  // of `hearth --version`

  // Without a model: those on this machine, by the name that requests give.
  std::vector<std::string> model_arguments;  // of the command line, for each model's own process
  std::int64_t models_max = 0;               // at once; 0: as many as the memory takes
  std::int64_t models_bytes_max = 0;         // of all together; 0: by the device
  std::string keep_alive = "5m";             // how long a model stays that nobody asks for
};

// Serves until SIGINT or SIGTERM, then lets the requests under way finish. Returns the exit status. Throws Error: also
// when the device fails while requests run.
int serve(const ServeOptions& options);

// "listening on http://127.0.0.1:8080", as the log says it.
std::string listening_text(const ServeOptions& options, std::uint16_t port);

}  // namespace hearth
