#include "commands/traffic/traffic_client.h"

#include <fmt/format.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <limits>
#include <optional>
#include <utility>

#include "base/error.h"

namespace hearth {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace json = boost::json;
using Clock = LoadOutcome::Clock;
using Parser = http::response_parser<http::string_body>;

std::string text_of(const json::value* value) {
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::int64_t count_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_int64() ? value->get_int64() : 0;
}

// OpenAI's error object, or whatever stands in its place.
std::string error_text(const std::string& body) {
  boost::system::error_code error;
  const json::value value = json::parse(body, error);
  if (error || !value.is_object()) return body.substr(0, 200);
  const json::value* details = value.get_object().if_contains("error");
  if (details != nullptr && details->is_object()) return text_of(details->get_object().if_contains("message"));
  return body.substr(0, 200);
}

void add_usage(LoadOutcome& outcome, const json::object& usage) {
  outcome.prompt_tokens = count_of(usage, "prompt_tokens");
  outcome.output_tokens = count_of(usage, "completion_tokens");
  const json::value* details = usage.if_contains("prompt_tokens_details");
  if (details != nullptr && details->is_object()) {
    outcome.cached_tokens = count_of(details->get_object(), "cached_tokens");
  }
}

void add_choice(LoadOutcome& outcome, const json::object& choice, Clock::time_point now) {
  std::string text = text_of(choice.if_contains("text"));
  const json::value* delta = choice.if_contains("delta");
  if (delta != nullptr && delta->is_object()) text = text_of(delta->get_object().if_contains("content"));
  if (!text.empty()) outcome.pieces.push_back(now);
  outcome.text += text;
  if (const std::string reason = text_of(choice.if_contains("finish_reason")); !reason.empty()) {
    outcome.finish_reason = reason;
  }
}

}  // namespace

std::vector<std::string> SseReader::feed(std::string_view bytes) {
  std::vector<std::string> events;
  for (const char c : bytes) {
    if (c != '\n') {
      line_ += c;
      continue;
    }
    if (line_.ends_with('\r')) line_.pop_back();
    if (line_.empty()) {
      if (has_data_) events.push_back(std::exchange(data_, {}));
      has_data_ = false;
    } else if (line_.starts_with("data:")) {
      if (has_data_) data_ += '\n';
      data_ += std::string_view(line_).substr(line_.starts_with("data: ") ? 6 : 5);
      has_data_ = true;
    }
    line_.clear();
  }
  return events;
}

bool add_load_event(LoadOutcome& outcome, const std::string& data, Clock::time_point now) {
  if (data == "[DONE]") return true;
  boost::system::error_code error;
  const json::value value = json::parse(data, error);
  if (error || !value.is_object()) {
    outcome.error = "an event that is not JSON";
    return false;
  }
  const json::object& object = value.get_object();
  if (object.contains("error")) outcome.error = "the stream ended with an error: " + error_text(data);
  const json::value* choices = object.if_contains("choices");
  if (choices != nullptr && choices->is_array()) {
    for (const json::value& choice : choices->get_array()) {
      if (choice.is_object()) add_choice(outcome, choice.get_object(), now);
    }
  }
  const json::value* usage = object.if_contains("usage");
  if (usage != nullptr && usage->is_object()) add_usage(outcome, usage->get_object());
  return false;
}

class LoadConnection::Impl {
 public:
  Impl(asio::any_io_executor executor, const LoadTarget& target) : executor_(std::move(executor)), target_(target) {}

  asio::awaitable<LoadOutcome> generate(std::string path, std::string body) {
    LoadOutcome outcome;
    outcome.sent = Clock::now();
    bool retry = false;
    do {
      // A server may close a connection that was idle just when the next request goes out.
      const bool was_open = stream_.has_value();
      retry = false;
      bool answered = false;
      try {
        co_await send(http::verb::post, path, body);
        co_await read_answer(outcome, answered);
      } catch (const boost::system::system_error& failure) {
        stream_.reset();
        retry = was_open && !answered;
        outcome.error = failure.code() == beast::error::timeout
                            ? fmt::format("nothing came for {} seconds", target_.timeout.count())
                            : failure.code().message();
      }
      if (retry) outcome.error.clear();
    } while (retry);
    outcome.ended = Clock::now();
    co_return outcome;
  }

