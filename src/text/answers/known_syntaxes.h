// Syntaxes of calls that templates know without writing them where a probe could see it: those of models whose template
// writes no calls of the assistant's, or does so with what the interpreter refuses.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "text/answers/answer_syntax.h"

namespace hearth {

// By marks in the template's source; empty: none of them stands there. The first is what the model writes usually.
std::vector<CallSyntax> known_call_syntaxes(std::string_view source);
// What a model that was trained on no syntax, or on one that is not known, is asked for and can be expected to write:
// <tool_call>{"name": …, "arguments": …}</tool_call>, as Hermes does, or the object alone, or in a block of JSON.
std::vector<CallSyntax> default_call_syntaxes();
// The objects of `marked` without what stands around them.
CallSyntax bare_object_syntax(const CallSyntax& marked);
// [f(key=value, …), …] as a whole answer, as Llama 4 writes it.
CallSyntax bare_python_syntax();
// The marks around thoughts by the template's source; both are empty where there are none.
std::pair<std::string_view, std::string_view> known_thinking_marks(std::string_view source);

}  // namespace hearth
