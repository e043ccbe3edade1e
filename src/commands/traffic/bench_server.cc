#include "commands/traffic/bench_server.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cstdio>
#include <memory>
#include <utility>
#include <vector>

#include "base/error.h"
#include "commands/traffic/traffic_client.h"
#include "commands/traffic/traffic_report.h"

namespace hearth {
namespace {

namespace asio = boost::asio;
using Clock = LoadOutcome::Clock;

constexpr std::size_t kDifferentShown = 10;
constexpr rlim_t kOtherFiles = 64;

// Each connection is a file descriptor.
void raise_file_limit(std::int64_t connections) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t needed = static_cast<rlim_t>(connections) + kOtherFiles;
  if (limit.rlim_cur >= needed) return;
  if (needed > limit.rlim_max) {
    throw InvalidInput(fmt::format("{} connections need {} open files, and this process may have {} (ulimit -n)",
                                   connections, needed, limit.rlim_max));
  }
  limit.rlim_cur = needed;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

LoadEndpoint parse_endpoint(const std::string& name) {
  if (name == "completions") return LoadEndpoint::kCompletions;
  if (name == "chat") return LoadEndpoint::kChat;
  throw InvalidInput(fmt::format("the endpoint '{}' is not one of completions, chat", name));
}

template <class Value>
Value wait_for(asio::io_context& context, asio::awaitable<Value> task) {
  std::exception_ptr failure;
  Value result;
  asio::co_spawn(context, std::move(task), [&](std::exception_ptr error, Value value) {
    failure = error;
    result = std::move(value);
  });
  context.restart();
  context.run();
  if (failure) std::rethrow_exception(failure);
  return result;
}

// The model's name, and how many tokens it knows where the server tells.
void ask_for_model(asio::io_context& context, const LoadTarget& target, LoadPlanOptions& plan) {
  LoadConnection connection(context.get_executor(), target);
  boost::json::value answer;
  try {
    answer = boost::json::parse(wait_for(context, connection.get("/v1/models")));
  } catch (const boost::system::system_error& error) {
    throw DeviceError(fmt::format("the server at {}:{} does not answer: {}", target.url.host, target.url.port,
                                  error.code().message()));
  }
  boost::system::error_code error;
  const boost::json::value* models = answer.find_pointer("/data", error);
  if (models == nullptr || !models->is_array()) throw DeviceError("the server's list of models has another form");
  for (const boost::json::value& model : models->get_array()) {
    const boost::json::value* id = model.find_pointer("/id", error);
    if (id == nullptr || !id->is_string() || (!plan.model.empty() && id->get_string() != plan.model)) continue;
    plan.model = std::string(id->get_string());
    const boost::json::value* vocabulary = model.find_pointer("/meta/n_vocab", error);
    if (vocabulary != nullptr && vocabulary->is_int64()) plan.vocabulary = vocabulary->get_int64();
    return;
  }
  if (plan.model.empty()) throw DeviceError("the server has no model");
}

// One test: everything runs on the thread that calls run().
class LoadRun {
 public:
  LoadRun(const BenchServerOptions& options, LoadPlan plan, const LoadTarget& target)
      : options_(options), plan_(std::move(plan)), target_(target), outcomes_(count(options.requests)) {}

  void run(asio::io_context& context) {
    start_ = Clock::now();
    executor_ = context.get_executor();
    if (plan_.options().rate) {
      asio::co_spawn(executor_, arrive(), asio::detached);
    } else {
      const std::int64_t clients = std::min(options_.concurrency, options_.requests);
      for (std::int64_t i = 0; i < clients; ++i) asio::co_spawn(executor_, serve_client(), asio::detached);
    }
    context.restart();
    context.run();
    seconds_ = std::chrono::duration<double>(Clock::now() - start_).count();
  }

  LoadReport report() const {
    LoadReport report;
    report.version = options_.version;
    report.server = options_.server;
    report.plan = plan_.options();
    report.concurrency = plan_.options().rate ? most_at_once_ : options_.concurrency;
    for (const LoadOutcome& outcome : outcomes_) report.add(outcome);
    report.finish(seconds_);
    return report;
  }

