#include "server/http/json_reply.h"

#include <fmt/format.h>

#include <utility>

#include "base/json_value.h"

namespace hearth {

boost::asio::awaitable<void> reply_json(Exchange& exchange, boost::json::value body, unsigned status,
                                        std::string content_type, HttpHeaders headers) {
  std::string text = serialized_json(body);
  co_await exchange.reply(status, std::move(text), std::move(content_type), std::move(headers));
}

double as_written(float number) {
  return std::stod(fmt::format("{}", number));
}

}  // namespace hearth
