// /v1/embeddings.
#include <boost/json/array.hpp>
#include <functional>
#include <limits>
#include <string>
#include <utility>

#include "base/json_value.h"
#include "server/embeddings.h"
#include "server/from_body.h"
#include "server/generation_request.h"
#include "server/http/json_reply.h"
#include "server/openai/openai_handlers.h"
#include "server/openai/openai_request_fields.h"
#include "text/unicode/base64.h"

namespace hearth {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

constexpr std::string_view kApi = "/v1/embeddings";

constexpr std::string_view kFields[] = {"model", "input", "encoding_format", "dimensions", "input_type", "prompt_name"};
constexpr std::string_view kWithoutEffect[] = {"user"};

struct EmbeddingRequest {
  std::vector<PromptText> inputs;
  std::optional<std::int64_t> dimensions;
  bool as_base64 = false;
  std::optional<std::string> prompt_name, input_type;
};

EmbeddingRequest parse_embedding_request(const json::object& body) {
  const Fields fields(body);
  refuse_unknown_fields(fields, {kFields, kWithoutEffect}, false);
  EmbeddingRequest request;
  request.inputs = read_prompts(fields, "input");
  check_embedding_count(request.inputs.size(), "input");
  request.dimensions = fields.integer("dimensions", 1, std::numeric_limits<std::int32_t>::max());
  const std::string_view format = fields.string("encoding_format").value_or("float");
  if (format != "float" && format != "base64") {
    throw bad_request("'encoding_format' must be \"float\" or \"base64\"", "encoding_format");
  }
  request.as_base64 = format == "base64";
  const auto text = [&](std::string_view name) {
    const auto value = fields.string(name);
    return value ? std::optional<std::string>(*value) : std::nullopt;
  };
  request.prompt_name = text("prompt_name");
  request.input_type = text("input_type");
  return request;
}

// As OpenAI's clients expect it: float32, little-endian.
json::value encoded(const std::vector<float>& vector, bool as_base64) {
  if (!as_base64) return json::array(vector.begin(), vector.end());
  const auto* bytes = reinterpret_cast<const char*>(vector.data());
  return json::value(base64_encode({bytes, vector.size() * sizeof(float)}));
}

}  // namespace

asio::awaitable<void> answer_embeddings(Exchange& exchange, ModelService& service) {
  service.model();
  struct Made {
    bool as_base64;
    EmbeddingPrompts prompts;
  };
  auto make = [&](const json::object& body) {
    EmbeddingRequest request = parse_embedding_request(body);
    const std::string prefix = embedding_prefix(service, request.prompt_name, request.input_type);
    for (PromptText& input : request.inputs) {
      if (auto* text = std::get_if<std::string>(&input)) *text = prefix + *text;
    }
    return Made{request.as_base64, prepare_embeddings(service, encode_prompts(service, request.inputs, "input"),
                                                      request.dimensions, kApi)};
  };
  Made made = co_await from_body(exchange, service, make);
  const Embeddings embeddings = co_await embed_prompts(service, std::move(made.prompts), kApi);
  std::string text;
  std::function<void()> write = [&] {
    json::array data;
    for (const std::vector<float>& vector : embeddings.vectors) {
      data.push_back({{"object", "embedding"}, {"index", data.size()}, {"embedding", encoded(vector, made.as_base64)}});
    }
    text = serialized_json(json::object{
        {"object", "list"},
        {"data", std::move(data)},
        {"model", service.model().name},
        {"usage", {{"prompt_tokens", embeddings.prompt_tokens}, {"total_tokens", embeddings.prompt_tokens}}}});
  };
  co_await service.run_in_pool(std::move(write));
  HttpHeaders headers;
  co_await exchange.reply(200, std::move(text), std::string(kJsonContentType), std::move(headers));
}

}  // namespace hearth
