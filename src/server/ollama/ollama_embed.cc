// POST /api/embed and its older form /api/embeddings.
#include <boost/json/array.hpp>
#include <chrono>
#include <functional>
#include <limits>
#include <utility>

#include "base/json_value.h"
#include "server/embeddings.h"
#include "server/from_body.h"
#include "server/http/json_reply.h"
#include "server/ollama/ollama_answer.h"
#include "server/ollama/ollama_handlers.h"
#include "server/ollama/ollama_request.h"

namespace hearth {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

using Clock = std::chrono::steady_clock;

std::vector<std::string> read_texts(const Fields& fields) {
  std::vector<std::string> texts;
  const json::value* input = fields.find("input");
  if (input == nullptr) throw bad_request("'input' is missing", "input");
  if (input->is_string()) return {std::string(input->get_string())};
  if (fields.required_array("input").empty()) throw bad_request("'input' is empty", "input");
  check_embedding_count(fields.required_array("input").size(), "input");
  for (const json::value& text : fields.required_array("input")) {
    if (!text.is_string()) throw bad_request("'input' must be a text or an array of texts", "input");
    texts.emplace_back(text.get_string());
  }
  return texts;
}

json::array numbers(const std::vector<float>& vector) {
  return json::array(vector.begin(), vector.end());
}

// Nothing is ever cut off in silence.
void refuse_truncation(const Fields& fields) {
  if (fields.boolean("truncate").value_or(false)) {
    throw bad_request("'truncate' is not supported: a text that exceeds the context is refused", "truncate");
  }
}

// Written where it keeps nobody waiting: many vectors are millions of digits.
asio::awaitable<void> reply_in_pool(Exchange& exchange, ModelService& service, std::function<json::object()> make) {
  std::string text;
  std::function<void()> write = [&] { text = serialized_json(make()); };
  co_await service.run_in_pool(std::move(write));
  HttpHeaders headers;
  std::string type(kOllamaContentType);
  co_await exchange.reply(200, std::move(text), std::move(type), std::move(headers));
}

}  // namespace

asio::awaitable<void> ollama_embed(Exchange& exchange, ModelService& service) {
  const auto start = Clock::now();
  service.model();
  struct Made {
    std::string model;
    EmbeddingPrompts prompts;
  };
  auto make = [&](const json::object& body) {
    const Fields fields(body);
    std::string model = parse_ollama_model(body, service.model());
    refuse_truncation(fields);
    std::vector<std::vector<TokenId>> prompts;
    const std::string& prefix = service.model().embedding.default_prompt;
    for (const std::string& text : read_texts(fields)) prompts.push_back(service.encode_prompt(prefix + text));
    const auto dimensions = fields.integer("dimensions", 1, std::numeric_limits<std::int32_t>::max());
    return Made{std::move(model), prepare_embeddings(service, std::move(prompts), dimensions, "/api/embed")};
  };
  Made made = co_await from_body(exchange, service, make);
  const Embeddings embeddings = co_await embed_prompts(service, std::move(made.prompts), "/api/embed");
  std::function<json::object()> answer = [&] {
    json::object object{{"model", made.model}};
    json::array& vectors = object["embeddings"].emplace_array();
    for (const std::vector<float>& vector : embeddings.vectors) vectors.push_back(numbers(vector));
    object["total_duration"] = std::chrono::nanoseconds(Clock::now() - start).count();
    object["load_duration"] = 0;
    object["prompt_eval_count"] = embeddings.prompt_tokens;
    return object;
  };
  co_await reply_in_pool(exchange, service, std::move(answer));
}

asio::awaitable<void> ollama_embeddings(Exchange& exchange, ModelService& service) {
  service.model();
  auto make = [&](const json::object& body) {
    parse_ollama_model(body, service.model());
    const Fields fields(body);
    refuse_truncation(fields);
    std::vector<std::vector<TokenId>> prompts{service.encode_prompt(fields.required_string("prompt"))};
    return prepare_embeddings(service, std::move(prompts), std::nullopt, "/api/embeddings");
  };
  EmbeddingPrompts prompts = co_await from_body(exchange, service, make);
  const Embeddings embeddings = co_await embed_prompts(service, std::move(prompts), "/api/embeddings");
  json::object answer{{"embedding", numbers(embeddings.vectors.front())}};
  co_await reply_json(exchange, std::move(answer), 200, kOllamaContentType);
}

}  // namespace hearth
