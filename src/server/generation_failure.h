// Which ends of a generation are failures, and how HTTP tells them. What the APIs have in common.
#pragma once

#include <optional>

#include "engine/request.h"
#include "server/http/exchange.h"

namespace hearth {

// nullopt: the answer is whole, or as long as it was allowed to be.
std::optional<Router::Failure> generation_failure(const GenerationEnd& end);

}  // namespace hearth
