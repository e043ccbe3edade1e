// Answers that are one JSON value, and numbers as JSON should show them.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <string>

#include "server/http/exchange.h"

namespace hearth {

inline constexpr std::string_view kJsonContentType = "application/json";

// By value: a coroutine outlives its caller's temporaries.
boost::asio::awaitable<void> reply_json(Exchange& exchange, boost::json::value body, unsigned status = 200,
                                        std::string content_type = std::string(kJsonContentType),
                                        HttpHeaders headers = {});

// The number that was written, not what is left of it in a float: 0.8 and not 0.800000012.
double as_written(float number);

}  // namespace hearth
