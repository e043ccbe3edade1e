// OpenAI's API over one model: /v1/chat/completions, /v1/completions, /v1/responses, /v1/embeddings, /v1/models,
// and /v1/rerank, which is Cohere's and others'.
#pragma once

#include <string>

#include "server/http/exchange.h"
#include "server/model_service.h"

namespace hearth {

void add_openai_routes(Router& router, ModelService& service);
// What goes wrong, in this API's form. Hearth's own endpoints use it as well.
std::string openai_error_body(const Router::Failure& failure);

}  // namespace hearth
