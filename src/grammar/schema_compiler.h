// From a JSON Schema to a grammar.
#pragma once

#include <boost/json/value.hpp>
#include <memory>

#include "grammar/grammar.h"
#include "grammar/schema_options.h"

namespace hearth {

// The JSON texts whose value the schema allows, on one line or several (SchemaOptions): all of them, in any order of
// properties and with any spelling of strings, and no other. `schema` as parse_json gives it with kKeepDigits. Throws
// InvalidInput for what is no schema, and Unsupported, with the keyword and its place, for what cannot be enforced.
std::shared_ptr<const Grammar> compile_schema(const boost::json::value& schema, const SchemaOptions& options = {});

// Every JSON object; with `any_value` every JSON value.
std::shared_ptr<const Grammar> compile_json(bool any_value, const SchemaOptions& options = {});

}  // namespace hearth
