// What a request says about the form of its answer: JSON of a schema, a regular expression, choices, a grammar. Each
// way to say it ends in one GrammarRequest. Throws HttpError 400, naming the field, and in a schema also the keyword
// and its place, for what cannot be enforced.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "engine/request.h"
#include "server/fields.h"

namespace hearth {

// A field like OpenAI's `response_format` and `text.format`: of type "text", "json_object" or "json_schema", with the
// schema in `json_schema.schema` or beside the type.
void read_format(const Fields& fields, std::string_view name, Request& generation);
// A field that is a schema itself, or the text "json" (Ollama's `format`).
void read_schema(const Fields& fields, std::string_view name, Request& generation);

// What vLLM and llama.cpp have beside OpenAI's fields: `structured_outputs`, `guided_json`, `guided_regex`,
// `guided_choice`, `guided_grammar`, `grammar` and `json_schema`.
std::span<const std::string_view> structure_fields();
void read_structure(const Fields& fields, Request& generation);

}  // namespace hearth
