// What `hearth embed` and `hearth rerank` do before they read their texts.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "commands/model_session.h"

namespace hearth {

// Binds and loads the session's model for an Embedder of these texts. `context` 0: as much as the longest one takes.
void load_for_texts(ModelSession& session, std::int64_t context, std::span<const std::vector<std::int32_t>> texts);

}  // namespace hearth
