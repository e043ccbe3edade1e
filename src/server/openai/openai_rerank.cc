// /v1/rerank, /v1/reranking and /v2/rerank: how well documents answer a query. What Cohere, Jina and vLLM take and
// answer; with `texts` in place of `documents`, the list that text-embeddings-inference answers. llama.cpp has both.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <functional>
#include <limits>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/json_value.h"
#include "server/embeddings.h"
#include "server/from_body.h"
#include "server/generation_request.h"
#include "server/http/json_reply.h"
#include "server/openai/openai_handlers.h"

namespace hearth {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

constexpr std::string_view kApi = "/v1/rerank";

constexpr std::string_view kFields[] = {"model",       "query",     "documents", "texts", "top_n", "return_documents",
                                        "return_text", "raw_scores"};
constexpr std::string_view kWithoutEffect[] = {"user"};

struct RerankRequest {
  std::string query;
  std::vector<std::string> documents;  // not empty
  std::size_t count = 0;               // of the best documents that are wanted
  bool with_documents = false;
  bool raw = false;      // logits
  bool as_list = false;  // the answer is a list alone
};

// Each a text, or an object with a `text`.
std::vector<std::string> read_documents(const Fields& fields, std::string_view name) {
  const json::array& elements = fields.required_array(name);
  const std::string path(name);
  if (elements.empty()) throw bad_request(fmt::format("'{}' is empty", name), path);
  check_embedding_count(elements.size(), path);
  std::vector<std::string> documents;
  for (std::size_t i = 0; i < elements.size(); ++i) {
    if (elements[i].is_string()) {
      documents.emplace_back(elements[i].get_string());
    } else if (elements[i].is_object()) {
      documents.emplace_back(object_at(elements, i, path).required_string("text"));
    } else {
      const std::string element = fmt::format("{}[{}]", path, i);
      throw bad_request(fmt::format("'{}' must be a text, or an object with one", element), element);
    }
  }
  return documents;
}

RerankRequest parse_rerank_request(const json::object& body) {
  const Fields fields(body);
  refuse_unknown_fields(fields, {kFields, kWithoutEffect}, false);
  RerankRequest request;
  request.query = fields.required_string("query");
  if (request.query.empty()) throw bad_request("'query' is empty", "query");
  request.as_list = fields.find("documents") == nullptr && fields.find("texts") != nullptr;
  request.documents = read_documents(fields, request.as_list ? "texts" : "documents");
  const std::int64_t wanted =
      fields.integer("top_n", 1, std::numeric_limits<std::int32_t>::max()).value_or(std::ssize(request.documents));
  request.count = std::min(request.documents.size(), static_cast<std::size_t>(wanted));
  const bool with_text = fields.boolean("return_text").value_or(false);
  request.with_documents = fields.boolean("return_documents").value_or(with_text);
  request.raw = fields.boolean("raw_scores").value_or(false);
  return request;
}

std::vector<PreparedRequest> prepare_pairs(const ModelService& service, const RerankSpec& spec,
                                           const RerankRequest& request) {
  std::vector<PreparedRequest> prepared;
  for (const std::string& document : request.documents) {
    Request pair;
    try {
      TokenPair input = rerank_input(spec, service.tokenizer(), request.query, document);
      pair.prompt = std::move(input.ids);
      pair.second_begin = input.second_begin;
    } catch (const Error& error) {
      throw bad_request(error.what(), "documents");
    }
    pair.embed = true;
    prepared.push_back(service.prepare(std::move(pair), kApi));
  }
  return prepared;
}

json::value results_json(const RerankRequest& request, const std::vector<float>& logits) {
  json::array results;
  for (const std::size_t i : ranked(logits, request.count)) {
    const double score = request.raw ? static_cast<double>(logits[i]) : relevance(logits[i]);
    json::object result{{"index", i}, {request.as_list ? "score" : "relevance_score", score}};
    if (request.with_documents && request.as_list) result["text"] = request.documents[i];
    if (request.with_documents && !request.as_list) result["document"] = {{"text", request.documents[i]}};
    results.push_back(std::move(result));
  }
  return results;
}

}  // namespace

asio::awaitable<void> answer_rerank(Exchange& exchange, ModelService& service) {
  const std::optional<RerankSpec>& spec = service.model().rerank;
  if (!spec) throw bad_request("the model is no reranker: its files have no head that ranks");
  struct Made {
    RerankRequest request;
    std::vector<PreparedRequest> pairs;
  };
  auto make = [&](const json::object& body) {
    RerankRequest request = parse_rerank_request(body);
    std::vector<PreparedRequest> pairs = prepare_pairs(service, *spec, request);
    return Made{std::move(request), std::move(pairs)};
  };
  Made made = co_await from_body(exchange, service, make);
  Embeddings states = co_await pool_prompts(service, std::move(made.pairs), kApi);
  std::string text;
  std::function<void()> write = [&] {
    std::vector<float> logits;
    for (std::vector<float>& pooled : states.vectors) logits.push_back(rerank_logit(*spec, std::move(pooled)));
    json::value results = results_json(made.request, logits);
    text = made.request.as_list
               ? serialized_json(std::move(results))
               : serialized_json(json::object{
                     {"object", "list"},
                     {"model", service.model().name},
                     {"results", std::move(results)},
                     {"usage", {{"prompt_tokens", states.prompt_tokens}, {"total_tokens", states.prompt_tokens}}}});
  };
  co_await service.run_in_pool(std::move(write));
  HttpHeaders headers;
  co_await exchange.reply(200, std::move(text), std::string(kJsonContentType), std::move(headers));
}

}  // namespace hearth
