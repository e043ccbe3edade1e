#include "grammar/call_arguments.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <utility>

#include "base/error.h"
#include "base/escape.h"
#include "grammar/schema_compiler.h"
#include "grammar/schema_expander.h"

namespace hearth {
namespace {

namespace json = boost::json;

constexpr std::string_view kDocument = "urn:hearth:arguments";
// What says something of an object beyond what each property is. Everything else that is not read is a note.
constexpr std::string_view kOfTheWhole[] = {"$ref",
                                            "$dynamicRef",
                                            "allOf",
                                            "anyOf",
                                            "oneOf",
                                            "not",
                                            "if",
                                            "minProperties",
                                            "maxProperties",
                                            "patternProperties",
                                            "propertyNames",
                                            "dependentRequired",
                                            "dependencies",
                                            "enum",
                                            "dependentSchemas",
                                            "const",
                                            "unevaluatedProperties"};

// A part of a JSON pointer within a URI.
std::string pointer_part(std::string_view name) {
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string part;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '~' || c == '/') {
      part += c == '~' ? "~0" : "~1";
    } else if ((byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
               c == '_' || c == '-' || c == '.') {
      part += c;
    } else {
      part += {'%', kHex[byte / 16], kHex[byte % 16]};
    }
  }
  return part;
}

bool is_nothing(const Grammar& grammar) {
  const Grammar::Value& value = grammar.values[grammar.root_value];
  return !value.null && !value.yes && !value.no && value.texts.empty() && value.numbers.empty() &&
         value.arrays.empty() && value.objects.empty();
}

ArgumentValues values_of(Expressions& expressions, WorkLimit& limit, const json::value& schema,
                         const SchemaOptions& options, ValueTypes types) {
  ArgumentValues values;
  values.types = types;
  SchemaExpander expander(expressions, limit, schema, options);
  std::vector<Expression> texts;
  for (const TextForm& form : expander.form(expander.root()).texts) {
    const bool is_bounded = form.min > 0 || form.max != kUnbounded;
    texts.push_back(is_bounded ? expressions.intersection({form.language, expressions.length(form.min, form.max)})
                               : form.language);
  }
  values.texts = expressions.alternation(std::move(texts));
  values.json = compile_schema(schema, options);
  const json::object no_text{{"not", json::object{{"type", "string"}}}};
  values.other = compile_schema(json::object{{"allOf", json::array{schema, no_text}}}, options);
  if (is_nothing(*values.other)) values.other = nullptr;
  return values;
}

}  // namespace

CallArguments::CallArguments(Expressions& expressions, WorkLimit& limit, const json::value& parameters) {
  const json::object* schema = parameters.if_object();
  if (schema == nullptr) throw Unsupported("the schema of the arguments is no object");
  for (const std::string_view keyword : kOfTheWhole) {
    if (!schema->contains(keyword)) continue;
    throw Unsupported("the schema's keyword " + quote_name(keyword) +
                      " cannot be enforced where a model writes each argument for itself");
  }
  SchemaOptions options;
  options.documents.emplace(kDocument, parameters);
  const auto at = [&](const std::string& pointer) {
    std::string reference(kDocument);
    reference.append("#/").append(pointer);
    return json::value(json::object{{"$ref", reference}});
  };
  ToolTypes types;
  types.add("", parameters);
  const json::value* properties = schema->if_contains("properties");
  if (properties != nullptr && properties->is_object()) {
    for (const auto& member : properties->get_object()) {
      const std::string name(member.key());
      named_.push_back(
          {name, false,
           values_of(expressions, limit, at("properties/" + pointer_part(name)), options, types.of("", name))});
    }
  }
  const json::value* more = schema->if_contains("additionalProperties");
  if (more == nullptr || *more != false) {
    const json::value others = more != nullptr ? at("additionalProperties") : json::value(true);
    others_ = values_of(expressions, limit, others, options, 0);
  }
  const json::value* required = schema->if_contains("required");
  if (required == nullptr || !required->is_array()) return;
  for (const json::value& name : required->get_array()) {
    if (!name.is_string()) throw InvalidInput("'required' is no list of names");
    const auto known = std::find_if(named_.begin(), named_.end(),
                                    [&](const Argument& each) { return each.name == name.get_string(); });
    if (known != named_.end()) {
      known->required = true;
    } else if (others_) {
      named_.push_back({std::string(name.get_string()), true, *others_});
    } else {
      throw InvalidInput("'required' names " + quote_name(name.get_string()) + ", which may not be there");
    }
  }
}

CallArguments CallArguments::free(Expressions& expressions, WorkLimit& limit) {
  return CallArguments(expressions, limit, json::object());
}

}  // namespace hearth
