// A request passed on to another server of this machine, and its answer as it comes.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <string>

#include "server/http/exchange.h"

namespace hearth {

// Streams what is streamed. Throws HttpError 502 where the other server breaks off before it answers. A client that
// leaves closes the connection to it.
boost::asio::awaitable<void> forward_request(Exchange& exchange, std::uint16_t port, std::string key);

// The status that GET `path` is answered with; 0: no answer.
boost::asio::awaitable<unsigned> status_of(std::uint16_t port, std::string key, std::string path);

}  // namespace hearth
