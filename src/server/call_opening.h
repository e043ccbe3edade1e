// What an answer that must be a call begins with, in the model's own syntax. It stands at the prompt's end, so that the
// model can do nothing else than go on with the call.
#pragma once

#include <memory>
#include <string>

#include "server/offered_tools.h"
#include "text/answers/answer_parser.h"

namespace hearth {

// Up to the tool's name, and past it where there is one tool alone. Thoughts that the prompt has opened are closed.
// Empty where the syntax has nothing that begins a call.
std::string call_opening(const std::shared_ptr<const AnswerSyntax>& syntax, const OfferedTools& tools,
                         const AnswerParserOptions& options);

}  // namespace hearth
