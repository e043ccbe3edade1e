#include "server/embeddings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <memory>
#include <utility>

#include "server/fields.h"
#include "server/generation_failure.h"

namespace hearth {

namespace asio = boost::asio;

std::vector<float> normalized(std::vector<float> vector, std::size_t dimensions) {
  vector.resize(std::min(dimensions, vector.size()));
  double sum = 0;
  for (const float x : vector) sum += static_cast<double>(x) * static_cast<double>(x);
  const double scale = sum > 0 ? 1 / std::sqrt(sum) : 0;
  for (float& x : vector) x = static_cast<float>(static_cast<double>(x) * scale);
  return vector;
}

void check_embedding_count(std::size_t count, const std::string& param) {
  if (count <= kEmbeddingsMax) return;
  throw bad_request(fmt::format("'{}' has {} texts; {} are possible", param, count, kEmbeddingsMax), param);
}

EmbeddingPrompts prepare_embeddings(const ModelService& service, std::vector<std::vector<TokenId>> prompts,
                                    std::optional<std::int64_t> dimensions, std::string_view api) {
  const std::int64_t width = service.model().width;
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
void start_some(ModelService& service, EmbeddingPrompts& prompts, std::size_t& next,
                std::deque<std::unique_ptr<GenerationStream>>& streams, std::string_view api) {
  constexpr std::size_t kPortion = 64;
  while (next < prompts.requests.size() && streams.size() < kPortion) {
    try {
      streams.push_back(service.start(std::move(prompts.requests[next]), api));
    } catch (const HttpError& error) {
      if (streams.empty() || error.failure().status != 429) throw;
      return;
    }
    ++next;
  }
}

}  // namespace

asio::awaitable<Embeddings> embed_prompts(ModelService& service, EmbeddingPrompts prompts, std::string_view api) {
  std::deque<std::unique_ptr<GenerationStream>> streams;
  std::size_t next = 0;
  Embeddings result;
  while (result.vectors.size() < prompts.requests.size()) {
    start_some(service, prompts, next, streams, api);
    GenerationStream::Event event = co_await streams.front()->next();
    streams.pop_front();
    GenerationEnd& end = std::get<GenerationEnd>(event);  // there are no tokens
    if (const auto failure = generation_failure(end)) throw HttpError(*failure);
    result.prompt_tokens += end.usage.prompt_tokens;
    result.vectors.push_back(normalized(std::move(end.embedding), prompts.dimensions));
  }
  co_return result;
}

}  // namespace hearth
