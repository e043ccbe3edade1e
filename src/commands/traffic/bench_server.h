// `hearth bench --server`: a load generator for any server with OpenAI's API: how long users wait, how much is
// answered, and whether company changes an answer.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "commands/traffic/traffic_plan.h"

namespace hearth {

inline constexpr std::int64_t kLoadConnectionsMax = 4096;

struct BenchServerOptions {
  std::string server;                    // "http://127.0.0.1:8080"
  std::string endpoint = "completions";  // or "chat"
  std::int64_t requests = 64;
  std::int64_t concurrency = 8;  // at once, each client sending its next request after an answer; 1 to 4096
  std::optional<double> rate;    // instead: requests a second, whether or not earlier ones are answered
  std::string prompt_tokens = "256", output_tokens = "64";  // LENGTH or LENGTH:SPREAD
  std::int64_t shared_prefix = 0;
  std::uint64_t seed = 0;
  std::optional<double> temperature;
  std::string model;    // empty: the server's first
  std::string api_key;  // empty: none
  bool verify = false;  // every request again, one at a time, and compare the texts
  std::int64_t timeout_s = 600;
  std::string output = "table";  // table, json, md
  std::string version;           // of this program
};

// Prints the report. Returns the exit status: 0, or 1 where a request failed or a text differed. Throws InvalidInput,
// and DeviceError where the server cannot be asked for its models.
int bench_server(const BenchServerOptions& options);

}  // namespace hearth
