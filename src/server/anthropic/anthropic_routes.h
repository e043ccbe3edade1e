// Anthropic's API over one model: /v1/messages, /v1/messages/count_tokens.
#pragma once

#include <string>

#include "server/http/exchange.h"
#include "server/model_service.h"

namespace hearth {

void add_anthropic_routes(Router& router, ModelService& service);
std::string anthropic_error_body(const Router::Failure& failure);

}  // namespace hearth
