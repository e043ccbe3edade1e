#include "server/http/http_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <exception>

#include "base/error.h"
#include "base/utf8.h"
#include "server/http/http_access.h"
#include "server/http/session_exchange.h"

namespace hearth {
namespace {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;

// Bytes that a client may send ahead of what is parsed: more than one request's headers.
constexpr std::size_t kInputMax = 2 * RequestParser::kHeaderBytesMax;
// A read takes as many bytes as the one before suggests, within these.
constexpr std::size_t kReadBytesMin = 4 << 10, kReadBytesMax = 64 << 10;
// How long a client that was refused may go on sending before its connection is closed: closing at once could destroy
// the answer on its way.
constexpr std::chrono::seconds kDiscardTime{2};
// How often a client that has ended its side is asked whether it is still there.
constexpr std::chrono::milliseconds kProbeInterval{500};
constexpr unsigned kStatusClientGone = 499;  // never sent: for the metrics

Router::Failure failure_of(unsigned status, std::string message) {
  Router::Failure failure;
  failure.status = status;
  failure.message = std::move(message);
  return failure;
}

Router::Failure failure_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const HttpError& told) {
    return told.failure();
  } catch (const Error& told) {
    return failure_of(500, told.what());
  } catch (...) {
    return failure_of(500, "the server failed to answer this request");
  }
}

Router::Failure wrong_key() {
  Router::Failure failure = failure_of(401, "this server needs an API key: Authorization: Bearer KEY");
  failure.code = "invalid_api_key";
  failure.headers = {{"www-authenticate", "Bearer"}};
  return failure;
}

Router::Failure no_route(const HttpRequest& request, const Router::Match& match) {
  const std::string path = repair_utf8(request.path);
  const std::string method = repair_utf8(request.method);
  if (match.allowed_methods.empty()) return failure_of(404, fmt::format("there is nothing at {}", path));
  Router::Failure failure = failure_of(405, fmt::format("{} takes {}, not {}", path, match.allowed_methods, method));
  failure.headers = {{"allow", match.allowed_methods}};
  return failure;
}

// What keeps the request out; status 0: nothing.
Router::Failure refusal_of(const HttpRequest& request, const HttpServerOptions& options) {
  const bool is_open =
      std::find(options.open_paths.begin(), options.open_paths.end(), request.path) != options.open_paths.end();
  if (!options.api_keys.empty()) {
    const bool may_enter = is_open || is_preflight(request) || has_api_key(request, options.api_keys);
    return may_enter ? failure_of(0, {}) : wrong_key();
  }
  if (!is_known_host(request, options.allowed_hosts, options.host)) {
    return failure_of(403, fmt::format("this server is not called '{}': start it with --allowed-host, or with a key",
                                       repair_utf8(request.header("host"))));
  }
  if (is_foreign_page(request, options.allowed_origins)) {
    return failure_of(403,
                      fmt::format("pages of {} may not use this server: start it with --cors-origins, or with a key",
                                  repair_utf8(request.header("origin"))));
  }
  return failure_of(0, {});
}

[[noreturn]] void throw_gone() {
  throw boost::system::system_error(asio::error::operation_aborted);
}

}  // namespace

// While it lives, the session has so much time; then it is closed.
class HttpSession::Deadline {
 public:
  Deadline(HttpSession& session, std::chrono::seconds time, bool is_write) : session_(session) {
    const std::uint64_t number = ++session.deadline_count_;
    session.deadline_timer_.expires_after(time);
    session.deadline_timer_.async_wait([weak = session.weak_from_this(), number, is_write](ErrorCode error) {
      const auto self = weak.lock();
      if (error || !self || self->deadline_count_ != number) return;
      if (is_write) self->host_->on_slow_reader();
      self->close();
    });
  }
  ~Deadline() {
    ++session_.deadline_count_;
    session_.deadline_timer_.cancel();
  }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

 private:
  HttpSession& session_;
};

HttpSession::HttpSession(asio::any_io_executor executor, std::shared_ptr<SessionHost> host,
                         std::unique_ptr<Transport> transport)
    : executor_(executor),
      host_(std::move(host)),
      transport_(std::move(transport)),
      input_timer_(executor),
      room_timer_(executor),
      deadline_timer_(executor) {}

void HttpSession::start() {
  asio::co_spawn(
      executor_, [self = shared_from_this()] { return self->run(); }, asio::detached);
}

void HttpSession::close() {
  if (std::exchange(is_closed_, true)) return;
  transport_->close();
  end_input();
}

void HttpSession::drain() {
  if (is_idle_) close();
}

