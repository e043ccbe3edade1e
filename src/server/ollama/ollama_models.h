// What Ollama's API says about models: /api/tags, /api/show, /api/ps. Pure.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "server/model_service.h"

namespace hearth {

// "8.0B", "656.2K": a count of parameters as Ollama shows it.
std::string ollama_count(std::int64_t count);

// {"version", "hearth"}: that of Ollama's API that is spoken, and Hearth's own.
boost::json::object ollama_version();

// A model as the lists have it.
boost::json::object ollama_tag(const ServedModel& model);

// {"models": […]} with the one that is served.
boost::json::object ollama_tags(const ServedModel& model);
boost::json::object ollama_ps(const ServedModel& model);
// The context length in model_info is the one that is served: a client that plans by it is not refused.
boost::json::object ollama_show(const ServedModel& model);

}  // namespace hearth
