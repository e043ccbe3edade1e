// Python's pprint: a value's repr in lines of at most 80 characters, dicts in the order of their keys.
#pragma once

#include <string>

#include "text/jinja/interpreter.h"
#include "text/jinja/value.h"

namespace hearth::jinja {

std::string pretty_printed(Interpreter& interpreter, const Value& value);

}  // namespace hearth::jinja