void HttpSession::end_input() {
  input_has_ended_ = true;
  input_timer_.cancel();
  room_timer_.cancel();
  if (!waits_for_answer()) return give_client_up();
  asio::co_spawn(
      executor_, [self = shared_from_this()] { return self->probe(); }, asio::detached);
}

// Scripts end their side with their request; whoever leaves, leaves later. Nothing tells the two apart but that.
bool HttpSession::waits_for_answer() const {
  const bool has_asked = !is_idle_ || !input_.empty();
  return has_asked && !is_closed_ && transport_->can_be_half_closed() &&
         Clock::now() - last_input_ < host_->options().half_close_time;
}

void HttpSession::give_client_up() {
  client_is_gone_ = true;
  if (handler_is_running_) cancel_handler_.emit(asio::cancellation_type::terminal);
}

// Whoever has left answers the first of these with a reset, and the next one fails. Once an answer has begun, its own
// pieces do that.
asio::awaitable<void> HttpSession::probe() {
  try {
    while (!is_closed_ && !client_is_gone_) {
      asio::steady_timer timer(executor_, kProbeInterval);
      co_await timer.async_wait(asio::use_awaitable);
      if (!may_probe_ || is_closed_) continue;
      std::string still_there = "HTTP/1.1 100 Continue\r\n\r\n";
      co_await send(std::move(still_there));
    }
  } catch (const std::exception&) {
    give_client_up();
  }
}

asio::awaitable<void> HttpSession::run() {
  try {
    co_await open();
    asio::co_spawn(
        executor_, [self = shared_from_this()] { return self->read_input(); }, asio::detached);
    bool goes_on = true;
    while (goes_on) goes_on = co_await serve_one();
  } catch (const std::exception&) {
    // The client is gone, or was given up: there is nobody to tell.
  }
  close();
  host_->on_closed(*this);
}

asio::awaitable<void> HttpSession::open() {
  const Deadline deadline(*this, host_->options().header_timeout, false);
  co_await transport_->open();
}

asio::awaitable<void> HttpSession::read_input() {
  std::size_t bytes = kReadBytesMin;
  std::string buffer;
  while (!input_has_ended_) {
    if (input_.size() >= kInputMax) {
      ErrorCode ignored;
      room_timer_.expires_at(Clock::time_point::max());
      co_await room_timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
      continue;
    }
    buffer.resize(bytes);
    if (buffer.capacity() > 2 * bytes) buffer.shrink_to_fit();
    const std::size_t count = co_await transport_->read_some(buffer.data(), bytes);
    if (count == 0) break;
    bytes = std::clamp(2 * count, kReadBytesMin, kReadBytesMax);
    if (discards_input_) continue;
    input_.append(buffer, 0, count);
    last_input_ = Clock::now();
    input_timer_.cancel();
  }
  end_input();
}

void HttpSession::consume_input(std::size_t count) {
  input_.erase(0, count);
  if (input_.empty() && input_.capacity() > kReadBytesMax) input_.shrink_to_fit();
  room_timer_.cancel();
}

