#include "commands/serve/forwarded_request.h"

#include <algorithm>
#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include "hub/web_address.h"

namespace hearth {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using ErrorCode = boost::system::error_code;
using Parser = http::response_parser<http::buffer_body>;

constexpr std::size_t kPieceBytes = 16 << 10;

// What is between two servers and not between their users.
bool is_passed_on(std::string_view name) {
  static constexpr std::array kOwn{
      "authorization",     "connection", "content-length",      "date",      "expect",      "host",
      "keep-alive",        "origin",     "proxy-authorization", "referer",   "server",      "te",
      "transfer-encoding", "upgrade",    "x-accel-buffering",   "x-api-key", "x-request-id"};
  return std::find(kOwn.begin(), kOwn.end(), name) == kOwn.end() && !name.starts_with("access-control-");
}

// Where it goes, and with which right. One connection is for one request.
void address(http::request<http::string_body>& request, const std::string& key) {
  request.set(http::field::host, "127.0.0.1");
  request.set(http::field::authorization, "Bearer " + key);
  request.set(http::field::connection, "close");
}

http::request<http::string_body> request_for(const HttpRequest& from, const std::string& key) {
  std::string target = encoded_path(from.path);
  if (!from.query.empty()) target += "?" + from.query;
  http::request<http::string_body> request(http::string_to_verb(from.method), target, 11);
  for (const auto& [name, value] : from.headers) {
    if (is_passed_on(name)) request.insert(name, value);
  }
  address(request, key);
  request.body() = from.body;
  request.prepare_payload();
  return request;
}

// The next of the body; empty: that was all.
asio::awaitable<std::string> read_piece(beast::tcp_stream& stream, beast::flat_buffer& buffer, Parser& parser) {
  std::string piece(kPieceBytes, '\0');
  std::size_t count = 0;
  while (count == 0 && !parser.is_done()) {
    auto& body = parser.get().body();
    body.data = piece.data();
    body.size = piece.size();
    body.more = true;
    ErrorCode error;
    co_await http::async_read_some(stream, buffer, parser, asio::redirect_error(asio::use_awaitable, error));
    count = piece.size() - body.size;
    if (error && error != http::error::need_buffer) throw boost::system::system_error(error);
  }
  piece.resize(count);
  co_return piece;
}

asio::awaitable<void> pass_answer(Exchange& exchange, beast::tcp_stream& stream, beast::flat_buffer& buffer,
                                  Parser& parser) {
  HttpHeaders headers;
  std::string type;
  for (const auto& field : parser.get()) {
    std::string name(field.name_string());
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    if (name == "content-type") {
      type = field.value();
    } else if (is_passed_on(name) && !(name == "cache-control" && parser.chunked())) {
      headers.emplace_back(std::move(name), field.value());
    }
  }
  const unsigned status = parser.get().result_int();
  if (status == 200 && parser.chunked()) {
    co_await exchange.begin_stream(std::move(type), std::move(headers));
    for (;;) {
      std::string piece = co_await read_piece(stream, buffer, parser);
      if (piece.empty()) break;
      co_await exchange.write(std::move(piece));
    }
    co_await exchange.end_stream();
    co_return;
  }
  std::string body;
  for (;;) {
    const std::string piece = co_await read_piece(stream, buffer, parser);
    if (piece.empty()) break;
    body += piece;
  }
  co_await exchange.reply(status, std::move(body), std::move(type), std::move(headers));
}

}  // namespace

asio::awaitable<void> forward_request(Exchange& exchange, std::uint16_t port, std::string key) {
  const auto executor = co_await asio::this_coro::executor;
  beast::tcp_stream stream(executor);
  stream.expires_never();
  http::request<http::string_body> request = request_for(exchange.request(), key);
  exchange.release_body();
  beast::flat_buffer buffer;
  Parser parser;
  parser.body_limit(boost::none);
  if (exchange.request().method == "HEAD") parser.skip(true);
  ErrorCode error;
  const asio::ip::tcp::endpoint place(asio::ip::address_v4::loopback(), port);
  co_await stream.async_connect(place, asio::redirect_error(asio::use_awaitable, error));
  if (!error) co_await http::async_write(stream, request, asio::redirect_error(asio::use_awaitable, error));
  if (!error)
    co_await http::async_read_header(stream, buffer, parser, asio::redirect_error(asio::use_awaitable, error));
  if (error == asio::error::operation_aborted) throw boost::system::system_error(error);
  if (error) throw HttpError(502, "the model's process broke off");
  co_await pass_answer(exchange, stream, buffer, parser);
}

asio::awaitable<unsigned> status_of(std::uint16_t port, std::string key, std::string path) {
  const auto executor = co_await asio::this_coro::executor;
  beast::tcp_stream stream(executor);
  stream.expires_after(std::chrono::seconds(10));
  http::request<http::string_body> request(http::verb::get, path, 11);
  address(request, key);
  beast::flat_buffer buffer;
  http::response<http::string_body> response;
  ErrorCode error;
  const asio::ip::tcp::endpoint place(asio::ip::address_v4::loopback(), port);
  co_await stream.async_connect(place, asio::redirect_error(asio::use_awaitable, error));
  if (!error) co_await http::async_write(stream, request, asio::redirect_error(asio::use_awaitable, error));
  if (!error) co_await http::async_read(stream, buffer, response, asio::redirect_error(asio::use_awaitable, error));
  co_return error ? 0 : response.result_int();
}

}  // namespace hearth
