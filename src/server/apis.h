// The APIs that the server speaks, each a set of routes over one model.
#pragma once

#include <string>

#include "server/exchange.h"
#include "server/model_service.h"

namespace hearth {

// /v1/chat/completions, /v1/completions, /v1/responses, /v1/embeddings, /v1/models.
void add_openai_routes(Router& router, ModelService& service);
std::string openai_error_body(const Router::Failure& failure);

// /v1/messages, /v1/messages/count_tokens.
void add_anthropic_routes(Router& router, ModelService& service);
std::string anthropic_error_body(const Router::Failure& failure);

// /api/generate, /api/chat, /api/tags, /api/show, /api/ps, /api/embed, /api/version.
void add_ollama_routes(Router& router, ModelService& service);
std::string ollama_error_body(const Router::Failure& failure);

// What `GET /ready` and the like report while the model is loading; set from any thread.
class LoadProgress;

// /health, /ready, /metrics, /props, /traces, /v1/requests/{id}, /tokenize, /detokenize, /apply-template.
void add_own_routes(Router& router, ModelService& service, const LoadProgress& progress);

}  // namespace hearth
