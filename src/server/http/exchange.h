// One HTTP request and its answer, as a handler sees them: no sockets, no parser. Handlers are coroutines on the
// server's one I/O thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hearth {

struct HttpRequest {
  std::string method;                                        // "GET"
  std::string path;                                          // decoded, without the query
  std::string query;                                         // as sent
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;
  std::vector<std::string> path_arguments;  // what the route's {…} matched

  std::string_view header(std::string_view lower_case_name) const;  // empty: not sent
};

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

// Cancelled handlers end by exception: when the client goes, whatever the handler awaits throws
// boost::system::system_error, and its destructors cancel what it had started.
class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual const HttpRequest& request() const = 0;
  // Unique to this exchange; also sent as x-request-id.
  virtual const std::string& id() const = 0;

  // The body was read and is not needed any more: a large one must not be kept as long as the answer takes.
  virtual void release_body() {}

  // The whole answer. `content_type` with its character set, if any.
  virtual boost::asio::awaitable<void> reply(unsigned status, std::string body, std::string content_type,
                                             HttpHeaders headers) = 0;
  // Or a streamed one, which nobody is to keep: status 200 and the headers; then pieces, each sent at once; then the
  // end. write() waits while the client is slow, and throws where it is too slow for the server's patience.
  virtual boost::asio::awaitable<void> begin_stream(std::string content_type, HttpHeaders headers) = 0;
  virtual boost::asio::awaitable<void> write(std::string piece) = 0;
  virtual boost::asio::awaitable<void> end_stream() = 0;
  // Whether begin_stream() was called: an error can then only be told within the stream.
  virtual bool streaming() const = 0;
};

using Handler = std::function<boost::asio::awaitable<void>(Exchange&)>;

// Which handler takes which path. A {name} in a pattern matches one non-empty segment, {name*} at the end matches all
// that is left (model names have slashes).
class Router {
 public:
  // How an API tells errors: the answer's body for an HTTP status, a message and what else is known.
  struct Failure {
    unsigned status = 500;
    std::string message;
    std::string type;   // OpenAI's: "invalid_request_error", …; empty: by status
    std::string code;   // "context_length_exceeded", …; empty: none
    std::string param;  // the field that is wrong; empty: none
    HttpHeaders headers;
  };
  using ErrorBody = std::function<std::string(const Failure&)>;

  // What goes wrong under no known path is told in the way of `default_error_body`.
  explicit Router(ErrorBody default_error_body) : default_error_body_(std::move(default_error_body)) {}

  // What goes wrong under the handler is told in this API's way.
  void add(std::string_view method, std::string_view pattern, ErrorBody error_body, Handler handler);

  struct Match {
    const Handler* handler = nullptr;         // null: none
    const ErrorBody* error_body = nullptr;    // of the path's API where the path is known, else the default
    std::string_view pattern;                 // of the route, where the path is known
    std::vector<std::string> path_arguments;  //
    std::string allowed_methods;              // "GET, DELETE": the path is known, the method is not
  };
  // HEAD is answered by GET's handler where it has none of its own.
  Match match(std::string_view method, std::string_view path) const;

 private:
  struct Route {
    std::string method, pattern;
    std::vector<std::string> segments;
    ErrorBody error_body;
    Handler handler;
  };
  ErrorBody default_error_body_;
  std::vector<Route> routes_;
};

// Thrown by handlers: answered with the API's own error body.
class HttpError : public std::exception {
 public:
  explicit HttpError(Router::Failure failure) : failure_(std::move(failure)) {}
  // Of the type that goes with the status.
  HttpError(unsigned status, std::string message)
      : HttpError(
            {.status = status, .message = std::move(message), .type = "", .code = "", .param = "", .headers = {}}) {}
  const Router::Failure& failure() const { return failure_; }
  const char* what() const noexcept override { return failure_.message.c_str(); }

 private:
  Router::Failure failure_;
};

}  // namespace hearth
