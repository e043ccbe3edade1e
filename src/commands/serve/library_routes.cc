#include "commands/serve/library_routes.h"

#include <fmt/format.h>

#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/array.hpp>
#include <cmath>

#include "base/error.h"
#include "commands/bundled_model.h"
#include "server/fields.h"
#include "server/http/json_reply.h"
#include "server/ollama/ollama_answer.h"
#include "server/ollama/ollama_models.h"
#include "server/ollama/ollama_routes.h"
#include "server/openai/openai_routes.h"

namespace hearth {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using std::chrono::seconds;

constexpr std::chrono::milliseconds kPullLineEvery{200};
constexpr seconds kCentury{std::int64_t{100} * 365 * 24 * 3600};  // for good, as Ollama's clients know it

std::string required_model(const json::object& body) {
  std::string name = named_model(body);
  if (name.empty()) throw bad_request("'model' is missing", "model");
  return name;
}

// What a verb of the command line would say, as an answer.
template <typename Run>
void as_http(Run run) {
  try {
    run();
  } catch (const NoSuchModel& error) {
    throw HttpError(404, error.what());
  } catch (const InvalidInput& error) {
    throw HttpError(400, error.what());
  } catch (const Error& error) {
    throw HttpError(500, error.what());
  }
}

json::object openai_model(const LocalModel& model) {
  return {{"id", model.name}, {"object", "model"}, {"created", model.modified}, {"owned_by", "hearth"}};
}

asio::awaitable<void> list_openai(Exchange& exchange, ModelLibrary& library) {
  auto list = [&library] { return library.list(); };
  const std::vector<LocalModel> models = co_await library.off_thread(std::move(list));
  json::object answer{{"object", "list"}};
  json::array& data = answer["data"].emplace_array();
  for (const LocalModel& model : models) data.push_back(openai_model(model));
  json::value body(std::move(answer));
  co_await reply_json(exchange, std::move(body));
}

asio::awaitable<void> show_openai(Exchange& exchange, ModelLibrary& library) {
  json::value body(openai_model(library.find(exchange.request().path_arguments.at(0))));
  co_await reply_json(exchange, std::move(body));
}

asio::awaitable<void> reply_ollama(Exchange& exchange, json::object answer) {
  json::value body(std::move(answer));
  std::string type = kOllamaContentType;
  co_await reply_json(exchange, std::move(body), 200, std::move(type));
}

asio::awaitable<void> tags(Exchange& exchange, ModelLibrary& library) {
  auto make = [&library] {
    json::array models;
    for (const LocalModel& model : library.list()) models.push_back(ollama_tag(library.describe(model)));
    return json::object{{"models", std::move(models)}};
  };
  json::object answer = co_await library.off_thread(std::move(make));
  co_await reply_ollama(exchange, std::move(answer));
}

asio::awaitable<void> ps(Exchange& exchange, ModelLibrary& library, ModelPool& pool) {
  auto make = [&library, loaded = pool.loaded()] {
    json::array models;
    for (const ModelPool::Loaded& one : loaded) {
      json::object entry = ollama_tag(library.describe(one.model));
      entry.erase("modified_at");
      entry["expires_at"] = ollama_time(std::chrono::system_clock::now() + one.left.value_or(kCentury));
      entry["size_vram"] = one.bytes;
      entry["loading"] = !one.is_ready;
      entry["requests"] = one.active;
      models.push_back(std::move(entry));
    }
    return json::object{{"models", std::move(models)}};
  };
  json::object answer = co_await library.off_thread(std::move(make));
  co_await reply_ollama(exchange, std::move(answer));
}

asio::awaitable<void> show(Exchange& exchange, ModelLibrary& library) {
  const std::string name = required_model(parse_body(exchange.request()));
  auto make = [&library, name] { return ollama_show(library.describe(library.find(name))); };
  json::object answer = co_await library.off_thread(std::move(make));
  co_await reply_ollama(exchange, std::move(answer));
}

asio::awaitable<void> answer_delete(Exchange& exchange, ModelLibrary& library, ModelPool& pool) {
  const std::string name = required_model(parse_body(exchange.request()));
  const LocalModel model = library.find(name);
  if (is_bundled_name(model.name)) throw HttpError(400, "the bundled model stays");
  auto run = [&library, name] {
    as_http([&] { library.models().remove(name); });
    return true;
  };
  // A name goes, and what it stands for stays.
  if (model.kind != LocalModel::Kind::kName) pool.unload(model);
  co_await library.off_thread(std::move(run));
  json::object answer;
  co_await reply_ollama(exchange, std::move(answer));
}

asio::awaitable<void> answer_copy(Exchange& exchange, ModelLibrary& library) {
  const json::object body = parse_body(exchange.request());
  const Fields fields(body);
  const LocalModel source = library.find(std::string(fields.required_string("source")));
  std::string target(fields.required_string("destination"));
  if (constexpr std::string_view kLatest = ":latest"; target.ends_with(kLatest)) {
    target.resize(target.size() - kLatest.size());
  }
  const std::string from = source.kind == LocalModel::Kind::kFile ? source.path.string() : source.name;
  auto run = [&library, from, target] {
    as_http([&] { library.models().copy(from, target); });
    return true;
  };
  co_await library.off_thread(std::move(run));
  json::object answer;
  co_await reply_ollama(exchange, std::move(answer));
}

// One POST /api/pull: the thread that fetches, and the coroutine that tells of it.
struct Pulling {
  PullProgress progress;
  std::shared_ptr<std::atomic<bool>> stopped = std::make_shared<std::atomic<bool>>(false);
  std::atomic<bool> ended = false;
  std::string error;  // read after `ended`
};

// The client has left, or everything is told.
struct PullGuard {
  std::shared_ptr<Pulling> pulling;
  ~PullGuard() { *pulling->stopped = true; }
};

asio::awaitable<void> run_pull(ModelLibrary& library, std::string name, std::shared_ptr<Pulling> pulling) {
  auto run = [&library, name, pulling] {
    try {
      library.pull(name, pulling->progress, pulling->stopped);
    } catch (const std::exception& error) {
      pulling->error = error.what();
    }
    pulling->ended = true;
    return true;
  };
  co_await library.off_thread(std::move(run));
}

asio::awaitable<void> wait_for(std::chrono::milliseconds time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(asio::use_awaitable);
}

asio::awaitable<void> tell_pull(Exchange& exchange, Pulling& pulling) {
  HttpHeaders headers;
  co_await exchange.begin_stream("application/x-ndjson", std::move(headers));
  PullShown shown;
  for (bool ended = false; !ended;) {
    ended = pulling.ended;
    std::string lines = pull_lines(pulling.progress.state(), shown);
    if (ended && pulling.error.empty()) {
      lines += ollama_line({{"status", "writing manifest"}}) + ollama_line({{"status", "success"}});
    }
    if (ended && !pulling.error.empty()) lines += ollama_line({{"error", pulling.error}});
    if (!lines.empty()) co_await exchange.write(std::move(lines));
    if (!ended) co_await wait_for(kPullLineEvery);
  }
  co_await exchange.end_stream();
}

asio::awaitable<void> answer_pull(Exchange& exchange, ModelLibrary& library) {
  const json::object body = parse_body(exchange.request());
  std::string name = required_model(body);
  const bool streams = Fields(body).boolean("stream").value_or(true);
  const auto pulling = std::make_shared<Pulling>();
  const PullGuard guard{pulling};
  asio::co_spawn(co_await asio::this_coro::executor, run_pull(library, std::move(name), pulling), asio::detached);
  if (streams) {
    co_await tell_pull(exchange, *pulling);
    co_return;
  }
  while (!pulling->ended) co_await wait_for(kPullLineEvery);
  if (!pulling->error.empty()) throw HttpError(500, pulling->error);
  json::object answer{{"status", "success"}};
  co_await reply_ollama(exchange, std::move(answer));
}

}  // namespace

std::string named_model(const json::object& body) {
  const Fields fields(body);
  const auto name = fields.string("model");
  return std::string(name ? *name : fields.string("name").value_or(""));
}

std::optional<seconds> keep_alive(const json::object& body) {
  const json::value* value = Fields(body).find("keep_alive");
  if (value == nullptr) return std::nullopt;
  const auto of = [](double number) {
    constexpr double kLongest = 1e9;
    return number < 0 ? seconds(-1) : seconds(static_cast<std::int64_t>(std::min(std::ceil(number), kLongest)));
  };
  if (value->is_number()) return of(value->to_number<double>());
  const HttpError refused =
      bad_request("'keep_alive' is neither a number of seconds nor a text such as \"5m\"", "keep_alive");
  if (!value->is_string() || value->get_string().empty()) throw refused;
  const std::string text(value->get_string());
  double sum = 0, sign = 1;
  std::size_t at = 0;
  if (text[at] == '-') {
    sign = -1;
    ++at;
  }
  while (at < text.size()) {
    std::size_t end = text.find_first_not_of("0123456789.", at);
    if (end == at || text[at] == '.') throw refused;
    const double number = std::strtod(text.substr(at, end - at).c_str(), nullptr);
    const std::size_t next = std::min(text.find_first_of("0123456789.", std::min(end, text.size())), text.size());
    const std::string unit = end == std::string::npos ? "" : text.substr(end, next - end);
    const double scale = unit == "h"                   ? 3600
                         : unit == "m"                 ? 60
                         : unit == "s" || unit.empty() ? 1
                         : unit == "ms"                ? 1e-3
                                                       : 0;
    if (scale == 0) throw refused;
    sum += number * scale;
    at = next;
  }
  return sign < 0 ? seconds(-1) : of(sum);
}

