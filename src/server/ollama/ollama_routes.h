// Ollama's API over one model: /api/generate, /api/chat, /api/tags, /api/show, /api/ps, /api/embed, /api/version.
#pragma once

#include <string>

#include "server/http/exchange.h"
#include "server/model_service.h"

namespace hearth {

void add_ollama_routes(Router& router, ModelService& service);
std::string ollama_error_body(const Router::Failure& failure);

}  // namespace hearth
