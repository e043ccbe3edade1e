#include "server/embeddings.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <span>
#include <utility>

#include "server/fields.h"
#include "server/generation_failure.h"

namespace hearth {

namespace asio = boost::asio;

std::string embedding_prefix(const ModelService& service, const std::optional<std::string>& prompt_name,
                             const std::optional<std::string>& input_type) {
  const EmbeddingSpec& spec = service.model().embedding;
  if (prompt_name) {
    if (const EmbeddingSpec::Prompt* found = spec.find_prompt(*prompt_name)) return found->text;
    throw bad_request(fmt::format("the model has no prompt called '{}'", *prompt_name), "prompt_name");
  }
  if (!input_type) return spec.default_prompt;
  // The same purpose has several names.
  constexpr std::string_view kQueries[]{"query", "search_query", "web_search_query"};
  constexpr std::string_view kTexts[]{"document", "passage", "search_document"};
  const bool is_query = std::ranges::find(kQueries, *input_type) != std::end(kQueries);
  if (!is_query && std::ranges::find(kTexts, *input_type) == std::end(kTexts)) {
    throw bad_request("'input_type' must be \"query\", \"passage\" or \"document\"", "input_type");
  }
  for (const std::string_view name : is_query ? std::span(kQueries) : std::span(kTexts)) {
    if (const EmbeddingSpec::Prompt* found = spec.find_prompt(name)) return found->text;
  }
  return spec.default_prompt;
}

void check_embedding_count(std::size_t count, const std::string& param) {
  if (count <= kEmbeddingsMax) return;
  throw bad_request(fmt::format("'{}' has {} texts; {} are possible", param, count, kEmbeddingsMax), param);
}

EmbeddingPrompts prepare_embeddings(const ModelService& service, std::vector<std::vector<TokenId>> prompts,
                                    std::optional<std::int64_t> dimensions, std::string_view api) {
  const ServedModel& model = service.model();
  if (model.rerank && model.rerank->ranks_alone) {
    throw bad_request("the model ranks documents and makes no vectors of texts: /v1/rerank");
  }
  const std::int64_t width = model.embedding.width;
  if (dimensions && *dimensions > width) {
    throw bad_request(fmt::format("{} dimensions were asked for; the model has {}", *dimensions, width), "dimensions");
  }
  EmbeddingPrompts prepared;
  prepared.dimensions = static_cast<std::size_t>(dimensions.value_or(width));
  for (std::vector<TokenId>& prompt : prompts) {
    Request request;
    request.prompt = std::move(prompt);
    request.embed = true;
    prepared.requests.push_back(service.prepare(std::move(request), api));
  }
  return prepared;
}

namespace {

// Starts prompts until a portion is under way. A full queue is no failure while some of them are: places will be free.
void start_some(ModelService& service, std::vector<PreparedRequest>& requests, std::size_t& next,
                std::deque<std::unique_ptr<GenerationStream>>& streams, std::string_view api) {
  constexpr std::size_t kPortion = 256;
  while (next < requests.size() && streams.size() < kPortion) {
    try {
      streams.push_back(service.start(std::move(requests[next]), api));
    } catch (const HttpError& error) {
      if (streams.empty() || error.failure().status != 429) throw;
      return;
    }
    ++next;
  }
}

}  // namespace

asio::awaitable<Embeddings> pool_prompts(ModelService& service, std::vector<PreparedRequest> requests,
                                         std::string_view api) {
  std::deque<std::unique_ptr<GenerationStream>> streams;
  std::size_t next = 0;
  Embeddings result;
  while (result.vectors.size() < requests.size()) {
    start_some(service, requests, next, streams, api);
    GenerationStream::Event event = co_await streams.front()->next();
    streams.pop_front();
    GenerationEnd& end = std::get<GenerationEnd>(event);  // there are no tokens
    if (const auto failure = generation_failure(end)) throw HttpError(*failure);
    result.prompt_tokens += end.usage.prompt_tokens;
    result.vectors.push_back(std::move(end.embedding));
  }
  co_return result;
}

asio::awaitable<Embeddings> embed_prompts(ModelService& service, EmbeddingPrompts prompts, std::string_view api) {
  Embeddings result = co_await pool_prompts(service, std::move(prompts.requests), api);
  for (std::vector<float>& vector : result.vectors) vector = normalized(std::move(vector), prompts.dimensions);
  co_return result;
}

}  // namespace hearth
