// Finds how a turn's calls are written, from a rendering of calls whose names, keys and values are known words.
#pragma once

#include <string>
#include <string_view>

#include "text/answers/answer_syntax.h"

namespace hearth {

struct CallProbe {
  CallSyntax syntax;    // but for what stands around all calls
  std::string opening;  // what stands before the first call, with what opens it
  std::string end;      // what stands behind the last, with what closes it
};

// `turn`: one or two of probe_calls() as a template writes them, with what stands around. kNone where it is not
// understood.
CallProbe probe_calls_syntax(std::string_view turn);
// What depends on a value's type: `turn` has the call of kTypedCall.
void find_value_types(std::string_view turn, CallSyntax& syntax);

}  // namespace hearth
