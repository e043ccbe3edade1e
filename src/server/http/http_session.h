// One client's connection: requests in, answers out, until either side ends it. On the I/O thread.
#pragma once

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "server/http/body_budget.h"
#include "server/http/exchange.h"
#include "server/http/http_server.h"
#include "server/http/request_parser.h"
#include "server/http/transport.h"

namespace hearth {

class HttpSession;
class SessionExchange;

// What all sessions of a server share.
struct SessionHost {
  virtual ~SessionHost() = default;
  virtual BodyBudget& body_budget() = 0;
  virtual const Router& router() const = 0;
  virtual const HttpServerOptions& options() const = 0;
  virtual std::string next_id() = 0;
  virtual bool draining() const = 0;
  virtual void on_response(std::string_view route, unsigned status) = 0;
  virtual void on_slow_reader() = 0;
  virtual void on_closed(HttpSession& session) = 0;
};

// A coroutine reads all the time, also while a handler runs: that is how the client's going is noticed at once, and
// what else arrives is kept for the next request. Another one parses, runs handlers and writes.
class HttpSession : public std::enable_shared_from_this<HttpSession> {
 public:
  HttpSession(boost::asio::any_io_executor executor, std::shared_ptr<SessionHost> host,
              std::unique_ptr<Transport> transport);
  void start();
  // Ends at once what is under way.
  void close();
  // Closes now, or after the request under way.
  void drain();

 private:
  friend class SessionExchange;
  enum class Reading : std::uint8_t { kComplete, kRefused, kGone };
  using Clock = std::chrono::steady_clock;

  class Deadline;

  boost::asio::awaitable<void> run();
  boost::asio::awaitable<void> open();
  boost::asio::awaitable<void> read_input();
  // False: the client is gone, or silent until `deadline`.
  boost::asio::awaitable<bool> more_input(Clock::time_point deadline);
  boost::asio::awaitable<Reading> read_request(RequestParser& parser, Router::Failure& refusal);
  boost::asio::awaitable<bool> serve_one();
  boost::asio::awaitable<void> run_handler(Exchange& exchange, const Handler& handler, Router::Failure& failure);
  // Answers with the failure unless there is an answer. False: the connection must not go on.
  boost::asio::awaitable<bool> tell_failure(SessionExchange& exchange, const Router::ErrorBody& error_body,
                                            const Router::Failure& failure);
  boost::asio::awaitable<void> send(std::string bytes);
  boost::asio::awaitable<void> discard_input();
  void consume_input(std::size_t count);
  void end_input();
  bool waits_for_answer() const;
  void give_client_up();
  // Finds out whether a client that has ended its side is still there.
  boost::asio::awaitable<void> probe();

  boost::asio::any_io_executor executor_;
  std::shared_ptr<SessionHost> host_;
  std::unique_ptr<Transport> transport_;
  std::string input_;             // read and not parsed
  bool input_has_ended_ = false;  // no more will come
  bool client_is_gone_ = false;   // nor is there anybody to answer
  bool discards_input_ = false, is_idle_ = true, is_closed_ = false;
  Clock::time_point last_input_{};
  bool may_probe_ = false;  // an interim answer may be sent now
  boost::asio::steady_timer input_timer_, room_timer_, deadline_timer_;
  std::uint64_t deadline_count_ = 0;
  boost::asio::cancellation_signal cancel_handler_;
  bool handler_is_running_ = false;
};

}  // namespace hearth
