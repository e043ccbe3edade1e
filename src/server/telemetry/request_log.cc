#include "server/telemetry/request_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <deque>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "base/escape.h"
#include "base/json_value.h"
#include "server/telemetry/otlp_exporter.h"
#include "server/telemetry/replay_record.h"
#include "server/telemetry/time_text.h"

namespace hearth {
namespace {

using WallClock = std::chrono::system_clock;

// Of each request's decoding steps, so many times are kept.
constexpr std::size_t kStepTimesMax = 512;
constexpr int kTimeDigits = 3;  // of a second

struct Entry {
  std::string api;
  std::int32_t priority = 0;
  std::int64_t prompt_tokens = 0, token_count_max = -1, generated = 0;
  WallClock::time_point started;
  EngineClock::time_point submitted, first_token{};
  std::vector<EngineClock::time_point> token_times;  // at most kStepTimesMax
  double temperature = 0, top_p = 0;
  std::uint64_t seed = 0;
  std::optional<GenerationEnd> end;
  bool is_replayable = false;
  // Kept only for the replay file, and only until the end.
  Request request;
  std::vector<TokenId> ids;
  std::string text;
};

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};
using Entries = std::unordered_map<std::string, Entry, TextHash, std::equal_to<>>;

// To the microsecond: more digits are noise.
double milliseconds(EngineClock::time_point from, EngineClock::time_point to) {
  return std::round(1e3 * std::chrono::duration<double, std::milli>(to - from).count()) / 1e3;
}

std::string_view state_name(const Entry& entry) {
  if (!entry.end) return reached(entry.first_token) ? "running" : "queued";
  switch (entry.end->reason) {
    case FinishReason::kFailed:
      return "failed";
    case FinishReason::kCancelled:
    case FinishReason::kDeadline:
      return "cancelled";
    default:
      return "finished";
  }
}

// {"submitted": "2026-…", "queue_ms", "prefill_ms", "first_token_ms", "decode_ms", "total_ms"}, as far as reached.
boost::json::object timings(const Entry& entry) {
  boost::json::object json{{"submitted", time_text(entry.started, kTimeDigits)}};
  if (!entry.end) {
    if (reached(entry.first_token)) json["first_token_ms"] = milliseconds(entry.submitted, entry.first_token);
    json["total_ms"] = milliseconds(entry.submitted, EngineClock::now());
    return json;
  }
  const Timeline& times = entry.end->timeline;
  if (reached(times.admitted)) json["queue_ms"] = milliseconds(times.submitted, times.admitted);
  if (reached(times.first_token)) {
    json["prefill_ms"] = milliseconds(times.admitted, times.first_token);
    json["first_token_ms"] = milliseconds(times.submitted, times.first_token);
    json["decode_ms"] = milliseconds(times.first_token, times.finished);
  }
  json["total_ms"] = milliseconds(times.submitted, times.finished);
  return json;
}

void add_usage(boost::json::object& json, const Usage& usage) {
  json["prompt_tokens"] = usage.prompt_tokens;
  json["cached_tokens"] = usage.cached_tokens;
  json["generated_tokens"] = usage.generated_tokens;
}

boost::json::object trace_json(const std::string& id, const Entry& entry) {
  const Timeline& times = entry.end->timeline;
  const auto at = [&](EngineClock::time_point time) { return milliseconds(times.submitted, time); };
  boost::json::object json{{"id", id},
                           {"api", entry.api},
                           {"state", state_name(entry)},
                           {"finish_reason", finish_reason_name(entry.end->reason)},
                           {"submitted", time_text(entry.started, kTimeDigits)},
                           {"total_ms", at(times.finished)},
                           {"preemptions", times.preemption_count}};
  add_usage(json, entry.end->usage);
  const EngineClock::time_point admitted = reached(times.admitted) ? times.admitted : times.finished;
  json["queue"] = {{"from_ms", 0.0}, {"to_ms", at(admitted)}};
  if (!reached(times.admitted)) return json;
  boost::json::array chunks, steps;
  for (const Timeline::Chunk& chunk : times.prompt_chunks) {
    chunks.push_back({{"at_ms", at(chunk.time)}, {"tokens", chunk.token_count}});
  }
  const bool answered = reached(times.first_token);
  json["prefill"] = {{"from_ms", at(admitted)},
                     {"to_ms", at(answered ? times.first_token : times.finished)},
                     {"chunks", std::move(chunks)}};
  if (!answered) return json;
  for (const EngineClock::time_point time : entry.token_times) steps.push_back(at(time));
  const auto left_out = entry.generated - static_cast<std::int64_t>(entry.token_times.size());
  json["decode"] = {{"from_ms", at(times.first_token)},
                    {"to_ms", at(times.finished)},
                    {"steps_ms", std::move(steps)},
                    {"steps_left_out", left_out}};
  return json;
}

// What the log says of a request that has ended.
boost::json::object line_fields(const std::string& id, const Entry& entry) {
  boost::json::object fields{{"id", id}, {"api", entry.api}, {"finish_reason", finish_reason_name(entry.end->reason)}};
  add_usage(fields, entry.end->usage);
  for (const auto& [name, value] : timings(entry)) {
    if (name != "submitted") fields[name] = value;
  }
  const Timeline& times = entry.end->timeline;
  if (entry.generated > 1 && reached(times.first_token)) {
    const double decode_ms = milliseconds(times.first_token, times.finished);
    const double rate = 1e3 * static_cast<double>(entry.generated - 1) / decode_ms;
    if (decode_ms > 0) fields["tokens_per_second"] = std::round(10 * rate) / 10;
  }
  if (times.preemption_count > 0) fields["preemptions"] = times.preemption_count;
  if (!entry.end->error.empty()) fields["error"] = entry.end->error;
  return fields;
}

std::string json_line(std::string_view level, std::string_view message, const boost::json::object& fields) {
  boost::json::object json{{"time", time_text(WallClock::now(), kTimeDigits)}, {"level", level}, {"message", message}};
  for (const auto& [name, value] : fields) json[name] = value;
  return serialized_json(json);
}

// Control characters would let a client's text look like lines of ours.
std::string text_value(const boost::json::value& value) {
  if (value.is_double()) return fmt::format("{}", value.get_double());
  if (!value.is_string()) return serialized_json(value);
  const std::string_view text = value.get_string();
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c != '"' && c != '=' && c != '\x7f';
  });
  return plain ? std::string(text) : serialized_json(value);
}

std::string text_line(std::string_view level, std::string_view message, const boost::json::object& fields) {
  std::string line = fmt::format("{} {:<5} {}", time_text(WallClock::now(), kTimeDigits), level, message);
  for (const auto& [name, value] : fields) line += fmt::format(" {}={}", std::string_view(name), text_value(value));
  return line;
}

// Appends lines, each flushed. A failure ends the writing, not the program.
class ReplayFile {
 public:
  explicit ReplayFile(const std::filesystem::path& path) : path_(path) {
    if (path.empty()) return;
    // It has what users wrote: it is nobody else's to read, also where it was made with other rights.
    const int descriptor = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    struct stat status {};
    if (descriptor >= 0 && ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode)) ::fchmod(descriptor, 0600);
    file_ = descriptor < 0 ? nullptr : ::fdopen(descriptor, "a");
    if (file_ == nullptr) {
      throw DeviceError(fmt::format("{}: the replay file cannot be written: {}", path.string(), std::strerror(errno)));
    }
  }
  ~ReplayFile() {
    if (file_ != nullptr) std::fclose(file_);
  }
  ReplayFile(const ReplayFile&) = delete;
  ReplayFile& operator=(const ReplayFile&) = delete;

  bool is_open() const { return file_ != nullptr; }

  // The error, the first time that there is one.
  std::optional<std::string> append(std::string line) {
    line += '\n';
    if (std::fwrite(line.data(), 1, line.size(), file_) == line.size() && std::fflush(file_) == 0) return std::nullopt;
    const std::string error =
        fmt::format("{}: writing failed ({}), the replay file ends here", path_.string(), std::strerror(errno));
    std::fclose(std::exchange(file_, nullptr));
    return error;
  }

 private:
  std::filesystem::path path_;
  std::FILE* file_ = nullptr;
};

}  // namespace

class RequestLog::Impl {
 public:
  explicit Impl(RequestLogOptions given) : options(std::move(given)), replay(options.replay_file) {
    if (!options.otlp_endpoint.empty()) {
      OtlpOptions otlp;
      otlp.endpoint = options.otlp_endpoint;
      otlp.on_failure = [this](const std::string& error) { write_line("warning", error, {}); };
      exporter.emplace(std::move(otlp));
    }
  }

  void write_line(std::string_view level, std::string_view message, const boost::json::object& fields) const {
    // Errors name what stands in untrusted files.
    std::string line = options.json ? printable_json(json_line(level, message, fields))
                                    : printable_text(text_line(level, message, fields));
    line += '\n';
    std::fwrite(line.data(), 1, line.size(), stderr);
  }

  void write_replay(Entry& entry) {
    if (!entry.is_replayable || !replay.is_open()) return;
    const GenerationEnd& end = *entry.end;
    const ReplayRecord record{.time = time_text(WallClock::now(), kTimeDigits),
                              .api = entry.api,
                              .fingerprint = options.fingerprint,
                              .request = std::exchange(entry.request, {}),
                              .ids = std::exchange(entry.ids, {}),
                              .text = std::exchange(entry.text, {}) + end.text,
                              .finish_reason = std::string(finish_reason_name(end.reason)),
                              .stop_text = end.stop_text,
                              .error = end.error};
    if (const auto error = replay.append(serialized_json(replay_json(record)))) write_line("error", *error, {});
  }

