// Texts as vectors: a prompt's last state after the output norm, at length 1. What the embedding endpoints of the APIs
// share.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/model_service.h"

namespace hearth {

struct Embeddings {
  std::vector<std::vector<float>> vectors;  // [prompts][dimensions]
  std::int64_t prompt_tokens = 0;
};

// As many as OpenAI takes in one request.
inline constexpr std::size_t kEmbeddingsMax = 2048;
// Throws HttpError 400 for more, about the field `param`.
void check_embedding_count(std::size_t count, const std::string& param);

struct EmbeddingPrompts {
  std::vector<PreparedRequest> requests;
  std::size_t dimensions = 0;
};
// On any thread. Throws HttpError as ModelService::prepare() does, and 400 where more dimensions are asked for than the
// model has. Fewer are the first ones, at length 1 again.
EmbeddingPrompts prepare_embeddings(const ModelService& service, std::vector<std::vector<TokenId>> prompts,
                                    std::optional<std::int64_t> dimensions, std::string_view api);

// A portion of the prompts at a time, so that many are no more for the queue than a few. Throws HttpError as
// ModelService::start() does.
boost::asio::awaitable<Embeddings> embed_prompts(ModelService& service, EmbeddingPrompts prompts, std::string_view api);

// The first `dimensions` (at most the vector's) at length 1; zeros stay zeros.
std::vector<float> normalized(std::vector<float> vector, std::size_t dimensions);

}  // namespace hearth
