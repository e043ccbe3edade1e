// The client's side of a load test: HTTP/1.1 connections that stay open, and streamed answers timed event by event.
// Coroutines on one thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "server/http/http_url.h"

namespace hearth {

struct LoadTarget {
  HttpUrl url;
  std::string api_key;                // empty: none
  std::chrono::seconds timeout{600};  // without a byte from the server
};

struct LoadOutcome {
  using Clock = std::chrono::steady_clock;

  std::string error;  // its kind, and after a colon the details; empty: nothing went wrong
  std::string text;
  std::string finish_reason;
  std::int64_t prompt_tokens = 0, cached_tokens = 0, output_tokens = 0;  // as the server counts
  Clock::time_point sent{}, ended{};
  std::vector<Clock::time_point> pieces;  // when text came
};

// One connection, made when it is needed, and again after a failure.
class LoadConnection {
 public:
  LoadConnection(boost::asio::any_io_executor executor, const LoadTarget& target);  // `target` outlives it
  ~LoadConnection();

  // Sends a streamed request and reads its answer to the end. Does not throw: the outcome says what went wrong.
  boost::asio::awaitable<LoadOutcome> generate(std::string path, std::string body);
  // The body of a GET; throws DeviceError where the answer is not a 200.
  boost::asio::awaitable<std::string> get(std::string path);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// Takes the events of a stream apart (the parts of the WHATWG's server-sent events that OpenAI's API uses).
class SseReader {
 public:
  // The data of the events that are complete with these bytes.
  std::vector<std::string> feed(std::string_view bytes);

 private:
  std::string line_, data_;
  bool has_data_ = false;
};

// Adds what an event's data says. Returns true at the end of the stream ("[DONE]").
bool add_load_event(LoadOutcome& outcome, const std::string& data, LoadOutcome::Clock::time_point now);

}  // namespace hearth
