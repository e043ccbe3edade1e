// A host's addresses, within a time: resolving a name cannot be interrupted, and a name server that is away keeps it
// for half a minute.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <functional>
#include <future>

#include "server/http/http_url.h"

namespace hearth {

class NameLookup {
 public:
  using Addresses = boost::asio::ip::tcp::resolver::results_type;
  using Resolve = std::function<Addresses(const HttpUrl&)>;

  explicit NameLookup(Resolve resolve = resolve_now) : resolve_(std::move(resolve)) {}

  // Throws boost::system::system_error: what resolving says, or that the time is over. One that takes longer goes on in
  // a thread of its own, which is left behind, and the next call waits for it again. Always of one and the same target.
  Addresses find(const HttpUrl& target, std::chrono::milliseconds timeout);

  static Addresses resolve_now(const HttpUrl& target);

 private:
  Resolve resolve_;
  std::future<Addresses> pending_;
};

}  // namespace hearth
