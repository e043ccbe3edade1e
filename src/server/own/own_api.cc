// The endpoints that are Hearth's own: how the server is, what it runs, and the model's vocabulary and template.
//
// /tokenize, /detokenize and /apply-template take and answer what llama.cpp's server does.
#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <functional>

#include "base/json_value.h"
#include "base/utf8.h"
#include "server/from_body.h"
#include "server/http/json_reply.h"
#include "server/openai/openai_request.h"
#include "server/openai/openai_routes.h"
#include "server/own/load_progress.h"
#include "server/own/own_api.h"
#include "server/token_logprobs.h"

namespace hearth {
namespace {

namespace asio = boost::asio;
using boost::json::array;
using boost::json::object;
using boost::json::value;

constexpr std::size_t kTracesDefault = 32;
asio::awaitable<void> reply_text(Exchange& exchange, std::string text, std::string type) {
  HttpHeaders headers;
  co_await exchange.reply(200, std::move(text), std::move(type), std::move(headers));
}

asio::awaitable<void> ready(Exchange& exchange, const ModelService& service, const LoadProgress& progress) {
  object body;
  unsigned status = 503;
  if (service.draining()) {
    body["status"] = "draining";
  } else if (service.ready()) {
    body["status"] = "ready";
    status = 200;
  } else {
    body["status"] = "loading";
    body["progress"] = std::floor(progress.fraction() * 1000) / 1000;
  }
  value answer(std::move(body));
  co_await reply_json(exchange, std::move(answer), status);
}

asio::awaitable<void> metrics(Exchange& exchange, const ModelService& service) {
  std::string text = service.ready() ? service.metrics().exposition(service.engine().stats(), service.engine().ledger(),
                                                                    service.model().weight_bytes)
                                     : service.metrics().exposition({}, {}, 0);
  std::string type = "text/plain; version=0.0.4; charset=utf-8";
  co_await reply_text(exchange, std::move(text), std::move(type));
}

object sampling_json(const SamplerOptions& options) {
  object json;
  for (const SamplerOption& option : sampler_option_table()) {
    const auto* number = std::get_if<float SamplerOptions::*>(&option.member);
    if (number != nullptr) {
      json[option.name] = as_written(options.*(*number));
    } else {
      json[option.name] = options.*std::get<std::int32_t SamplerOptions::*>(option.member);
    }
  }
  array stages;
  for (const SamplerStage stage : options.stages) stages.emplace_back(stage_name(stage));
  json["samplers"] = std::move(stages);
  return json;
}

object props_json(const ModelService& service) {
  const ServedModel& model = service.model();
  const EngineStats stats = service.engine().stats();
  const Tokenizer& tokenizer = service.tokenizer();
  const auto text_of = [&](std::optional<TokenId> id) -> value {
    return id ? value(boost::json::string(tokenizer.token_text(*id))) : value(nullptr);
  };
  object sampling = sampling_json(service.sampling_defaults());
  object generation{{"n_ctx", model.context}, {"params", sampling}};
  return {{"model", model.name},
          {"architecture", model.architecture},
          {"format", model.format},
          {"parameter_count", model.parameter_count},
          {"file_bytes", model.file_bytes},
          {"context", model.context},
          {"context_model", model.context_model},
          {"parallel", service.engine().sequences_max()},
          {"cache_blocks", stats.block_count},
          {"vocabulary", model.vocabulary},
          {"bos_token", text_of(tokenizer.bos())},
          {"eos_token", text_of(tokenizer.eos())},
          {"chat_template", model.chat_template_text},
          {"sampling", std::move(sampling)},
          {"device", model.device},
          {"compute", model.compute},
          {"hash", model.hash},
          {"system_fingerprint", model.fingerprint},
          {"build", model.build},
          // As llama.cpp's server names them, for the tools that ask it.
          {"default_generation_settings", std::move(generation)},
          {"total_slots", service.engine().sequences_max()},
          {"build_info", model.build}};
}

asio::awaitable<void> props(Exchange& exchange, const ModelService& service) {
  value answer(props_json(service));
  co_await reply_json(exchange, std::move(answer));
}

std::size_t count_argument(std::string_view query) {
  constexpr std::string_view kName = "count=";
  for (std::size_t at = 0; at < query.size();) {
    const std::size_t end = std::min(query.find('&', at), query.size());
    const std::string_view part = query.substr(at, end - at);
    at = end + 1;
    if (!part.starts_with(kName)) continue;
    std::size_t count = 0;
    const char* const last = part.data() + part.size();
    const auto [stop, error] = std::from_chars(part.data() + kName.size(), last, count);
    if (error != std::errc{} || stop != last) throw bad_request("'count' must be a whole number", "count");
    return count;
  }
  return kTracesDefault;
}

asio::awaitable<void> traces(Exchange& exchange, const ModelService& service) {
  value answer(object{{"traces", service.log().traces(count_argument(exchange.request().query))}});
  co_await reply_json(exchange, std::move(answer));
}

object known_request(const ModelService& service, const std::string& id) {
  auto found = service.log().find(id);
  if (found) return std::move(*found);
  Router::Failure failure;
  failure.status = 404;
  failure.message = fmt::format("there is no request '{}', or it ended long ago", repair_utf8(id));
  throw HttpError(std::move(failure));
}

asio::awaitable<void> show_request(Exchange& exchange, const ModelService& service) {
  value answer(known_request(service, exchange.request().path_arguments.at(0)));
  co_await reply_json(exchange, std::move(answer));
}

asio::awaitable<void> cancel_request(Exchange& exchange, const ModelService& service) {
  const std::string& id = exchange.request().path_arguments.at(0);
  object request = known_request(service, id);
  const value& state = request["state"];
  const bool under_way = state == "queued" || state == "running";
  if (under_way) service.engine().cancel(id);
  value answer(object{{"id", id}, {"state", state}, {"cancelled", under_way}});
  co_await reply_json(exchange, std::move(answer));
}

// A token's bytes as text, or as numbers where they are no text of their own.
value piece_of(const Tokenizer& tokenizer, TokenId id) {
  const std::string bytes = spelling_of(tokenizer, id);
  bool valid = true;
  for_each_utf8_run(bytes, [&](std::string_view, bool well_formed) { valid = valid && well_formed; });
  if (valid) return boost::json::string(bytes);
  array numbers;
  for (const char byte : bytes) numbers.emplace_back(static_cast<unsigned char>(byte));
  return numbers;
}

object tokens_json(const object& body, const Tokenizer& tokenizer) {
  const Fields fields(body);
  EncodeOptions options;
  options.add_special = fields.boolean("add_special").value_or(false);
  options.parse_special = fields.boolean("parse_special").value_or(true);
  const bool with_pieces = fields.boolean("with_pieces").value_or(false);
  array tokens;
  for (const TokenId id : tokenizer.encode(fields.required_string("content"), options)) {
    if (with_pieces) {
      tokens.push_back(object{{"id", id}, {"piece", piece_of(tokenizer, id)}});
    } else {
      tokens.emplace_back(id);
    }
  }
  return {{"tokens", std::move(tokens)}};
}

object text_json(const object& body, const Tokenizer& tokenizer) {
  const Fields fields(body);
  std::vector<TokenId> ids;
  for (const value& token : fields.required_array("tokens")) {
    const std::int64_t* id = token.if_int64();
    if (id == nullptr || *id < 0 || *id >= tokenizer.vocab_size()) {
      throw bad_request(fmt::format("'tokens[{}]' must be a token of the model: a whole number from 0 to {}",
                                    ids.size(), tokenizer.vocab_size() - 1),
                        "tokens");
    }
    ids.push_back(static_cast<TokenId>(*id));
  }
  // The ids may be part of a text, and end within a character; JSON takes whole ones.
  return {{"content", repair_utf8(tokenizer.decode(ids, {.show_special = true}))}};
}

object prompt_json(object context, const ModelService& service) {
  // What chat would send; other fields of the request are variables of the template.
  for (auto& [name, variable] : parse_chat_context(Fields(context))) context[name] = variable;
  context.erase("chat_template_kwargs");
  return {{"prompt", service.render_chat(std::move(context))}};
}

// An answer that is made of the body alone, written where it keeps nobody waiting.
asio::awaitable<void> answer_from_body(Exchange& exchange, ModelService& service,
                                       std::function<object(const object&)> make) {
  service.model();
  auto write = [&](const object& body) { return serialized_json(make(body)); };
  std::string text = co_await from_body(exchange, service, write);
  std::string type(kJsonContentType);
  co_await reply_text(exchange, std::move(text), std::move(type));
}

asio::awaitable<void> tokenize(Exchange& exchange, ModelService& service) {
  return answer_from_body(exchange, service,
                          [&service](const object& body) { return tokens_json(body, service.tokenizer()); });
}

asio::awaitable<void> detokenize(Exchange& exchange, ModelService& service) {
  return answer_from_body(exchange, service,
                          [&service](const object& body) { return text_json(body, service.tokenizer()); });
}

asio::awaitable<void> apply_template(Exchange& exchange, ModelService& service) {
  return answer_from_body(exchange, service, [&service](const object& body) { return prompt_json(body, service); });
}

asio::awaitable<void> health(Exchange& exchange) {
  value answer(object{{"status", "ok"}});
  co_await reply_json(exchange, std::move(answer));
}

}  // namespace

void add_own_routes(Router& router, ModelService& service, const LoadProgress& progress) {
  const auto add = [&](std::string_view method, std::string_view pattern, Handler handler) {
    router.add(method, pattern, openai_error_body, std::move(handler));
  };
  const auto add_for_model = [&](std::string_view method, std::string_view pattern, auto handle) {
    add(method, pattern, [&service, handle](Exchange& exchange) { return handle(exchange, service); });
  };
  add("GET", "/health", health);
  add("GET", "/ready", [&](Exchange& exchange) { return ready(exchange, service, progress); });
  add_for_model("GET", "/metrics", metrics);
  add_for_model("GET", "/props", props);
  add_for_model("GET", "/traces", traces);
  add_for_model("GET", "/v1/requests/{id}", show_request);
  add_for_model("DELETE", "/v1/requests/{id}", cancel_request);
  add_for_model("POST", "/tokenize", tokenize);
  add_for_model("POST", "/detokenize", detokenize);
  add_for_model("POST", "/apply-template", apply_template);
}

}  // namespace hearth
