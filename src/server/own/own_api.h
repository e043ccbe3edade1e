// The endpoints that are Hearth's own: /health, /ready, /metrics, /props, /traces, /v1/requests/{id}, /tokenize,
// /detokenize, /apply-template.
#pragma once

#include "server/http/exchange.h"
#include "server/model_service.h"
#include "server/own/load_progress.h"

namespace hearth {

// `progress` is what /ready and the like report while the model is loading; set from any thread.
void add_own_routes(Router& router, ModelService& service, const LoadProgress& progress);

}  // namespace hearth
