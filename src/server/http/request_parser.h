// Bytes from a client to an HttpRequest, within limits. No sockets: the caller brings the bytes as they come.
//
// Format: HTTP/1.1 and 1.0 (RFC 9112), parsed by Boost.Beast.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "server/http/body_budget.h"
#include "server/http/exchange.h"

namespace hearth {

class RequestParser {
 public:
  // Bytes of the request line and the headers together, at most; a caller needs to keep at least so many unparsed.
  static constexpr std::size_t kHeaderBytesMax = 64 << 10;

  // `budget` (null: none) outlives the parser and its share.
  explicit RequestParser(std::int64_t body_bytes_max, BodyBudget* budget = nullptr);
  ~RequestParser();

  // Takes bytes from the front and returns how many; those left over are to be offered again, followed by more. Stops
  // once behind the headers, so that the caller may refuse before there is a body.
  std::size_t parse(std::string_view bytes);

  bool headers_are_done() const;
  bool is_done() const;
  // What is wrong with the request, as an answer: its connection is of no use any more.
  const std::optional<Router::Failure>& failure() const;

  HttpRequest& request();          // as far as it is known
  BodyBudget::Share take_share();  // of the budget, that the body holds
  std::string_view target() const;
  bool is_http_1_0() const;
  bool keep_alive() const;
  bool expects_continue() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// "%20" and the like; nullopt where they are malformed.
std::optional<std::string> decode_percent(std::string_view text);

}  // namespace hearth