  void export_trace(const std::string& id, const Entry& entry) {
    if (!exporter) return;
    exporter->add({.id = id,
                   .api = entry.api,
                   .model = model_name,
                   .started = entry.started,
                   .timeline = entry.end->timeline,
                   .usage = entry.end->usage,
                   .reason = entry.end->reason,
                   .error = entry.end->error,
                   .token_count_max = entry.token_count_max,
                   .temperature = entry.temperature,
                   .top_p = entry.top_p,
                   .seed = entry.seed});
  }

  void forget_oldest() {
    while (ended.size() > options.recent_max) {
      entries.erase(ended.front());
      ended.pop_front();
    }
  }

  RequestLogOptions options;
  std::string model_name;
  ReplayFile replay;
  Entries entries;
  std::deque<std::string> ended;  // their ids, oldest first
  std::optional<OtlpExporter> exporter;
};

RequestLog::RequestLog(RequestLogOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}

RequestLog::~RequestLog() = default;

void RequestLog::submitted(const Request& request, std::string_view api) {
  Entry entry;
  entry.api = api;
  entry.priority = request.priority;
  entry.prompt_tokens = static_cast<std::int64_t>(request.prompt.size());
  entry.token_count_max = request.token_count_max;
  entry.started = WallClock::now();
  entry.submitted = EngineClock::now();
  entry.temperature = request.sampling.temperature;
  entry.top_p = request.sampling.top_p;
  entry.seed = request.sampling.seed;
  entry.is_replayable = impl_->replay.is_open() && !request.embed;
  if (entry.is_replayable) entry.request = request;
  // An id may come again once its request has ended.
  const auto [at, is_new] = impl_->entries.insert_or_assign(request.id, std::move(entry));
  if (!is_new) std::erase(impl_->ended, at->first);
}

void RequestLog::token(std::string_view id, const GeneratedToken& token) {
  const auto found = impl_->entries.find(id);
  if (found == impl_->entries.end() || found->second.end) return;
  Entry& entry = found->second;
  ++entry.generated;
  if (!reached(entry.first_token)) entry.first_token = token.time;
  if (entry.token_times.size() < kStepTimesMax) entry.token_times.push_back(token.time);
  if (!entry.is_replayable) return;
  entry.ids.push_back(token.id);
  entry.text += token.text;
}

void RequestLog::ended(std::string_view id, const GenerationEnd& end) {
  const auto found = impl_->entries.find(id);
  if (found == impl_->entries.end() || found->second.end) return;
  auto& [name, entry] = *found;
  entry.end = end;
  entry.token_times.shrink_to_fit();
  if (!impl_->options.quiet) {
    impl_->write_line(end.reason == FinishReason::kFailed ? "error" : "info", "request", line_fields(name, entry));
  }
  impl_->write_replay(entry);
  impl_->export_trace(name, entry);
  impl_->ended.push_back(name);
  impl_->forget_oldest();
}

void RequestLog::set_fingerprint(std::string fingerprint) {
  impl_->options.fingerprint = std::move(fingerprint);
}

void RequestLog::set_model_name(std::string name) {
  impl_->model_name = std::move(name);
}

std::optional<boost::json::object> RequestLog::find(std::string_view id) const {
  const auto found = impl_->entries.find(id);
  if (found == impl_->entries.end()) return std::nullopt;
  const Entry& entry = found->second;
  boost::json::object json{{"id", id}, {"state", state_name(entry)}, {"api", entry.api}, {"priority", entry.priority}};
  if (entry.end) {
    add_usage(json, entry.end->usage);
  } else {
    add_usage(json, {.prompt_tokens = entry.prompt_tokens, .cached_tokens = 0, .generated_tokens = entry.generated});
    json["cached_tokens"] = nullptr;  // known at the end
  }
  json["finish_reason"] = nullptr;
  json["error"] = nullptr;
  if (entry.end) {
    json["finish_reason"] = finish_reason_name(entry.end->reason);
    if (!entry.end->error.empty()) json["error"] = entry.end->error;
  }
  json["timings"] = timings(entry);
  return json;
}

boost::json::array RequestLog::traces(std::size_t count_max) const {
  boost::json::array traces;
  for (auto id = impl_->ended.rbegin(); id != impl_->ended.rend() && traces.size() < count_max; ++id) {
    traces.push_back(trace_json(*id, impl_->entries.find(*id)->second));
  }
  return traces;
}

void RequestLog::line(std::string_view level, std::string_view message, const boost::json::object& fields) {
  impl_->write_line(level, message, fields);
}

std::int64_t RequestLog::dropped_trace_count() const {
  return impl_->exporter ? impl_->exporter->dropped_count() : 0;
}

}  // namespace hearth
