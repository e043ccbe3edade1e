#include "server/http/http_server.h"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "base/random_bits.h"
#include "server/http/http_session.h"
#include "server/http/response_head.h"
#include "server/http/transport.h"

namespace hearth {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using ErrorCode = boost::system::error_code;

constexpr int kBacklog = 4096;
// After an error of accept (no file descriptors, say), which often passes.
constexpr std::chrono::milliseconds kAcceptPause{100};
// What the kernel takes of a connection's answer before the client has read it, about: what a slow reader costs.
constexpr int kSendBufferBytes = 128 << 10;

// The first address of the host, of the older kind where it has both: "localhost" is expected to be 127.0.0.1.
tcp::endpoint find_endpoint(const asio::any_io_executor& executor, const std::string& host, std::uint16_t port) {
  tcp::resolver resolver(executor);
  ErrorCode error;
  const auto found = resolver.resolve(host, std::to_string(port), tcp::resolver::passive, error);
  if (error || found.empty()) throw DeviceError(fmt::format("cannot listen on '{}': {}", host, error.message()));
  for (const auto& entry : found) {
    if (entry.endpoint().address().is_v4()) return entry.endpoint();
  }
  return found.begin()->endpoint();
}

}  // namespace

class HttpServer::Impl final : public SessionHost, public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::any_io_executor executor, const Router& router, HttpServerOptions options,
       std::function<void(std::string_view, unsigned)> on_response)
      : executor_(executor),
        router_(router),
        options_(std::move(options)),
        on_response_(std::move(on_response)),
        body_budget_(options_.bodies_bytes_max),
        acceptor_(executor),
        id_prefix_(random_bits()) {}

  void start() {
    if (!options_.tls_certificate.empty() || !options_.tls_key.empty()) {
      tls_.emplace(tls_context(options_.tls_certificate, options_.tls_key));
    }
    const tcp::endpoint endpoint = find_endpoint(executor_, options_.host, options_.port);
    try {
      acceptor_.open(endpoint.protocol());
      acceptor_.set_option(tcp::acceptor::reuse_address(true));
      acceptor_.bind(endpoint);
      acceptor_.listen(kBacklog);
    } catch (const boost::system::system_error& error) {
      throw DeviceError(
          fmt::format("cannot listen on {} port {}: {}", options_.host, options_.port, error.code().message()));
    }
    port_ = acceptor_.local_endpoint().port();
    asio::co_spawn(
        executor_, [self = shared_from_this()] { return self->accept(); }, asio::detached);
  }

  void drain(std::function<void()> done) {
    draining_ = true;
    on_drained_ = std::move(done);
    close_acceptor();
    for (const auto& session : all_sessions()) session->drain();
    tell_if_drained();
  }

  void stop() {
    close_acceptor();
    for (const auto& session : all_sessions()) session->close();
  }

  std::uint16_t port() const { return port_; }
  std::int64_t connection_count() const { return static_cast<std::int64_t>(sessions_.size()); }

  BodyBudget& body_budget() override { return body_budget_; }
  const Router& router() const override { return router_; }
  const HttpServerOptions& options() const override { return options_; }
  std::string next_id() override { return fmt::format("req-{:016x}-{}", id_prefix_, ++id_count_); }
  bool draining() const override { return draining_; }
  void on_response(std::string_view route, unsigned status) override {
    if (on_response_) on_response_(route, status);
  }
  void on_slow_reader() override {
    if (options_.on_slow_reader) options_.on_slow_reader();
  }
  void on_closed(HttpSession& session) override {
    sessions_.erase(&session);
    tell_if_drained();
  }

 private:
  asio::awaitable<void> accept() {
    while (acceptor_.is_open()) {
      ErrorCode error;
      tcp::socket socket(executor_);
      co_await acceptor_.async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
      if (!acceptor_.is_open()) co_return;
      if (error) {
        co_await pause(error);
      } else if (connection_count() >= options_.connections_max) {
        refuse(std::move(socket));
      } else {
        add(std::move(socket));
      }
    }
  }

  asio::awaitable<void> pause(ErrorCode after) {
    if (options_.on_trouble) options_.on_trouble(fmt::format("a connection was not accepted: {}", after.message()));
    asio::steady_timer timer(executor_, kAcceptPause);
    ErrorCode ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }

  void add(tcp::socket socket) {
    ErrorCode ignored;  // a connection that is gone already shows when it is read
    socket.non_blocking(true, ignored);
    socket.set_option(tcp::no_delay(true), ignored);
    socket.set_option(asio::socket_base::send_buffer_size(kSendBufferBytes), ignored);
    auto transport = tls_ ? tls_transport(std::move(socket), *tls_) : plain_transport(std::move(socket));
    auto session = std::make_shared<HttpSession>(executor_, shared_from_this(), std::move(transport));
    sessions_.emplace(session.get(), session);
    session->start();
  }

  void refuse(tcp::socket socket) {
    if (tls_) return;
    ErrorCode ignored;
    socket.non_blocking(true, ignored);
    const HttpHeaders headers{
        {"server", "hearth"}, {"content-length", "0"}, {"retry-after", "1"}, {"connection", "close"}};
    const std::string answer = response_head(503, headers);
    socket.write_some(asio::const_buffer(answer.data(), answer.size()), ignored);
    socket.shutdown(tcp::socket::shutdown_send, ignored);
  }

  // A copy: sessions that close leave the table.
  std::vector<std::shared_ptr<HttpSession>> all_sessions() const {
    std::vector<std::shared_ptr<HttpSession>> all;
    for (const auto& [key, session] : sessions_) {
      if (auto alive = session.lock()) all.push_back(std::move(alive));
    }
    return all;
  }

  void close_acceptor() {
    ErrorCode ignored;
    acceptor_.close(ignored);
  }

  void tell_if_drained() {
    if (!draining_ || !sessions_.empty() || !on_drained_) return;
    asio::post(executor_, std::exchange(on_drained_, nullptr));
  }

  asio::any_io_executor executor_;
  const Router& router_;
  const HttpServerOptions options_;
  std::function<void(std::string_view, unsigned)> on_response_;
  BodyBudget body_budget_;
  tcp::acceptor acceptor_;
  std::optional<asio::ssl::context> tls_;
  std::unordered_map<HttpSession*, std::weak_ptr<HttpSession>> sessions_;
  std::function<void()> on_drained_;
  bool draining_ = false;
  std::uint16_t port_ = 0;
  const std::uint64_t id_prefix_;
  std::uint64_t id_count_ = 0;
};

HttpServer::HttpServer(asio::any_io_executor executor, const Router& router, HttpServerOptions options,
                       std::function<void(std::string_view path, unsigned status)> on_response)
    : impl_(std::make_shared<Impl>(std::move(executor), router, std::move(options), std::move(on_response))) {}

HttpServer::~HttpServer() = default;

void HttpServer::start() {
  impl_->start();
}
std::uint16_t HttpServer::port() const {
  return impl_->port();
}
void HttpServer::drain(std::function<void()> done) {
  impl_->drain(std::move(done));
}
void HttpServer::stop() {
  impl_->stop();
}
std::int64_t HttpServer::connection_count() const {
  return impl_->connection_count();
}

}  // namespace hearth
