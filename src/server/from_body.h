// What handlers make of a request's body, off the I/O thread.
#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include "server/fields.h"
#include "server/model_service.h"

namespace hearth {

// The result of `make(body)`, which is computed in the service's pool: parsing, checking, templates, tokens. Neither
// the body nor its JSON is kept any longer than that. Throws what make() and parse_body() do.
template <typename Make>
auto from_body(Exchange& exchange, ModelService& service, Make make)
    -> boost::asio::awaitable<std::invoke_result_t<Make, const boost::json::object&>> {
  std::optional<std::invoke_result_t<Make, const boost::json::object&>> result;
  std::function<void()> work = [&] {
    const boost::json::object body = parse_body(exchange.request());
    result.emplace(make(body));
  };
  co_await service.run_in_pool(std::move(work));
  exchange.release_body();
  co_return std::move(*result);
}

}  // namespace hearth
