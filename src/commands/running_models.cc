#include "commands/running_models.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdio>

#include "base/error.h"
#include "base/escape.h"
#include "base/json_value.h"
#include "hub/file_choice.h"
#include "hub/web_client.h"

namespace hearth {
namespace {

namespace json = boost::json;

constexpr std::uint64_t kAnswerBytesMax = 16 << 20;

std::int64_t number_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_int64() ? value->get_int64() : 0;
}

json::object ask(const RunningOptions& options, const std::string& method, const std::string& path, std::string body) {
  WebRequest request;
  request.method = method;
  request.address = parse_web_address(options.server);
  request.address.target = path;
  if (!options.api_key.empty()) request.headers.emplace_back("Authorization", "Bearer " + options.api_key);
  if (!body.empty()) request.headers.emplace_back("Content-Type", "application/json");
  request.body = std::move(body);
  request.body_bytes_max = kAnswerBytesMax;
  WebClient client({});
  unsigned status = 0;
  std::string text;
  try {
    status = client.send(request).status;
    text = client.read_all();
  } catch (const ConnectionFailed& error) {
    throw InvalidInput(fmt::format("no server answers: {}; --server says where it is", error.what()));
  }
  const ParsedJson parsed = parse_json(text, 32, BigIntegers::kAsDouble);
  if (parsed.error || !parsed.value.is_object()) throw InvalidInput(fmt::format("{} is no Hearth", options.server));
  if (status == 200) return parsed.value.get_object();
  const json::value* error = parsed.value.get_object().if_contains("error");
  std::string why = text_member(parsed.value.get_object(), "error");
  if (error != nullptr && error->is_object()) why = text_member(error->get_object(), "message");
  throw InvalidInput(fmt::format("{} answers {}: {}", options.server, status, why));
}

}  // namespace

void list_running(const RunningOptions& options) {
  const json::object answer = ask(options, "GET", "/api/ps", "");
  const json::value* models = answer.if_contains("models");
  if (models == nullptr || !models->is_array()) throw InvalidInput(fmt::format("{} is no Hearth", options.server));
  if (options.json) {
    std::puts(serialized_json(*models).c_str());
    return;
  }
  std::size_t width = 4;
  for (const json::value& model : models->get_array()) {
    if (model.is_object()) width = std::max(width, text_member(model.get_object(), "name").size());
  }
  fmt::print("{:<{}}  {:>10}  {:>8}  {}\n", "NAME", width, "SIZE", "REQUESTS", "UNTIL");
  for (const json::value& value : models->get_array()) {
    if (!value.is_object()) continue;
    const json::object& model = value.get_object();
    const std::string until = text_member(model, "expires_at");
    fmt::print("{:<{}}  {:>10}  {:>8}  {}\n", printable_text(text_member(model, "name")), width,
               bytes_text(number_of(model, "size")), number_of(model, "requests"), printable_text(until.substr(0, 19)));
  }
}

void stop_running(const RunningOptions& options, const std::string& model) {
  const json::object body{{"model", model}, {"keep_alive", 0}, {"stream", false}};
  ask(options, "POST", "/api/generate", serialized_json(body));
}

}  // namespace hearth
