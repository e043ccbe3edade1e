// The tools of OpenAI's requests, and what they say about calling them. Tools that run on OpenAI's machines
// (web_search, code_interpreter, …) are left out: the model answers without them. Throws HttpError 400, naming the
// field, for what is no tool, and for a choice of one that is not there.
#pragma once

#include "server/fields.h"
#include "server/offered_tools.h"

namespace hearth {

// `tools` and `tool_choice` of chat completions, and `parallel_tool_calls`.
OfferedTools read_chat_tools(const Fields& fields);
// `functions` and `function_call`, as they were called in 2023.
OfferedTools read_old_functions(const Fields& fields);
// Of responses. `more`: lists of tools that stand in the conversation.
OfferedTools read_response_tools(const Fields& fields, const std::vector<Fields>& more);

}  // namespace hearth
