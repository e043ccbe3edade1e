#include "server/http/session_exchange.h"

#include "base/check.h"
#include "server/http/http_access.h"
#include "server/http/response_head.h"

namespace hearth {

namespace asio = boost::asio;

std::string SessionExchange::head(unsigned status, const std::string& content_type, HttpHeaders own,
                                  const HttpHeaders& handlers) {
  CHECK(stage_ == Stage::kSilent);
  session_.may_probe_ = false;
  status_ = status;
  stage_ = Stage::kBegun;
  if (session_.host_->draining()) keep_alive_ = false;
  HttpHeaders headers{{"server", "hearth"}, {"date", http_date()}, {"x-request-id", id_}};
  if (!content_type.empty()) headers.emplace_back("content-type", content_type);
  for (auto& header : own) headers.push_back(std::move(header));
  if (!keep_alive_) {
    headers.emplace_back("connection", "close");
  } else if (http_1_0_) {
    headers.emplace_back("connection", "keep-alive");
  }
  for (auto& header : cors_headers(request_, session_.host_->options().allowed_origins)) {
    headers.push_back(std::move(header));
  }
  headers.insert(headers.end(), handlers.begin(), handlers.end());
  return response_head(status, headers);
}

asio::awaitable<void> SessionExchange::reply(unsigned status, std::string body, std::string content_type,
                                             HttpHeaders headers) {
  HttpHeaders own;
  if (status != 204 && status != 304) own.emplace_back("content-length", std::to_string(body.size()));
  std::string bytes = head(status, content_type, std::move(own), headers);
  if (!is_head()) bytes += body;
  co_await session_.send(std::move(bytes));
  stage_ = Stage::kComplete;
}

asio::awaitable<void> SessionExchange::begin_stream(std::string content_type, HttpHeaders headers) {
  HttpHeaders own{{"cache-control", "no-cache"}, {"x-accel-buffering", "no"}};
  if (http_1_0_) {
    keep_alive_ = false;  // the connection's end is the body's
  } else {
    own.emplace_back("transfer-encoding", "chunked");
  }
  std::string bytes = head(200, content_type, std::move(own), headers);
  is_stream_ = true;
  co_await session_.send(std::move(bytes));
}

asio::awaitable<void> SessionExchange::write(std::string piece) {
  CHECK(is_stream_ && stage_ == Stage::kBegun);
  if (piece.empty() || is_head()) co_return;
  std::string bytes = http_1_0_ ? std::move(piece) : chunk_of(piece);
  co_await session_.send(std::move(bytes));
}

asio::awaitable<void> SessionExchange::end_stream() {
  CHECK(is_stream_ && stage_ == Stage::kBegun);
  if (!http_1_0_ && !is_head()) {
    std::string bytes(kLastChunk);
    co_await session_.send(std::move(bytes));
  }
  stage_ = Stage::kComplete;
}

}  // namespace hearth
