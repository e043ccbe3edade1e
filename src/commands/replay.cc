#include "commands/replay.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <condition_variable>
#include <cstdio>
#include <exception>
#include <fstream>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "base/error.h"
#include "base/json_value.h"
#include "base/read_file.h"
#include "commands/fingerprint.h"
#include "engine/engine.h"
#include "server/telemetry/replay_record.h"
#include "text/tokenizers/tokenizer.h"

namespace hearth {
namespace {

constexpr std::int64_t kStepTokens = 512;

struct LoggedRequest {
  std::int64_t line = 0;
  ReplayRecord record;
};

// Reads records in order, those with options.id only where that is given.
class LogReader {
 public:
  explicit LogReader(const ReplayOptions& options) : options_(options) {
    check_readable(options.log);
    file_.open(options.log, std::ios::binary);
    if (!file_) throw InvalidInput(fmt::format("{}: the log cannot be read", options.log.string()));
  }

  // nullopt at the end.
  std::optional<LoggedRequest> next() {
    for (std::string text; std::getline(file_, text);) {
      ++line_;
      // A server that was killed may have left half a line.
      if (file_.eof()) {
        fmt::print(stderr, "note: {}: line {} is not complete and is left out\n", options_.log.string(), line_);
        return std::nullopt;
      }
      try {
        ReplayRecord record = parse_replay_record(text);
        if (options_.id.empty() || record.request.id == options_.id) return LoggedRequest{line_, std::move(record)};
      } catch (const InvalidInput& error) {
        throw InvalidInput(fmt::format("{}: line {}: {}", options_.log.string(), line_, error.what()));
      }
    }
    return std::nullopt;
  }

 private:
  const ReplayOptions& options_;
  std::ifstream file_;
  std::int64_t line_ = 0;
};

Fingerprint fingerprint_of(const ReplayOptions& options, const LoggedRequest& logged) {
  if (const auto fingerprint = parse_fingerprint(logged.record.fingerprint)) return *fingerprint;
  throw InvalidInput(fmt::format("{}: line {}: the fingerprint '{}' is none", options.log.string(), logged.line,
                                 logged.record.fingerprint));
}

// The context that the answers were derived with. Where several were, that of the first.
std::int64_t logged_context(const ReplayOptions& options) {
  const auto first = LogReader(options).next();
  if (first) return fingerprint_of(options, *first).context;
  if (options.id.empty()) throw InvalidInput(fmt::format("{}: the log has no request", options.log.string()));
  throw InvalidInput(fmt::format("{}: the log has no request '{}'", options.log.string(), options.id));
}

void refuse_differences(const ReplayOptions& options, const LoggedRequest& logged, const Fingerprint& here) {
  const std::vector<std::string> differences = fingerprint_differences(fingerprint_of(options, logged), here);
  if (differences.empty()) return;
  throw InvalidInput(fmt::format(
      "{}: line {}: the answer's bits cannot be expected again, because of {}; --only-matching leaves such lines out",
      options.log.string(), logged.line, fmt::join(differences, ", ")));
}

struct Answer {
  std::vector<TokenId> ids;
  std::string text;
  GenerationEnd end;
};

// One request's events, on the engine's thread; and whoever waits for their end, on another.
class AnswerSink : public EventSink {
 public:
  void on_token(GeneratedToken token) override {
    answer_.ids.push_back(token.id);
    answer_.text += token.text;
  }
  void on_end(GenerationEnd end) override {
    const std::lock_guard lock(mutex_);
    answer_.text += end.text;
    answer_.end = std::move(end);
    ended_ = true;
    changed_.notify_all();
  }
  Answer wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return ended_; });
    return std::move(answer_);
  }

 private:
  Answer answer_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;
};

// What was cut short: its tokens are the beginning of what the request would have got.
bool is_cut_short(const ReplayRecord& record) {
  return record.finish_reason == finish_reason_name(FinishReason::kCancelled) ||
         record.finish_reason == finish_reason_name(FinishReason::kDeadline);
}

bool can_be_replayed(const ReplayRecord& record) {
  if (record.finish_reason == finish_reason_name(FinishReason::kFailed)) return false;
  return !is_cut_short(record) || !record.ids.empty();
}

