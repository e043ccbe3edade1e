#include "text/answers/tool_types.h"

#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <utility>

#include "text/answers/literals.h"
#include "text/answers/reading.h"

namespace hearth {
namespace {

namespace json = boost::json;

constexpr std::size_t kSchemaDepthMax = 16;  // of alternatives within alternatives
constexpr ValueTypes kAnyType = 127;

ValueTypes type_named(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, ValueTypes>, 7> kTypes = {{{"string", kText},
                                                                                     {"number", kNumber},
                                                                                     {"integer", kInteger},
                                                                                     {"boolean", kBoolean},
                                                                                     {"object", kObjectValue},
                                                                                     {"array", kListValue},
                                                                                     {"null", kNull}}};
  for (const auto& [known, type] : kTypes) {
    if (known == name) return type;
  }
  return 0;
}

ValueTypes type_of(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return kNull;
    case json::kind::bool_:
      return kBoolean;
    case json::kind::int64:
    case json::kind::uint64:
      return kInteger | kNumber;
    case json::kind::double_:
      return kNumber;
    case json::kind::string:
      return kText;
    case json::kind::array:
      return kListValue;
    case json::kind::object:
      return kObjectValue;
  }
  return 0;
}

ValueTypes types_of_schema(const json::value& schema, const json::object& root, std::size_t depth);

ValueTypes types_of_alternatives(const json::value& list, const json::object& root, std::size_t depth) {
  if (!list.is_array()) return 0;
  ValueTypes types = 0;
  for (const json::value& entry : list.get_array()) {
    const ValueTypes more = types_of_schema(entry, root, depth);
    if (more == 0) return 0;
    types |= more;
  }
  return types;
}

const json::value* referenced(const json::value& reference, const json::object& root) {
  if (!reference.is_string()) return nullptr;
  const std::string_view path = reference.get_string();
  for (const std::string_view folder : {"$defs", "definitions"}) {
    const std::string prefix = "#/" + std::string(folder) + "/";
    const json::value* all = root.if_contains(folder);
    if (!path.starts_with(prefix) || all == nullptr || !all->is_object()) continue;
    return all->get_object().if_contains(path.substr(prefix.size()));
  }
  return nullptr;
}

ValueTypes types_of_schema(const json::value& schema, const json::object& root, std::size_t depth) {
  const json::object* object = schema.if_object();
  if (object == nullptr || depth > kSchemaDepthMax) return 0;
  if (const json::value* type = object->if_contains("type")) {
    if (type->is_string()) return type_named(type->get_string());
    if (type->is_array()) {
      ValueTypes types = 0;
      for (const json::value& name : type->get_array()) {
        if (name.is_string()) types |= type_named(name.get_string());
      }
      return types;
    }
  }
  if (const json::value* constant = object->if_contains("const")) return type_of(*constant);
  if (const json::value* all = object->if_contains("enum"); all != nullptr && all->is_array()) {
    ValueTypes types = 0;
    for (const json::value& value : all->get_array()) types |= type_of(value);
    return types;
  }
  if (const json::value* reference = object->if_contains("$ref")) {
    const json::value* target = referenced(*reference, root);
    return target != nullptr ? types_of_schema(*target, root, depth + 1) : 0;
  }
  for (const std::string_view name : {"anyOf", "oneOf"}) {
    if (const json::value* list = object->if_contains(name)) return types_of_alternatives(*list, root, depth + 1);
  }
  if (const json::value* list = object->if_contains("allOf"); list != nullptr && list->is_array()) {
    for (const json::value& entry : list->get_array()) {
      if (const ValueTypes types = types_of_schema(entry, root, depth + 1); types != 0) return types;
    }
  }
  if (object->contains("properties")) return kObjectValue;
  return object->contains("items") ? ValueTypes{kListValue} : ValueTypes{0};
}

}  // namespace

void ToolTypes::add(std::string_view tool, const json::value& parameters) {
  auto& types = tools_[std::string(tool)];
  const json::object* schema = parameters.if_object();
  const json::value* properties = schema != nullptr ? schema->if_contains("properties") : nullptr;
  if (properties == nullptr || !properties->is_object()) return;
  for (const auto& [name, property] : properties->get_object()) {
    types[std::string(name)] = types_of_schema(property, *schema, 0);
  }
}

std::vector<std::string_view> ToolTypes::names() const {
  std::vector<std::string_view> names;
  for (const auto& [name, types] : tools_) names.push_back(name);
  return names;
}

ValueTypes ToolTypes::of(std::string_view tool, std::string_view argument) const {
  const auto types = tools_.find(tool);
  if (types == tools_.end()) return 0;
  const auto type = types->second.find(argument);
  return type != types->second.end() ? type->second : ValueTypes{0};
}

std::string json_of_bare_text(std::string_view text, ValueTypes types) {
  const ValueTypes allowed = types != 0 ? types : kAnyType;
  if (allowed != kText) {
    const std::string_view bare = trimmed(text);
    boost::system::error_code error;
    const json::value value = json::parse(bare, error);
    // Whether 3.0 is a whole number is the schema's affair.
    const ValueTypes numbers = value.is_number() ? kInteger | kNumber : 0;
    if (!error && ((type_of(value) | numbers) & allowed) != 0 && !value.is_string()) return std::string(bare);
    // A text in quotes, where a text is not all that is allowed.
    if (!error && value.is_string() && (allowed & kText) == 0) return std::string(bare);
    if (error) {
      const std::string literal = json_of_literal(bare);
      if (!literal.empty() && (type_of(json::parse(literal)) & allowed) != 0) return literal;
    }
  }
  return '"' + json_escaped(text) + '"';
}

std::string json_escaped(std::string_view text) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  std::string escaped;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      escaped += {'\\', c};
    } else if (c == '\n') {
      escaped += "\\n";
    } else if (c == '\t') {
      escaped += "\\t";
    } else if (c == '\r') {
      escaped += "\\r";
    } else if (byte < 0x20) {
      escaped += "\\u00";
      escaped += {kHex[byte / 16], kHex[byte % 16]};
    } else {
      escaped += c;
    }
  }
  return escaped;
}

}  // namespace hearth