std::string pull_lines(const PullProgress::State& state, PullShown& shown) {
  std::string lines;
  if (!shown.listing) lines += ollama_line({{"status", "pulling manifest"}});
  shown.listing = true;
  shown.done.resize(state.files.size(), -1);
  for (std::size_t i = 0; i < state.files.size(); ++i) {
    const PullProgress::File& file = state.files[i];
    if (file.phase == PullProgress::Phase::kListing || shown.done[i] == file.done) continue;
    shown.done[i] = file.done;
    lines += ollama_line({{"status", fmt::format("pulling {}", file.hash.substr(0, 12))},
                          {"digest", (file.hash.size() == 64 ? "sha256:" : "sha1:") + file.hash},
                          {"total", file.bytes},
                          {"completed", file.done}});
    if (file.phase == PullProgress::Phase::kChecking && !shown.checking) {
      lines += ollama_line({{"status", "verifying sha256 digest"}});
      shown.checking = true;
    }
  }
  return lines;
}

void add_library_routes(Router& router, ModelLibrary& library, ModelPool& pool) {
  for (const std::string_view pattern : {"/v1/models", "/models"}) {
    router.add("GET", pattern, openai_error_body,
               [&library](Exchange& exchange) { return list_openai(exchange, library); });
  }
  for (const std::string_view pattern : {"/v1/models/{id*}", "/models/{id*}"}) {
    router.add("GET", pattern, openai_error_body,
               [&library](Exchange& exchange) { return show_openai(exchange, library); });
  }
  const auto add = [&](const char* method, const char* path, auto handle) {
    router.add(method, path, ollama_error_body,
               [&library, handle](Exchange& exchange) { return handle(exchange, library); });
  };
  add("GET", "/api/tags", tags);
  add("POST", "/api/show", show);
  add("POST", "/api/pull", answer_pull);
  add("POST", "/api/copy", answer_copy);
  router.add("GET", "/api/ps", ollama_error_body, [&](Exchange& exchange) { return ps(exchange, library, pool); });
  router.add("DELETE", "/api/delete", ollama_error_body,
             [&](Exchange& exchange) { return answer_delete(exchange, library, pool); });
}

}  // namespace hearth
