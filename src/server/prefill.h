// An answer whose beginning is given: the model goes on from there. What Anthropic's and Ollama's APIs mean by a
// conversation that ends with an assistant's message.
#pragma once

#include <boost/json/object.hpp>
#include <string_view>
#include <vector>

#include "server/model_service.h"

namespace hearth {

// The conversation's tokens up to where the assistant's answer begins, and `prefill`, as the answer's beginning.
// Throws as ModelService::encode_chat().
std::vector<TokenId> encode_prefilled_chat(const ModelService& service, boost::json::object context,
                                           std::string_view prefill);

// The conversation's tokens up to the end of its last message's text, from which the answer goes on: as transformers'
// continue_final_message. Throws HttpError 400 where that text is nowhere in what the template renders.
std::vector<TokenId> encode_continued_chat(const ModelService& service, boost::json::object context);

}  // namespace hearth
