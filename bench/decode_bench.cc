// Decode speed of a model as a share of what the memory allows: tokens are decoded one at a time, and in the same run,
// alternating, as many bytes as the model reads for a token are read plainly by the same threads.
//
// Usage: decode_bench MODEL [THREADS]
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <limits>
#include <vector>

#include "commands/bench/device_limits.h"
#include "commands/model_session.h"
#include "device/cpu/cpu_device.h"

namespace hearth {
namespace {

constexpr std::int64_t kPromptTokens = 16;
constexpr int kRounds = 8;
constexpr int kTokensPerRound = 8;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

int measure(const char* path, int threads) {
  ModelOptions options;
  options.path = path;
  options.threads = threads;
  options.device = "cpu";
  ModelSession session(options);
  session.bind({.context = kPromptTokens + kRounds * kTokensPerRound + 1, .step_tokens_max = kPromptTokens});
  SequenceRunner& runner = session.load();
  std::int64_t bytes = 0;
  for (const OperatorPlan& op : session.pass().operators()) bytes += op.bytes_per_token;
  ThreadPool& pool = dynamic_cast<CpuDevice&>(session.device()).pool();
  Buffer plain = session.device().allocate(bytes, "plain read");
  std::fill_n(plain.data(), plain.bytes(), std::byte{1});

  const std::vector<std::int32_t> prompt(static_cast<std::size_t>(kPromptTokens), 1);
  runner.feed(prompt, Batch::Logits::kLast, {});
  double best_token = std::numeric_limits<double>::infinity(), best_read = best_token;
  for (int round = 0; round < kRounds; ++round) {
    for (int i = 0; i < kTokensPerRound; ++i) {
      const auto start = std::chrono::steady_clock::now();
      const std::int32_t token = i + 1;
      runner.feed({&token, 1}, Batch::Logits::kLast, {});
      best_token = std::min(best_token, seconds_since(start));
      best_read = std::min(best_read, read_seconds(pool, plain));
    }
  }
  const double giga = 1e-9 * static_cast<double>(bytes);
  fmt::print("{}\n{}\n", path, session.device().description());
  fmt::print("weights per token: {:.3f} GB\n", giga);
  fmt::print("decode: {:.2f} tokens/s, {:.2f} GB/s\n", 1 / best_token, giga / best_token);
  fmt::print("plain read of as many bytes: {:.2f} GB/s\n", giga / best_read);
  fmt::print("decode reaches {:.1f} % of the plain read\n", 100 * best_read / best_token);
  return 0;
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: decode_bench MODEL [THREADS]\n", stderr);
    return 2;
  }
  try {
    return hearth::measure(argv[1], argc > 2 ? std::atoi(argv[2]) : 0);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "decode_bench: %s\n", error.what());
    return 1;
  }
}
