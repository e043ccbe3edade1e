#include "hub/web_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <filesystem>
#include <optional>

#include "text/unicode/base64.h"

namespace hearth {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace ssl = boost::asio::ssl;
using asio::ip::tcp;
using ErrorCode = boost::system::error_code;

constexpr std::chrono::milliseconds kPoll{100};  // how often the user is asked
constexpr std::uint32_t kHeadBytesMax = 64 << 10;
constexpr std::size_t kRestBytesMax = 64 << 10;  // of an answer nobody reads: more, and the connection is given up

// Where systems keep their certificates; the first is Debian's, and OpenSSL's own.
constexpr std::array kBundles{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                              "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"};

void load_certificates(ssl::context& context) {
  ErrorCode error;
  context.set_default_verify_paths(error);  // SSL_CERT_FILE and SSL_CERT_DIR, too
  std::error_code ignored;
  for (const char* bundle : kBundles) {
    if (!std::filesystem::exists(bundle, ignored)) continue;
    context.load_verify_file(bundle, error);
    if (!error) return;
  }
}

struct Proxy {
  HttpUrl server;
  std::string authorization;  // empty: none
};

// "http://user:password@host:port", "host:port".
Proxy parse_proxy(std::string_view text) {
  std::string address(text);
  if (address.find("://") == std::string::npos) address = "http://" + address;
  const std::size_t begin = address.find("://") + 3, at = address.rfind('@');
  Proxy proxy;
  if (at != std::string::npos && at > begin) {
    proxy.authorization = "Basic " + base64_encode(std::string_view(address).substr(begin, at - begin));
    address.erase(begin, at + 1 - begin);
  }
  proxy.server = parse_http_url(address, "the proxy's address", "80");
  return proxy;
}

}  // namespace

std::string_view WebReply::header(std::string_view name) const {
  for (const auto& [known, value] : headers) {
    if (beast::iequals(known, name)) return value;
  }
  return {};
}

class WebClient::Impl {
 public:
  explicit Impl(WebClientOptions options) : options_(std::move(options)) {}

  WebReply send(const WebRequest& request) {
    finish_answer();
    const std::string server = request.address.origin();
    if (server != server_) close();
    const bool is_reused = is_open();
    try {
      if (!is_reused) connect(request.address);
      return exchange(request);
    } catch (const ConnectionFailed&) {
      close();
      // The server may have closed it since the last answer.
      if (!is_reused) throw;
    }
    connect(request.address);
    return exchange(request);
  }

  std::size_t read(char* to, std::size_t bytes_max) {
    if (!parser_ || parser_->is_done()) return 0;
    std::size_t count = 0;
    while (count == 0 && !parser_->is_done()) {
      auto& body = parser_->get().body();
      body.data = to;
      body.size = bytes_max;
      body.more = true;
      ErrorCode error = wait([&](auto handler) {
        with_stream([&](auto& stream) { http::async_read_some(stream, buffer_, *parser_, std::move(handler)); });
      });
      count = bytes_max - body.size;
      if (error == http::error::need_buffer) error = {};
      if (error && count == 0) fail("the connection broke", error);
    }
    return count;
  }

 private:
  bool is_open() const { return plain_.has_value() || tls_.has_value(); }

  void close() {
    if (plain_) plain_->close();
    if (tls_) beast::get_lowest_layer(*tls_).close();
    plain_.reset();
    tls_.reset();
    server_.clear();
    parser_.reset();
    buffer_.clear();
  }

  [[noreturn]] void fail(std::string_view what, const ErrorCode& error) {
    const std::string server = server_;
    close();
    throw ConnectionFailed(fmt::format("{}: {}: {}", server, what, error.message()));
  }

  template <typename Use>
  void with_stream(Use use) {
    if (tls_) {
      use(*tls_);
    } else {
      use(*plain_);
    }
  }

  // Starts something and waits for its end, asking meanwhile whether it is still wanted.
  template <typename Start>
  ErrorCode wait(Start start) {
    ErrorCode result;
    bool done = false;
    with_lowest([&](beast::tcp_stream& stream) { stream.expires_after(options_.patience); });
    io_.restart();
    start([&](ErrorCode error, auto&&...) {
      result = error;
      done = true;
    });
    bool stopped = false;
    while (!done) {
      io_.run_one_for(kPoll);
      if (io_.stopped()) io_.restart();
      if (!done && !stopped && options_.stopped && options_.stopped()) {
        stopped = true;
        resolver_.cancel();
        with_lowest([](beast::tcp_stream& stream) { stream.cancel(); });
      }
    }
    io_.restart();
    io_.poll();
    if (stopped || (options_.stopped && options_.stopped())) {
      close();
      throw Stopped("stopped");
    }
    return result;
  }

  template <typename Use>
  void with_lowest(Use use) {
    if (tls_) use(beast::get_lowest_layer(*tls_));
    if (plain_) use(*plain_);
  }

  std::optional<Proxy> proxy_for(const WebAddress& address) const {
    const std::string& text = address.server.tls ? options_.https_proxy : options_.http_proxy;
    if (text.empty() || bypasses_proxy(options_.no_proxy, address.server.host)) return std::nullopt;
    return parse_proxy(text);
  }

