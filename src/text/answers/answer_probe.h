// Finds out how a template writes what an assistant thought and the tools that it called, by rendering conversations of
// words that no template writes of itself, and looking at what stands around them.
#pragma once

#include <boost/json/fwd.hpp>
#include <functional>
#include <optional>
#include <string>

#include "text/answers/answer_syntax.h"

namespace hearth {

struct AnswerProbe {
  AnswerSyntax syntax;
  // The field of a message in which the template looks for what was thought; empty: it does not.
  std::string reasoning_field;
  bool shows_tools = false;   // the prompt names the tools
  bool reads_effort = false;  // the template tells the model how much to think
  // The template writes calls, and the syntax is that in which it does. Else it is a known one, by marks in the source,
  // or where there are none, the default: <tool_call>{"name": …, "arguments": …}</tool_call>, as Hermes has it. Nobody
  // has told the model of that then.
  bool shows_calls = false, is_default = false;
  // It writes a call's id where the name should stand: ids are to be functions.NAME:INDEX.
  bool ids_hold_names = false;
};

// `render` renders a context, messages and what else a template may ask for; nullopt where the template refuses it.
// `source`: the template's text, where marks are looked for that no rendering shows.
using ProbeRender = std::function<std::optional<std::string>(const boost::json::object& context)>;
AnswerProbe probe_answers(const ProbeRender& render, const std::string& source);

}  // namespace hearth
