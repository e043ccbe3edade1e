// From a conversation, and the tools that it offers, to the prompt that the model continues and to how its output is to
// be read: what the model's template writes, and what may stand at the answer's beginning already.
#pragma once

#include <boost/json/object.hpp>
#include <string_view>
#include <vector>

#include "server/answer_reader.h"
#include "server/model_service.h"
#include "server/offered_tools.h"

namespace hearth {

struct ConversationPrompt {
  std::vector<TokenId> tokens;
  AnswerReading reading;
  bool shows_special = false;             // marks of the answer's parts are special tokens
  bool may_think = true;                  // the prompt does not end behind thoughts
  std::int64_t thinking_tokens_max = -1;  // that the degree of thinking stands for, which the template does not know

  // Into the request, before `reading` is moved elsewhere: the prompt, and what the answer must look like. Throws as
  // put_answer_form().
  void put_into(Request& generation);
};

// The conversation's tokens up to where the assistant's answer begins, and `prefill`, as the answer's beginning: what
// Anthropic's and Ollama's APIs mean by a conversation that ends with an assistant's message. Where the request must
// call, and the model's syntax has a mark that begins a call, the answer begins with it. Throws as
// ModelService::render_chat().
ConversationPrompt encode_conversation(const ModelService& service, boost::json::object context, OfferedTools tools,
                                       std::string_view prefill = {});

// The conversation's tokens up to the end of its last message's text, from which the answer goes on: as transformers'
// continue_final_message. Throws HttpError 400 where that text is nowhere in what the template renders.
ConversationPrompt encode_continued_conversation(const ModelService& service, boost::json::object context,
                                                 OfferedTools tools);

// Tells templates, by the names that they know, whether to think.
void set_thinking(boost::json::object& context, bool thinks);
// The same, for a degree: "none" is not to think at all.
void set_effort(boost::json::object& context, std::string_view effort);

}  // namespace hearth
