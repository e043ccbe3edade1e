// The tools of Anthropic's requests, and what they say about calling them. Tools of Anthropic's own, which have a type
// with a version (web_search_20250305, bash_20250124, …), are left out: the model answers without them.
#pragma once

#include <set>
#include <string>

#include "server/fields.h"
#include "server/offered_tools.h"

namespace hearth {

// `tools` and `tool_choice`. A tool that is to be loaded later is left out until it is one of `found`: those that the
// conversation refers to. Throws HttpError 400, naming the field.
OfferedTools read_anthropic_tools(const Fields& body, const std::set<std::string, std::less<>>& found);

}  // namespace hearth