  // Each that was answered again, with nobody else there.
  LoadComparison compare(asio::io_context& context) {
    LoadConnection connection(context.get_executor(), target_);
    LoadComparison comparison;
    for (std::size_t i = 0; i < outcomes_.size(); ++i) {
      const auto index = static_cast<std::int64_t>(i);
      const LoadOutcome alone = wait_for(context, connection.generate(std::string(plan_.path()), plan_.body(index)));
      const LoadOutcome& together = outcomes_[i];
      if (!alone.error.empty() || !together.error.empty()) {
        ++comparison.failed;
      } else if (alone.text == together.text && alone.finish_reason == together.finish_reason &&
                 alone.output_tokens == together.output_tokens) {
        ++comparison.identical;
      } else {
        ++comparison.different;
        if (comparison.first_different.size() < kDifferentShown) comparison.first_different.push_back(index);
      }
    }
    return comparison;
  }

 private:
  static std::size_t count(std::int64_t requests) { return static_cast<std::size_t>(requests); }

  asio::awaitable<void> serve_client() {
    LoadConnection connection(executor_, target_);
    while (next_ < options_.requests) {
      const std::int64_t index = next_++;
      co_await ask(connection, index);
    }
  }

  asio::awaitable<void> arrive() {
    asio::steady_timer timer(executor_);
    while (next_ < options_.requests) {
      const std::int64_t index = next_++;
      const std::chrono::duration<double> at(plan_.next_arrival());
      timer.expires_at(start_ + std::chrono::duration_cast<Clock::duration>(at));
      co_await timer.async_wait(asio::use_awaitable);
      if (at_once_ == kLoadConnectionsMax) {
        LoadOutcome& outcome = outcomes_[count(index)];
        outcome.error = fmt::format("not sent: {} requests are under way already", at_once_);
        continue;
      }
      asio::co_spawn(executor_, serve_arrival(index), asio::detached);
    }
  }

  asio::awaitable<void> serve_arrival(std::int64_t index) {
    most_at_once_ = std::max(most_at_once_, ++at_once_);
    std::unique_ptr<LoadConnection> connection;
    if (idle_.empty()) {
      connection = std::make_unique<LoadConnection>(executor_, target_);
    } else {
      connection = std::move(idle_.back());
      idle_.pop_back();
    }
    co_await ask(*connection, index);
    idle_.push_back(std::move(connection));
    --at_once_;
  }

  asio::awaitable<void> ask(LoadConnection& connection, std::int64_t index) {
    std::string path(plan_.path());
    std::string body = plan_.body(index);
    LoadOutcome outcome = co_await connection.generate(std::move(path), std::move(body));
    const std::int64_t wanted = plan_.output_tokens(index);
    const bool exact = plan_.options().endpoint == LoadEndpoint::kCompletions;
    if (outcome.error.empty() && exact && outcome.output_tokens != wanted) {
      outcome.error = fmt::format("another length: {} tokens were asked for, {} came ({})", wanted,
                                  outcome.output_tokens, outcome.finish_reason);
    }
    if (!options_.verify) outcome.text.clear();
    outcomes_[count(index)] = std::move(outcome);
  }

  const BenchServerOptions& options_;
  LoadPlan plan_;
  const LoadTarget& target_;
  asio::any_io_executor executor_;
  std::vector<LoadOutcome> outcomes_;
  std::int64_t next_ = 0, at_once_ = 0, most_at_once_ = 0;
  std::vector<std::unique_ptr<LoadConnection>> idle_;
  Clock::time_point start_{};
  double seconds_ = 0;
};

}  // namespace

int bench_server(const BenchServerOptions& options) {
  const BenchOutput output = parse_bench_output(options.output);
  LoadPlanOptions plan{.endpoint = parse_endpoint(options.endpoint),
                       .model = options.model,
                       .prompt = parse_load_length(options.prompt_tokens),
                       .output = parse_load_length(options.output_tokens),
                       .shared_prefix = options.shared_prefix,
                       .seed = options.seed,
                       .rate = options.rate,
                       .temperature = options.temperature};
  if (output == BenchOutput::kCsv) format_load_report({}, output);  // before the time it takes
  const LoadTarget target{.url = parse_http_url(options.server, "the server's address", "80"),
                          .api_key = options.api_key,
                          .timeout = std::chrono::seconds(options.timeout_s)};
  raise_file_limit(plan.rate ? std::min(options.requests, kLoadConnectionsMax) : options.concurrency);
  asio::io_context context(1);
  ask_for_model(context, target, plan);
  LoadRun run(options, LoadPlan(std::move(plan)), target);
  run.run(context);
  LoadReport report = run.report();
  if (options.verify) report.comparison = run.compare(context);
  std::fputs(format_load_report(report, output).c_str(), stdout);
  const bool same = !report.comparison || (report.comparison->different == 0 && report.comparison->failed == 0);
  return report.failures.empty() && same ? 0 : 1;
}

}  // namespace hearth