  asio::awaitable<std::string> get(std::string path) {
    std::string nothing;
    co_await send(http::verb::get, path, nothing);
    Parser parser;
    parser.body_limit(std::numeric_limits<std::uint64_t>::max());
    co_await http::async_read(*stream_, buffer_, parser, asio::use_awaitable);
    if (!parser.get().keep_alive()) stream_.reset();
    if (parser.get().result() != http::status::ok) {
      throw DeviceError(
          fmt::format("GET {} was answered {}: {}", path, parser.get().result_int(), error_text(parser.get().body())));
    }
    co_return std::move(parser.get().body());
  }

 private:
  asio::awaitable<void> connect() {
    asio::ip::tcp::resolver resolver(executor_);
    const auto addresses = co_await resolver.async_resolve(target_.url.host, target_.url.port, asio::use_awaitable);
    stream_.emplace(executor_);
    buffer_.clear();
    stream_->expires_after(target_.timeout);
    co_await stream_->async_connect(addresses, asio::use_awaitable);
    stream_->socket().set_option(asio::ip::tcp::no_delay(true));
  }

  asio::awaitable<void> send(http::verb verb, const std::string& path, const std::string& body) {
    if (!stream_) co_await connect();
    http::request<http::string_body> request(verb, target_.url.path + path, 11);
    request.set(http::field::host, fmt::format("{}:{}", target_.url.host, target_.url.port));
    request.set(http::field::user_agent, "hearth bench");
    if (!target_.api_key.empty()) request.set(http::field::authorization, "Bearer " + target_.api_key);
    if (verb == http::verb::post) {
      request.set(http::field::content_type, "application/json");
      request.body() = body;
    }
    request.prepare_payload();
    stream_->expires_after(target_.timeout);
    co_await http::async_write(*stream_, request, asio::use_awaitable);
  }

  asio::awaitable<void> read_answer(LoadOutcome& outcome, bool& answered) {
    Parser parser;
    parser.body_limit(std::numeric_limits<std::uint64_t>::max());
    stream_->expires_after(target_.timeout);
    co_await http::async_read_header(*stream_, buffer_, parser, asio::use_awaitable);
    answered = true;
    if (parser.get().result() != http::status::ok) {
      co_await http::async_read(*stream_, buffer_, parser, asio::use_awaitable);
      outcome.error = fmt::format("status {}: {}", parser.get().result_int(), error_text(parser.get().body()));
    } else {
      co_await read_events(outcome, parser);
    }
    if (!parser.get().keep_alive()) stream_.reset();
  }

  asio::awaitable<void> read_events(LoadOutcome& outcome, Parser& parser) {
    SseReader reader;
    bool done = false;
    while (!parser.is_done()) {
      stream_->expires_after(target_.timeout);
      co_await http::async_read_some(*stream_, buffer_, parser, asio::use_awaitable);
      const Clock::time_point now = Clock::now();
      for (const std::string& data : reader.feed(parser.get().body())) {
        done = add_load_event(outcome, data, now) || done;
      }
      parser.get().body().clear();
    }
    if (!done && outcome.error.empty()) outcome.error = "the stream ended before its end";
  }

  asio::any_io_executor executor_;
  const LoadTarget& target_;
  std::optional<beast::tcp_stream> stream_;
  beast::flat_buffer buffer_;
};

LoadConnection::LoadConnection(asio::any_io_executor executor, const LoadTarget& target)
    : impl_(std::make_unique<Impl>(std::move(executor), target)) {}

LoadConnection::~LoadConnection() = default;

asio::awaitable<LoadOutcome> LoadConnection::generate(std::string path, std::string body) {
  return impl_->generate(std::move(path), std::move(body));
}

asio::awaitable<std::string> LoadConnection::get(std::string path) {
  return impl_->get(std::move(path));
}

}  // namespace hearth
