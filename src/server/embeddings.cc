#include "server/embeddings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
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

asio::awaitable<Embeddings> embed_prompts(ModelService& service, std::vector<std::vector<TokenId>> prompts,
                                          std::optional<std::int64_t> dimensions, std::string_view api) {
  const std::int64_t width = service.model().width;
  if (dimensions && *dimensions > width) {
    throw bad_request(fmt::format("{} dimensions were asked for; the model has {}", *dimensions, width), "dimensions");
  }
  std::vector<std::unique_ptr<GenerationStream>> streams;
  for (std::vector<TokenId>& prompt : prompts) {
    Request request;
    request.prompt = std::move(prompt);
    request.embed = true;
    streams.push_back(service.start(std::move(request), api));
  }
  Embeddings result;
  for (const auto& stream : streams) {
    GenerationStream::Event event = co_await stream->next();
    GenerationEnd& end = std::get<GenerationEnd>(event);  // there are no tokens
    if (const auto failure = generation_failure(end)) throw HttpError(*failure);
    result.prompt_tokens += end.usage.prompt_tokens;
    result.vectors.push_back(
        normalized(std::move(end.embedding), static_cast<std::size_t>(dimensions.value_or(width))));
  }
  co_return result;
}

}  // namespace hearth
