#include "commands/pull_model.h"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <deque>
#include <thread>

#include "base/escape.h"
#include "commands/device_choice.h"
#include "commands/interrupt.h"
#include "commands/terminal_line.h"
#include "device/cpu/cpu_device.h"

namespace hearth {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kShowEvery{200};
constexpr std::chrono::seconds kRateOver{5}, kLineEvery{30};

std::string duration_text(std::int64_t seconds) {
  if (seconds >= 3600) return fmt::format("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
  return fmt::format("{}:{:02}", seconds / 60, seconds % 60);
}

// Bytes a second over the last few seconds.
class Rate {
 public:
  std::int64_t add(Clock::time_point now, std::int64_t bytes) {
    seen_.emplace_back(now, bytes);
    while (seen_.size() > 2 && now - seen_.front().first > kRateOver) seen_.pop_front();
    const double seconds = std::chrono::duration<double>(now - seen_.front().first).count();
    if (seconds <= 0) return 0;
    return static_cast<std::int64_t>(static_cast<double>(bytes - seen_.front().second) / seconds);
  }

 private:
  std::deque<std::pair<Clock::time_point, std::int64_t>> seen_;
};

std::string progress_text(const PullProgress::State& state, std::int64_t rate) {
  std::int64_t done = 0, total = 0;
  std::size_t number = 0;
  const PullProgress::File* current = nullptr;
  for (const PullProgress::File& file : state.files) {
    done += file.done;
    total += file.bytes;
    if (file.phase != PullProgress::Phase::kListing && file.phase != PullProgress::Phase::kDone) current = &file;
    number += current == nullptr ? 1 : 0;
  }
  if (current == nullptr) return {};
  std::string text = printable_text(current->path);
  if (state.files.size() > 1) text += fmt::format(" ({} of {})", number + 1, state.files.size());
  if (current->phase == PullProgress::Phase::kChecking) {
    const std::int64_t percent = current->bytes == 0 ? 100 : 100 * current->checked / current->bytes;
    return text + fmt::format(": checking, {} %", percent);
  }
  text += fmt::format(": {} % of {}, {}/s", total == 0 ? 100 : 100 * done / total, bytes_text(total), bytes_text(rate));
  if (rate > 0) text += fmt::format(", {} left", duration_text((total - done) / rate));
  return text;
}

// Shows the progress while it lives.
class ProgressLine {
 public:
  explicit ProgressLine(const PullProgress& progress) : progress_(progress), thread_([this] { run(); }) {}
  ~ProgressLine() {
    ended_ = true;
    thread_.join();
  }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

 private:
  void run() {
    Rate rate;
    auto next_line = Clock::now() + kLineEvery;
    while (!ended_) {
      std::this_thread::sleep_for(kShowEvery);
      const PullProgress::State state = progress_.state();
      const auto now = Clock::now();
      const std::string text = progress_text(state, rate.add(now, state.fetched));
      if (text.empty()) continue;
      if (line_.is_terminal()) {
        line_.show(text);
      } else if (now >= next_line) {
        fmt::print(stderr, "{}\n", text);
        next_line = now + kLineEvery;
      }
    }
  }

  const PullProgress& progress_;
  TerminalLine line_;
  std::atomic<bool> ended_ = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace

std::int64_t model_memory_bytes(const std::string& device) {
  // A little of it is always somebody else's.
  return open_device(device, 1).device->memory_available_bytes() / 10 * 9;
}

PullOptions pull_options(const HubOptions& hub, const std::string& device) {
  return {.hub = hub, .memory_bytes = model_memory_bytes(device), .stopped = {}};
}

CachedModel pull_and_show(PullOptions options, const PullPlan& plan) {
  // A limit on the size of files is an error of writing, not the process's end.
  std::signal(SIGXFSZ, SIG_IGN);
  const InterruptGuard guard;
  options.stopped = [&] { return guard.interrupted(); };
  if (!plan.choice.reason.empty()) fmt::print(stderr, "{}\n", plan.choice.reason);
  if (!plan.missing.empty()) {
    fmt::print(stderr, "fetching {}: {} in {} file{}\n", plan.name.text(), bytes_text(plan.missing_bytes()),
               plan.missing.size(), plan.missing.size() == 1 ? "" : "s");
  }
  PullProgress progress;
  const ProgressLine line(progress);
  return pull(options, plan, progress);
}

int pull_model(const PullCommandOptions& options) {
  PullOptions pulling = pull_options(hub_options_from_environment(), options.device);
  pulling.connections = options.connections;
  pulling.tries_max = options.tries_max;
  try {
    const PullPlan plan = plan_pull(pulling, options.name);
    if (options.dry_run) {
      if (!plan.choice.reason.empty()) fmt::print(stderr, "{}\n", plan.choice.reason);
      for (const HubFile& file : plan.choice.files) {
        fmt::print("{:>14} {}\n", file.bytes, printable_text(file.path));
      }
      fmt::print(stderr, "{}: {} of {} are to be fetched\n", plan.name.text(), bytes_text(plan.missing_bytes()),
                 bytes_text(plan.choice.bytes()));
      return 0;
    }
    const CachedModel model = pull_and_show(pulling, plan);
    fmt::print(stderr, "{} is here: `hearth run {}`\n", plan.name.text(), plan.name.text());
    fmt::print("{}\n", model.path.string());
    return 0;
  } catch (const Stopped&) {
    std::fputs("stopped; the next pull goes on from here\n", stderr);
    return kExitInterrupted;
  }
}

}  // namespace hearth
