// Texts as vectors: a prompt's last state after the output norm, at length 1. What the embedding endpoints of the APIs
// share.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "server/model_service.h"

namespace hearth {

struct Embeddings {
  std::vector<std::vector<float>> vectors;  // [prompts][dimensions]
  std::int64_t prompt_tokens = 0;
};

// All prompts at once; throws HttpError as ModelService::start() does, and 400 where more dimensions are asked for than
// the model has. Fewer are the first ones, at length 1 again.
boost::asio::awaitable<Embeddings> embed_prompts(ModelService& service, std::vector<std::vector<TokenId>> prompts,
                                                 std::optional<std::int64_t> dimensions, std::string_view api);

// The first `dimensions` (at most the vector's) at length 1; zeros stay zeros.
std::vector<float> normalized(std::vector<float> vector, std::size_t dimensions);

}  // namespace hearth