asio::awaitable<bool> HttpSession::more_input(Clock::time_point deadline) {
  const std::size_t known = input_.size();
  while (input_.size() == known && !input_has_ended_ && Clock::now() < deadline) {
    ErrorCode ignored;
    input_timer_.expires_at(deadline);
    co_await input_timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  co_return input_.size() != known;
}

asio::awaitable<HttpSession::Reading> HttpSession::read_request(RequestParser& parser, Router::Failure& refusal) {
  const HttpServerOptions& options = host_->options();
  Clock::time_point deadline = Clock::now() + options.header_timeout;
  bool has_begun = false, may_go_on = false;
  for (;;) {
    if (!has_begun && input_.starts_with("\r\n")) consume_input(2);  // some clients end a body so
    const std::size_t used = parser.parse(input_);
    consume_input(used);
    if (parser.failure()) {
      refusal = *parser.failure();
      co_return Reading::kRefused;
    }
    if (parser.headers_are_done() && !std::exchange(may_go_on, true)) {
      refusal = refusal_of(parser.request(), options);
      if (refusal.status != 0) co_return Reading::kRefused;
      // No body is asked for that would not be read.
      const Router::Match match = host_->router().match(parser.request().method, parser.request().path);
      if (!parser.is_done() && match.handler == nullptr && parser.request().method != "OPTIONS") {
        refusal = no_route(parser.request(), match);
        co_return Reading::kRefused;
      }
      if (!parser.is_done() && parser.expects_continue()) {
        std::string go_on = "HTTP/1.1 100 Continue\r\n\r\n";
        co_await send(std::move(go_on));
      }
      if (!parser.is_done() && !input_.empty()) continue;
    }
    if (parser.is_done()) co_return Reading::kComplete;
    // The headers have to come in one go; a body may take its time as long as it goes on.
    const bool begins = !has_begun && (used > 0 || !input_.empty());
    if (begins || may_go_on) deadline = Clock::now() + options.header_timeout;
    has_begun = has_begun || begins;
    const bool more = co_await more_input(deadline);
    if (more) continue;
    if (input_has_ended_ || !has_begun) co_return Reading::kGone;
    refusal = failure_of(408, "the request did not arrive in time");
    co_return Reading::kRefused;
  }
}

asio::awaitable<bool> HttpSession::serve_one() {
  RequestParser parser(host_->options().body_bytes_max, &host_->body_budget());
  Router::Failure failure;
  failure.status = 0;
  is_idle_ = true;
  const Reading reading = co_await read_request(parser, failure);
  if (reading == Reading::kGone) co_return false;
  is_idle_ = false;
  const bool is_whole = reading == Reading::kComplete;
  const bool keep_alive = is_whole && parser.keep_alive();
  SessionExchange exchange(*this, std::move(parser.request()), parser.take_share(), host_->next_id(),
                           parser.is_http_1_0(), keep_alive);
  const HttpRequest& request = exchange.request();
  Router::Match match = host_->router().match(request.method, request.path);
  exchange.set_path_arguments(std::move(match.path_arguments));
  if (is_whole && request.method == "OPTIONS" && match.handler == nullptr && !match.allowed_methods.empty()) {
    HttpHeaders headers = preflight_headers(request, match.allowed_methods + ", OPTIONS");
    co_await exchange.reply(204, {}, {}, std::move(headers));
  } else if (is_whole && match.handler == nullptr) {
    failure = no_route(request, match);
  } else if (is_whole) {
    may_probe_ = !parser.is_http_1_0();
    co_await run_handler(exchange, *match.handler, failure);
    may_probe_ = false;
  }
  const bool is_told = co_await tell_failure(exchange, *match.error_body, failure);
  const std::string_view route = match.pattern.empty() ? std::string_view("other") : match.pattern;
  host_->on_response(route, client_is_gone_ && !exchange.is_complete() ? kStatusClientGone : exchange.status());
  if (!is_told) co_return false;
  if (exchange.keeps_alive() && !host_->draining()) co_return true;
  transport_->end_writing();
  if (!is_whole) co_await discard_input();
  co_return false;
}

asio::awaitable<bool> HttpSession::tell_failure(SessionExchange& exchange, const Router::ErrorBody& error_body,
                                                const Router::Failure& failure) {
  if (exchange.is_complete()) co_return true;
  // In the midst of an answer a broken connection is what tells; and to a client that is gone, nothing does.
  if (exchange.has_begun() || client_is_gone_) co_return false;
  const Router::Failure told = failure.status != 0 ? failure : failure_of(500, "the server did not answer");
  std::string body = error_body(told);
  HttpHeaders headers = told.headers;
  std::string content_type = "application/json";
  co_await exchange.reply(told.status, std::move(body), std::move(content_type), std::move(headers));
  co_return true;
}

asio::awaitable<void> HttpSession::run_handler(Exchange& exchange, const Handler& handler, Router::Failure& failure) {
  if (client_is_gone_) co_return;
  std::exception_ptr error;
  handler_is_running_ = true;
  try {
    asio::awaitable<void> work = handler(exchange);
    auto token = asio::bind_cancellation_slot(cancel_handler_.slot(), asio::use_awaitable);
    co_await asio::co_spawn(executor_, std::move(work), token);
  } catch (...) {
    error = std::current_exception();
  }
  handler_is_running_ = false;
  if (error) failure = failure_of(error);
}

asio::awaitable<void> HttpSession::send(std::string bytes) {
  if (is_closed_) throw_gone();
  try {
    std::string_view rest = bytes;
    rest.remove_prefix(transport_->write_now(rest));
    if (rest.empty()) co_return;
    const Deadline deadline(*this, host_->options().write_timeout, true);
    co_await transport_->write(rest);
  } catch (const boost::system::system_error&) {
    // A write may be the first to see that the client has left.
    if (!is_closed_) client_is_gone_ = true;
    throw;
  }
}

asio::awaitable<void> HttpSession::discard_input() {
  discards_input_ = true;
  consume_input(input_.size());
  const Clock::time_point deadline = Clock::now() + kDiscardTime;
  co_await more_input(deadline);
}

}  // namespace hearth
