#include "server/http/request_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <charconv>
#include <utility>

#include "base/ascii_case.h"

namespace hearth {
namespace {

namespace http = boost::beast::http;
using ErrorCode = boost::system::error_code;
using BeastView = boost::beast::string_view;

// "http://host/path?query", as clients send it to proxies, is "/path?query".
std::string_view without_authority(std::string_view target) {
  const std::size_t scheme = target.find("://");
  if (target.starts_with('/') || scheme == std::string_view::npos) return target;
  const std::size_t path = target.find('/', scheme + 3);
  return path == std::string_view::npos ? std::string_view("/") : target.substr(path);
}

Router::Failure failure_for(const ErrorCode& error, std::int64_t body_bytes_max) {
  Router::Failure failure;
  failure.status = 400;
  if (error == http::error::body_limit) {
    failure.status = 413;
    failure.message = fmt::format("the request's body is larger than {} bytes", body_bytes_max);
  } else if (error == http::error::header_limit) {
    failure.status = 431;
    failure.message = fmt::format("the request's headers are larger than {} bytes", RequestParser::kHeaderBytesMax);
  } else {
    failure.message = fmt::format("the request is not well-formed HTTP: {}", error.message());
  }
  return failure;
}

}  // namespace

class RequestParser::Impl final : public http::basic_parser<true> {
 public:
  Impl(std::int64_t body_max, BodyBudget* budget) : body_bytes_max(body_max), share(budget), budget_(budget) {
    header_limit(static_cast<std::uint32_t>(kHeaderBytesMax));
    body_limit(static_cast<std::uint64_t>(body_max));
  }

  void fail(Router::Failure what) {
    if (!failure) failure = std::move(what);
  }
  void fail(unsigned status, std::string message) {
    Router::Failure what;
    what.status = status;
    what.message = std::move(message);
    fail(std::move(what));
  }

  const std::int64_t body_bytes_max;
  HttpRequest request;
  std::string target;
  int http_version = 11;
  std::optional<Router::Failure> failure;
  BodyBudget::Share share;

 private:
  void on_request_impl(http::verb, BeastView method, BeastView sent_target, int version, ErrorCode&) override {
    request.method = std::string(method);
    target = std::string(sent_target);
    http_version = version;
    const std::string_view local = without_authority(target);
    const std::size_t question = local.find('?');
    if (question != std::string_view::npos) request.query = std::string(local.substr(question + 1));
    auto path = decode_percent(local.substr(0, question));
    if (!path) return fail(400, "the request's path is not well-formed");
    request.path = std::move(*path);
  }
  void on_response_impl(int, BeastView, int, ErrorCode&) override {}
  void on_field_impl(http::field, BeastView name, BeastView value, ErrorCode&) override {
    if (is_header_done()) return;  // a trailer
    request.headers.emplace_back(ascii_lower(std::string(name)), std::string(value));
  }
  // A request that two servers on its way could read in two ways is none.
  void check_framing() {
    const std::int64_t hosts = count("host");
    if (hosts > 1 || (hosts == 0 && http_version >= 11)) fail(400, "a request must have one Host header");
    const std::string coding = ascii_lower(std::string(request.header("transfer-encoding")));
    if (count("transfer-encoding") > 1 || (!coding.empty() && coding != "chunked")) {
      fail(501, "the only transfer encoding that this server knows is 'chunked'");
    } else if (!coding.empty() && http_version < 11) {
      fail(400, "HTTP/1.0 has no transfer encodings");
    }
  }
  std::int64_t count(std::string_view name) const {
    return std::count_if(request.headers.begin(), request.headers.end(),
                         [&](const auto& header) { return header.first == name; });
  }
  void fail_for_budget() {
    Router::Failure what;
    what.status = 503;
    what.message = "too many large requests are under way: try again later";
    what.headers = {{"retry-after", "1"}};
    fail(std::move(what));
  }
  void on_header_impl(ErrorCode&) override {
    check_framing();
    const auto announced = content_length();
    if (announced && budget_ != nullptr && static_cast<std::int64_t>(*announced) <= body_bytes_max &&
        static_cast<std::int64_t>(*announced) > budget_->bytes_left()) {
      fail_for_budget();
    } else if (const std::string_view encoding = request.header("content-encoding");
               !encoding.empty() && encoding != "identity") {
      fail(415, "this server takes no compressed requests; send them without Content-Encoding");
    }
  }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, ErrorCode&) override {}
  // A body that has begun has room to its end, where its length was told: of many that do not fit together some are
  // read, and not all of them up to where the room ends.
  bool take_share_for(std::size_t bytes) {
    const auto announced = content_length();
    if (!announced) return share.take(static_cast<std::int64_t>(bytes));
    return std::exchange(has_share_, true) || share.take(static_cast<std::int64_t>(*announced));
  }
  // No memory is reserved beforehand: a client may announce much and send nothing.
  std::size_t on_body_impl(BeastView body, ErrorCode& error) override {
    if (request.body.size() + body.size() > static_cast<std::size_t>(body_bytes_max)) {
      error = http::error::body_limit;
      return 0;
    }
    if (!take_share_for(body.size())) {
      fail_for_budget();
      error = http::error::body_limit;
      return 0;
    }
    request.body.append(body.data(), body.size());
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t, BeastView, ErrorCode&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, BeastView body, ErrorCode& error) override {
    return on_body_impl(body, error);
  }
  void on_finish_impl(ErrorCode&) override {}

  BodyBudget* budget_;
  bool has_share_ = false;
};

RequestParser::RequestParser(std::int64_t body_bytes_max, BodyBudget* budget)
    : impl_(std::make_unique<Impl>(body_bytes_max, budget)) {}
RequestParser::~RequestParser() = default;

std::size_t RequestParser::parse(std::string_view bytes) {
  std::size_t used = 0;
  const bool headers_were_done = headers_are_done();
  while (used < bytes.size() && !is_done() && !failure() && headers_are_done() == headers_were_done) {
    ErrorCode error;
    const std::size_t taken = impl_->put({bytes.data() + used, bytes.size() - used}, error);
    used += taken;
    if (error == http::error::need_more) break;
    if (error) impl_->fail(failure_for(error, impl_->body_bytes_max));
    if (taken == 0) break;
  }
  return used;
}

bool RequestParser::headers_are_done() const {
  return impl_->is_header_done();
}
bool RequestParser::is_done() const {
  return impl_->is_done();
}
const std::optional<Router::Failure>& RequestParser::failure() const {
  return impl_->failure;
}
HttpRequest& RequestParser::request() {
  return impl_->request;
}
BodyBudget::Share RequestParser::take_share() {
  return std::move(impl_->share);
}
std::string_view RequestParser::target() const {
  return impl_->target;
}
bool RequestParser::is_http_1_0() const {
  return impl_->http_version < 11;
}
bool RequestParser::keep_alive() const {
  return impl_->keep_alive();
}
bool RequestParser::expects_continue() const {
  return ascii_lower(std::string(impl_->request.header("expect"))) == "100-continue";
}

std::optional<std::string> decode_percent(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    unsigned value = 0;
    const std::string_view digits = text.substr(i + 1, 2);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (digits.size() != 2 || error != std::errc{} || end != digits.data() + 2) return std::nullopt;
    decoded += static_cast<char>(value);
    i += 2;
  }
  return decoded;
}

}  // namespace hearth
