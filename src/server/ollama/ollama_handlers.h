// Handlers of Ollama's API that stand in files of their own.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "server/http/exchange.h"
#include "server/model_service.h"

namespace hearth {

boost::asio::awaitable<void> ollama_embed(Exchange& exchange, ModelService& service);
boost::asio::awaitable<void> ollama_embeddings(Exchange& exchange, ModelService& service);

}  // namespace hearth
