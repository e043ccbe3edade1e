// What Ollama's API is asked for, read from the JSON of POST /api/generate and /api/chat. Pure: no model, no sockets.
//
// Format: docs.ollama.com/api. As there, fields that nobody knows are ignored; an unknown member of `options` is
// refused, because it may be a sampling option that would be missed.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "engine/request.h"
#include "server/model_service.h"
#include "server/offered_tools.h"

namespace hearth {

// What both endpoints have.
struct OllamaRequest {
  std::string model;   // as the client names it
  Request generation;  // all but its id and its prompt
  bool stream = true;
  bool load_only = false;  // nothing is to be generated: is the model there?
};

struct OllamaGenerateRequest : OllamaRequest {
  std::string prompt, system;
  bool raw = false;              // the prompt is not put into the model's template
  std::vector<TokenId> context;  // of an earlier answer, and the prompt goes on from there
  // For the template, if there is one: {"messages", and "enable_thinking" if the request says}.
  boost::json::object conversation;
};

struct OllamaChatRequest : OllamaRequest {
  boost::json::object conversation;  // as above, without the prefill
  std::string prefill;               // the final assistant message: the answer goes on from here
  OfferedTools tools;
};

// `defaults`: what the request does not say. All throw HttpError: 404 for a model that is not the one served, 400,
// naming the field, for the rest.
OllamaGenerateRequest parse_ollama_generate(const boost::json::object& body, const ServedModel& model,
                                            SamplerOptions defaults);
OllamaChatRequest parse_ollama_chat(const boost::json::object& body, const ServedModel& model, SamplerOptions defaults);

// The model's name in any request ("model", or "name" as older clients call it), after the check that it is the one
// that is served, with or without ":latest".
std::string parse_ollama_model(const boost::json::object& body, const ServedModel& model);

}  // namespace hearth
