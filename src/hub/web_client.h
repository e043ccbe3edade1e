// A client of HTTP/1.1, plain or through TLS with the system's certificates, directly or through a proxy. It blocks the
// thread that calls it, with a bound on every wait; a download has one for each of its connections. A connection is
// kept for the next request to the same server.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "hub/web_address.h"

namespace hearth {

// The network or the server let us down; the same request may succeed later.
class ConnectionFailed : public Error {
 public:
  using Error::Error;
};

// The user no longer wants it.
class Stopped : public Error {
 public:
  using Error::Error;
};

struct WebClientOptions {
  std::string http_proxy, https_proxy, no_proxy;  // as hub_options.h has them
  std::chrono::milliseconds patience{30000};      // with a server that says nothing
  std::function<bool()> stopped;                  // asked several times a second, in the calling thread; may be empty
};

using WebHeaders = std::vector<std::pair<std::string, std::string>>;

struct WebRequest {
  std::string method = "GET";
  WebAddress address;
  WebHeaders headers;  // beside Host, User-Agent and Connection
  std::string body;
  std::uint64_t body_bytes_max = 0;  // of the answer
};

struct WebReply {
  unsigned status = 0;
  WebHeaders headers;
  // The first of this name, in any case; empty: there is none.
  std::string_view header(std::string_view name) const;
};

class WebClient {
 public:
  explicit WebClient(WebClientOptions options);
  ~WebClient();
  WebClient(const WebClient&) = delete;
  WebClient& operator=(const WebClient&) = delete;

  // Sends, and reads the answer's head. Redirects are answers like others. What is left of an earlier answer is given
  // up. Throws ConnectionFailed and Stopped, and InvalidInput where certificates cannot be read.
  WebReply send(const WebRequest& request);
  // At least one byte of the body, or 0 when it is complete. Throws ConnectionFailed where it ends too early: all bytes
  // that came before were returned.
  std::size_t read(char* to, std::size_t bytes_max);
  // The rest of the body.
  std::string read_all();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth
