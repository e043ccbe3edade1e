// A handler's view of one request on a session: puts answers into HTTP's form and sends them.
#pragma once

#include <string>

#include "server/http/http_session.h"

namespace hearth {

class SessionExchange final : public Exchange {
 public:
  // `keep_alive`: whether the connection may go on after the answer.
  SessionExchange(HttpSession& session, HttpRequest request, BodyBudget::Share share, std::string id, bool http_1_0,
                  bool keep_alive)
      : session_(session),
        request_(std::move(request)),
        share_(std::move(share)),
        id_(std::move(id)),
        http_1_0_(http_1_0),
        keep_alive_(keep_alive) {}

  const HttpRequest& request() const override { return request_; }
  const std::string& id() const override { return id_; }
  void release_body() override {
    request_.body = std::string();
    share_.reset();
  }
  boost::asio::awaitable<void> reply(unsigned status, std::string body, std::string content_type,
                                     HttpHeaders headers) override;
  boost::asio::awaitable<void> begin_stream(std::string content_type, HttpHeaders headers) override;
  boost::asio::awaitable<void> write(std::string piece) override;
  boost::asio::awaitable<void> end_stream() override;
  bool streaming() const override { return stage_ != Stage::kSilent && is_stream_; }

  void set_path_arguments(std::vector<std::string> arguments) { request_.path_arguments = std::move(arguments); }
  // Whether an answer has begun, and whether it is whole.
  bool has_begun() const { return stage_ != Stage::kSilent; }
  bool is_complete() const { return stage_ == Stage::kComplete; }
  unsigned status() const { return status_; }
  bool keeps_alive() const { return keep_alive_; }

 private:
  enum class Stage : std::uint8_t { kSilent, kBegun, kComplete };
  std::string head(unsigned status, const std::string& content_type, HttpHeaders own, const HttpHeaders& handlers);
  bool is_head() const { return request_.method == "HEAD"; }

  HttpSession& session_;
  HttpRequest request_;
  BodyBudget::Share share_;
  const std::string id_;
  const bool http_1_0_;
  bool keep_alive_;
  Stage stage_ = Stage::kSilent;
  bool is_stream_ = false;
  unsigned status_ = 0;
};

}  // namespace hearth
