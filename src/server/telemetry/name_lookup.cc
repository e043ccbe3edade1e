#include "server/telemetry/name_lookup.h"

#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/system_error.hpp>
#include <memory>
#include <thread>
#include <utility>

namespace hearth {

namespace asio = boost::asio;

NameLookup::Addresses NameLookup::resolve_now(const HttpUrl& target) {
  asio::io_context context;
  return asio::ip::tcp::resolver(context).resolve(target.host, target.port);
}

NameLookup::Addresses NameLookup::find(const HttpUrl& target, std::chrono::milliseconds timeout) {
  if (!pending_.valid()) {
    auto found = std::make_shared<std::promise<Addresses>>();
    pending_ = found->get_future();
    std::thread([found, target, resolve = resolve_] {
      try {
        found->set_value(resolve(target));
      } catch (...) {
        found->set_exception(std::current_exception());
      }
    }).detach();
  }
  if (pending_.wait_for(timeout) != std::future_status::ready) {
    throw boost::system::system_error(asio::error::timed_out, "resolving the host's name");
  }
  return std::exchange(pending_, {}).get();
}

}  // namespace hearth
