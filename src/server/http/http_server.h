// HTTP/1.1 over TCP or TLS: connections, limits, keys, and what to do with clients that are slow, silent or gone.
// Everything runs on the executor's one thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/http/exchange.h"

namespace hearth {

struct HttpServerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 8080;          // 0: any free one
  std::vector<std::string> api_keys;  // empty: everyone is welcome. Accepted as "Authorization: Bearer", "x-api-key"
  std::vector<std::string> open_paths = {"/health", "/ready"};  // need no key
  std::filesystem::path tls_certificate, tls_key;               // PEM; both or none
  std::int64_t body_bytes_max = 32 << 20;                       // of one request
  std::int64_t bodies_bytes_max = std::int64_t{256} << 20;      // of all requests together; more are answered with 503
  std::int64_t connections_max = 4096;
  std::chrono::seconds header_timeout{30};  // also: between the bytes of a request, and idle between requests
  std::chrono::seconds write_timeout{30};   // one write that takes longer ends the connection
  // A client that ends its side of the connection so soon after it has sent something waits for the answer; later it
  // has left.
  std::chrono::milliseconds half_close_time{1000};
  // Pages of other origins that browsers may let read answers, beside those of this machine; "*": all of them.
  std::vector<std::string> allowed_origins;
  // Names by which the server may be called where there is no key, beside addresses and names without a domain; "*":
  // any.
  std::vector<std::string> allowed_hosts;
  // May be empty. A write ran into its timeout; something went wrong that the server survives.
  std::function<void()> on_slow_reader;
  std::function<void(std::string_view message)> on_trouble;
};

class HttpServer {
 public:
  // `router` outlives the server. `on_response` (may be empty) hears of every answer: route pattern or path, status.
  HttpServer(boost::asio::any_io_executor executor, const Router& router, HttpServerOptions options,
             std::function<void(std::string_view path, unsigned status)> on_response);
  ~HttpServer();

  // Listens and accepts from now on. Throws DeviceError, naming the address, where that cannot be; InvalidInput for
  // bad certificates.
  void start();
  std::uint16_t port() const;  // after start()
  // Accepts no connection more; those without a request under way are closed. `done` is called when none is left.
  void drain(std::function<void()> done);
  // Closes everything.
  void stop();
  std::int64_t connection_count() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace hearth