// Empty: the same.
std::string difference(const ReplayRecord& record, const Answer& here) {
  if (here.end.reason == FinishReason::kFailed) return fmt::format("it failed: {}", here.end.error);
  const auto [logged_id, here_id] =
      std::mismatch(record.ids.begin(), record.ids.end(), here.ids.begin(), here.ids.end());
  if (logged_id != record.ids.end() || here_id != here.ids.end()) {
    const auto name = [](auto at, const std::vector<TokenId>& ids) {
      return at == ids.end() ? std::string("none") : fmt::format("{}", *at);
    };
    return fmt::format("token {} of {} differs: logged {}, here {}", logged_id - record.ids.begin() + 1,
                       record.ids.size(), name(logged_id, record.ids), name(here_id, here.ids));
  }
  if (is_cut_short(record)) return "";
  if (here.text != record.text) return "the text differs, though no token does";
  if (const auto reason = finish_reason_name(here.end.reason); reason != record.finish_reason) {
    return fmt::format("it ended for another reason: logged {}, here {}", record.finish_reason, reason);
  }
  return "";
}

struct Summary {
  std::int64_t same = 0, same_tokens = 0, failed_when_logged = 0, other_fingerprint = 0;
  struct Different {
    std::int64_t line;
    std::string id, what;
  };
  std::vector<Different> different;
};

// Replays one after the other; on a thread of its own, while the engine runs on its creator's.
class Replayer {
 public:
  Replayer(const ReplayOptions& options, const Fingerprint& here, Engine& engine)
      : options_(options), here_(here), engine_(engine) {}

  void run() {
    try {
      LogReader reader(options_);
      while (const auto logged = reader.next()) replay_one(*logged);
    } catch (...) {
      failure_ = std::current_exception();
    }
    engine_.drain();
  }

  // After run().
  Summary finish() {
    if (failure_) std::rethrow_exception(failure_);
    return std::move(summary_);
  }

 private:
  void replay_one(const LoggedRequest& logged) {
    const ReplayRecord& record = logged.record;
    if (options_.only_matching && fingerprint_of(options_, logged) != here_) {
      ++summary_.other_fingerprint;
      return;
    }
    if (!can_be_replayed(record)) {
      ++summary_.failed_when_logged;
      return;
    }
    Request request = record.request;
    if (is_cut_short(record)) request.token_count_max = std::ssize(record.ids);
    const auto sink = std::make_shared<AnswerSink>();
    engine_.submit(std::move(request), sink);
    const Answer answer = sink->wait();
    std::string what = difference(record, answer);
    if (what.empty()) {
      ++summary_.same;
      summary_.same_tokens += std::ssize(record.ids);
      return;
    }
    if (!options_.json) fmt::print("line {}: request {}: {}\n", logged.line, record.request.id, what);
    summary_.different.push_back({logged.line, record.request.id, std::move(what)});
  }

  const ReplayOptions& options_;
  const Fingerprint& here_;
  Engine& engine_;
  Summary summary_;
  std::exception_ptr failure_;
};

// The engine's own failure comes before what the replayer saw of it.
Summary replay_all(const ReplayOptions& options, ModelSession& session, const Tokenizer& tokenizer,
                   const Fingerprint& here) {
  Engine engine(session.pass(), session.stream(), tokenizer, {});
  Replayer replayer(options, here, engine);
  std::jthread thread([&] { replayer.run(); });
  engine.run();
  thread.join();
  return replayer.finish();
}

void print_summary(const ReplayOptions& options, const Summary& summary) {
  if (options.json) {
    boost::json::array different;
    for (const Summary::Different& one : summary.different) {
      different.push_back({{"line", one.line}, {"id", one.id}, {"difference", one.what}});
    }
    const boost::json::object json{{"same", summary.same},
                                   {"same_tokens", summary.same_tokens},
                                   {"different", std::move(different)},
                                   {"failed_when_logged", summary.failed_when_logged},
                                   {"other_fingerprint", summary.other_fingerprint}};
    fmt::print("{}\n", serialized_json(json));
    return;
  }
  fmt::print("{} requests with {} tokens are the same to the bit, {} differ", summary.same, summary.same_tokens,
             summary.different.size());
  if (summary.failed_when_logged > 0) fmt::print("; {} had no answer when logged", summary.failed_when_logged);
  if (summary.other_fingerprint > 0) fmt::print("; {} have another fingerprint", summary.other_fingerprint);
  fmt::print("\n");
}

}  // namespace

int replay(const ReplayOptions& options) {
  const std::int64_t context = options.model.context > 0 ? options.model.context : logged_context(options);
  ModelSession session(options.model);
  const auto tokenizer = Tokenizer::open(session.source());
  session.bind({.context = context, .step_tokens_max = kStepTokens, .sampling = true});
  const int threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  const Fingerprint here = make_fingerprint(options.version, session.source(), session.device(),
                                            session.pass().options().compute, context, threads);
  if (!options.only_matching) {
    LogReader reader(options);
    while (const auto logged = reader.next()) refuse_differences(options, *logged, here);
  }
  session.load_pass();
  const Summary summary = replay_all(options, session, *tokenizer, here);
  print_summary(options, summary);
  return summary.different.empty() ? 0 : 1;
}

}  // namespace hearth
