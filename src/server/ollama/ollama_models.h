// What Ollama's API says about models: /api/tags, /api/show, /api/ps. Pure.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "server/model_service.h"

namespace hearth {

// "8.0B", "656.2K": a count of parameters as Ollama shows it.
std::string ollama_count(std::int64_t count);

// {"models": […]} with the one that is served.
boost::json::object ollama_tags(const ServedModel& model);
boost::json::object ollama_ps(const ServedModel& model);
// The context length in model_info is the one that is served: a client that plans by it is not refused.
boost::json::object ollama_show(const ServedModel& model);

}  // namespace hearth