  void connect(const WebAddress& address) {
    proxy_ = proxy_for(address);
    const HttpUrl& target = proxy_ ? proxy_->server : address.server;
    server_ = address.origin();
    tcp::resolver::results_type places;
    bool done = false;
    ErrorCode error = wait([&](auto handler) {
      resolver_.async_resolve(target.host, target.port,
                              [&, handler](ErrorCode code, tcp::resolver::results_type found) mutable {
                                places = std::move(found);
                                done = true;
                                handler(code);
                              });
    });
    if (error || !done) fail(fmt::format("{} is not known", target.host), error);
    plain_.emplace(io_);
    error = wait([&](auto handler) { plain_->async_connect(places, std::move(handler)); });
    if (error) fail("no connection", error);
    if (!address.server.tls) return;
    if (proxy_) open_tunnel(address.server);
    start_tls(address.server.host);
  }

  // The proxy connects us with the server, and sees no more than its name.
  void open_tunnel(const HttpUrl& server) {
    const std::string place = authority_text(server.host, server.port);
    http::request<http::empty_body> request(http::verb::connect, place, 11);
    request.set(http::field::host, place);
    if (!proxy_->authorization.empty()) request.set(http::field::proxy_authorization, proxy_->authorization);
    ErrorCode error = wait([&](auto handler) { http::async_write(*plain_, request, std::move(handler)); });
    if (error) fail("the proxy takes no request", error);
    beast::flat_buffer buffer;
    http::response_parser<http::empty_body> parser;
    parser.skip(true);
    error = wait([&](auto handler) { http::async_read_header(*plain_, buffer, parser, std::move(handler)); });
    if (error) fail("the proxy does not answer", error);
    const unsigned status = parser.get().result_int();
    if (status / 100 == 2) return;
    const std::string at = server_;
    close();
    throw ConnectionFailed(fmt::format("{}: the proxy answers {}", at, status));
  }

  void start_tls(const std::string& host) {
    if (!context_) {
      context_.emplace(ssl::context::tls_client);
      context_->set_options(ssl::context::default_workarounds | ssl::context::no_sslv2 | ssl::context::no_sslv3 |
                            ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1);
      load_certificates(*context_);
      context_->set_verify_mode(ssl::verify_peer);
    }
    tls_.emplace(std::move(*plain_), *context_);
    plain_.reset();
    tls_->set_verify_callback(ssl::host_name_verification(host));
    SSL_set_tlsext_host_name(tls_->native_handle(), host.c_str());
    const ErrorCode error =
        wait([&](auto handler) { tls_->async_handshake(ssl::stream_base::client, std::move(handler)); });
    if (error) fail("no connection through TLS", error);
  }

  WebReply exchange(const WebRequest& wanted) {
    const HttpUrl& server = wanted.address.server;
    const bool whole_address = proxy_ && !server.tls;
    http::request<http::string_body> request(http::string_to_verb(wanted.method),
                                             whole_address ? wanted.address.text() : wanted.address.target, 11);
    const std::string origin = wanted.address.origin();
    const bool is_usual = server.port == (server.tls ? "443" : "80");
    const std::size_t begin = origin.find("://") + 3;
    request.set(http::field::host, is_usual ? origin.substr(begin, origin.rfind(':') - begin) : origin.substr(begin));
    request.set(http::field::user_agent, "hearth/" HEARTH_VERSION);
    request.set(http::field::accept_encoding, "identity");
    for (const auto& [name, value] : wanted.headers) request.set(name, value);
    if (whole_address && !proxy_->authorization.empty()) {
      request.set(http::field::proxy_authorization, proxy_->authorization);
    }
    if (!wanted.body.empty()) {
      request.body() = wanted.body;
      request.prepare_payload();
    }
    ErrorCode error = wait([&](auto handler) {
      with_stream([&](auto& stream) { http::async_write(stream, request, std::move(handler)); });
    });
    if (error) fail("the request was not taken", error);
    parser_.emplace();
    parser_->header_limit(kHeadBytesMax);
    parser_->body_limit(wanted.body_bytes_max);
    if (wanted.method == "HEAD") parser_->skip(true);
    error = wait([&](auto handler) {
      with_stream([&](auto& stream) { http::async_read_header(stream, buffer_, *parser_, std::move(handler)); });
    });
    if (error) fail("no answer", error);
    WebReply reply;
    reply.status = parser_->get().result_int();
    for (const auto& field : parser_->get()) reply.headers.emplace_back(field.name_string(), field.value());
    return reply;
  }

  // So that the connection can be used again.
  void finish_answer() {
    if (!parser_) return;
    try {
      std::array<char, 4096> rest;
      std::size_t count = 0;
      while (!parser_->is_done() && count < kRestBytesMax) count += read(rest.data(), rest.size());
    } catch (const ConnectionFailed&) {
      return;
    }
    if (!parser_->is_done() || !parser_->keep_alive()) return close();
    parser_.reset();
  }

  const WebClientOptions options_;
  asio::io_context io_{1};
  tcp::resolver resolver_{io_};
  std::optional<ssl::context> context_;
  std::optional<Proxy> proxy_;
  std::string server_;  // the origin that the connection leads to
  std::optional<beast::tcp_stream> plain_;
  std::optional<beast::ssl_stream<beast::tcp_stream>> tls_;
  beast::flat_buffer buffer_;
  std::optional<http::response_parser<http::buffer_body>> parser_;
};

WebClient::WebClient(WebClientOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}

WebClient::~WebClient() = default;

WebReply WebClient::send(const WebRequest& request) {
  return impl_->send(request);
}

std::size_t WebClient::read(char* to, std::size_t bytes_max) {
  return impl_->read(to, bytes_max);
}

std::string WebClient::read_all() {
  std::string text;
  std::array<char, 16384> piece;
  while (const std::size_t count = impl_->read(piece.data(), piece.size())) text.append(piece.data(), count);
  return text;
}

}  // namespace hearth
