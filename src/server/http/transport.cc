#include "server/http/transport.h"

#include <fmt/format.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/system_error.hpp>

#include "base/error.h"

namespace hearth {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using ErrorCode = boost::system::error_code;

template <typename AsyncStream>
asio::awaitable<std::size_t> read_from(AsyncStream& stream, char* to, std::size_t bytes_max) {
  ErrorCode error;
  const asio::mutable_buffer buffer(to, bytes_max);
  const std::size_t count = co_await stream.async_read_some(buffer, asio::redirect_error(asio::use_awaitable, error));
  co_return error ? 0 : count;
}

template <typename AsyncStream>
asio::awaitable<void> write_to(AsyncStream& stream, std::string_view bytes) {
  const asio::const_buffer buffer(bytes.data(), bytes.size());
  co_await asio::async_write(stream, buffer, asio::use_awaitable);
}

void close_socket(tcp::socket& socket) {
  ErrorCode ignored;
  socket.close(ignored);
}

class PlainTransport final : public Transport {
 public:
  explicit PlainTransport(tcp::socket socket) : socket_(std::move(socket)) {}

  asio::awaitable<void> open() override { co_return; }
  asio::awaitable<std::size_t> read_some(char* to, std::size_t bytes_max) override {
    return read_from(socket_, to, bytes_max);
  }
  asio::awaitable<void> write(std::string_view bytes) override { return write_to(socket_, bytes); }
  std::size_t write_now(std::string_view bytes) override {
    ErrorCode error;
    const std::size_t count = socket_.write_some(asio::const_buffer(bytes.data(), bytes.size()), error);
    if (error && error != asio::error::would_block) throw boost::system::system_error(error);
    return count;
  }
  bool can_be_half_closed() const override { return true; }
  void end_writing() override {
    ErrorCode ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
  }
  void close() override { close_socket(socket_); }

 private:
  tcp::socket socket_;
};

class TlsTransport final : public Transport {
 public:
  TlsTransport(tcp::socket socket, asio::ssl::context& context) : stream_(std::move(socket), context) {}

  asio::awaitable<void> open() override {
    co_await stream_.async_handshake(asio::ssl::stream_base::server, asio::use_awaitable);
    is_open_ = true;
  }
  asio::awaitable<std::size_t> read_some(char* to, std::size_t bytes_max) override {
    return read_from(stream_, to, bytes_max);
  }
  asio::awaitable<void> write(std::string_view bytes) override { return write_to(stream_, bytes); }
  std::size_t write_now(std::string_view) override { return 0; }
  bool can_be_half_closed() const override { return false; }  // the goodbye of TLS is for both ways
  // The socket never blocks, so this sends TLS's own goodbye and does not wait for the peer's.
  void end_writing() override {
    ErrorCode ignored;
    if (std::exchange(is_open_, false)) stream_.shutdown(ignored);
    stream_.next_layer().shutdown(tcp::socket::shutdown_send, ignored);
  }
  void close() override { close_socket(stream_.next_layer()); }

 private:
  asio::ssl::stream<tcp::socket> stream_;
  bool is_open_ = false;
};

}  // namespace

std::unique_ptr<Transport> plain_transport(tcp::socket socket) {
  return std::make_unique<PlainTransport>(std::move(socket));
}

std::unique_ptr<Transport> tls_transport(tcp::socket socket, asio::ssl::context& context) {
  return std::make_unique<TlsTransport>(std::move(socket), context);
}

asio::ssl::context tls_context(const std::filesystem::path& certificate, const std::filesystem::path& key) {
  if (certificate.empty() || key.empty()) throw InvalidInput("TLS needs both a certificate and a key");
  asio::ssl::context context(asio::ssl::context::tls_server);
  context.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_sslv2 |
                      asio::ssl::context::no_sslv3 | asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1);
  // An encrypted key is an error, not a question on the terminal.
  context.set_password_callback([](std::size_t, asio::ssl::context::password_purpose) { return std::string(); });
  ErrorCode error;
  context.use_certificate_chain_file(certificate.string(), error);
  if (error) throw InvalidInput(fmt::format("{}: no certificate in PEM: {}", certificate.string(), error.message()));
  context.use_private_key_file(key.string(), asio::ssl::context::pem, error);
  if (error) throw InvalidInput(fmt::format("{}: not the certificate's key in PEM: {}", key.string(), error.message()));
  return context;
}

}  // namespace hearth
