// The endpoints about models of a server without MODEL: which there are, which are loaded, and fetching, naming and
// removing them, in OpenAI's and Ollama's ways.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <optional>
#include <string>

#include "commands/serve/model_library.h"
#include "commands/serve/model_pool.h"
#include "server/http/exchange.h"

namespace hearth {

// All outlive the router.
void add_library_routes(Router& router, ModelLibrary& library, ModelPool& pool);

// A request's "model", or "name" as Ollama's older clients say; empty: it names none.
std::string named_model(const boost::json::object& body);
// A request's "keep_alive": seconds, or a text such as "5m", "1h30m", "-1"; below 0: for good. Throws HttpError 400.
std::optional<std::chrono::seconds> keep_alive(const boost::json::object& body);

// Ollama's lines about a pull, for what has changed since `shown`, which is changed along.
struct PullShown {
  bool listing = false, checking = false;
  std::vector<std::int64_t> done;
};
std::string pull_lines(const PullProgress::State& state, PullShown& shown);

}  // namespace hearth
