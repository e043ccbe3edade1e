// Texts as vectors: a prompt's states, pooled as the model's files say, at length 1. What the embedding endpoints of
// the APIs share.
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

// What a text begins with: by the name of a prompt in the model's files, or by what the text is for ("query",
// "passage", "document"); without either, the model's default. Throws HttpError 400 for a prompt that there is not; a
// purpose without one is no error.
std::string embedding_prefix(const ModelService& service, const std::optional<std::string>& prompt_name,
                             const std::optional<std::string>& input_type);

struct EmbeddingPrompts {
  std::vector<PreparedRequest> requests;
  std::size_t dimensions = 0;
};
// On any thread. Throws HttpError as ModelService::prepare() does, and 400 where more dimensions are asked for than the
// model has. Fewer are the first ones, at length 1 again.
EmbeddingPrompts prepare_embeddings(const ModelService& service, std::vector<std::vector<TokenId>> prompts,
                                    std::optional<std::int64_t> dimensions, std::string_view api);

// Of the requests' prompts, each with Request::embed: the states as the engine pools them. A portion at a time, so that
// many are no more for the queue than a few. Throws HttpError as ModelService::start() does.
boost::asio::awaitable<Embeddings> pool_prompts(ModelService& service, std::vector<PreparedRequest> requests,
                                                std::string_view api);

// The same at length 1, of so many dimensions as were asked for.
boost::asio::awaitable<Embeddings> embed_prompts(ModelService& service, EmbeddingPrompts prompts, std::string_view api);

}  // namespace hearth
