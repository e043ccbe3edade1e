// From a template's text to its tree. The grammar is Jinja2's with the loop controls and the `generation` tag that
// marks an assistant's words (which changes nothing in the text).
#pragma once

#include <string_view>

#include "text/jinja/ast.h"

namespace hearth::jinja {

// Throws TemplateError (kSyntax, or kLimit if nested too deeply). `source` is valid UTF-8.
Program parse(std::string_view source);

}  // namespace hearth::jinja
