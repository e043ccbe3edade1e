#include "server/structured_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json_value.h"
#include "grammar/grammar_cache.h"

namespace hearth {
namespace {

using Kind = GrammarSource::Kind;

constexpr std::string_view kFields[] = {"structured_outputs", "guided_json", "guided_regex", "guided_choice",
                                        "guided_grammar",     "grammar",     "json_schema"};

void require(GrammarSource source, const std::string& path, Request& generation) {
  if (generation.grammar) {
    throw bad_request(fmt::format("'{}': the request says more than once what form its answer has", path), path);
  }
  try {
    auto grammar = grammar_cache().compiled(source);
    generation.grammar = GrammarRequest{std::move(source), std::move(grammar), {}};
  } catch (const InvalidInput& error) {
    throw bad_request(fmt::format("'{}': {}", path, error.what()), path);
  } catch (const Unsupported& error) {
    throw bad_request(fmt::format("'{}': {}", path, error.what()), path, "unsupported_parameter");
  }
}

void require_text(const Fields& fields, std::string_view name, Kind kind, Request& generation) {
  const auto text = fields.string(name);
  if (text && !text->empty()) require({kind, std::string(*text)}, fields.path_of(name), generation);
}

// GBNF, or Lark.
void require_grammar(const Fields& fields, std::string_view name, Request& generation) {
  const bool is_gbnf = fields.string(name).value_or("").find("::=") != std::string_view::npos;
  require_text(fields, name, is_gbnf ? Kind::kGbnf : Kind::kLark, generation);
}

void require_choices(const Fields& fields, std::string_view name, Request& generation) {
  const boost::json::array* choices = fields.array(name);
  if (choices != nullptr) {
    require({Kind::kChoices, serialized_json(*choices)}, fields.path_of(name), generation);
  }
}

// A schema; some clients send it as text.
void require_schema(const Fields& fields, std::string_view name, Request& generation) {
  const boost::json::value* schema = fields.find(name);
  if (schema == nullptr) return;
  std::string text = schema->is_string() ? std::string(schema->get_string()) : serialized_json(*schema);
  require({Kind::kSchema, std::move(text)}, fields.path_of(name), generation);
}

}  // namespace

void read_format(const Fields& fields, std::string_view name, Request& generation) {
  const std::optional<Fields> format = fields.object(name);
  if (!format) return;
  const std::string_view type = format->required_string("type");
  if (type == "text") return;
  if (type == "json_object") {
    if (format->find("schema") != nullptr) return require_schema(*format, "schema", generation);
    return require({Kind::kJsonObject, {}}, format->path_of("type"), generation);
  }
  if (type == "json_schema") {
    const auto inner = format->object("json_schema");
    const Fields& holder = inner ? *inner : *format;
    if (holder.find("schema") == nullptr) {
      throw bad_request(fmt::format("'{}' is missing", holder.path_of("schema")), holder.path_of("schema"));
    }
    return require_schema(holder, "schema", generation);
  }
  const std::string path = format->path_of("type");
  throw bad_request(fmt::format("'{}' must be \"text\", \"json_object\" or \"json_schema\"", path), path);
}

void read_schema(const Fields& fields, std::string_view name, Request& generation) {
  const boost::json::value* value = fields.find(name);
  if (value == nullptr) return;
  if (value->is_string()) {
    if (value->get_string().empty()) return;
    if (value->get_string() == "json") return require({Kind::kJsonObject, {}}, fields.path_of(name), generation);
  }
  require_schema(fields, name, generation);
}

std::span<const std::string_view> structure_fields() {
  return kFields;
}

void read_structure(const Fields& fields, Request& generation) {
  require_schema(fields, "guided_json", generation);
  require_text(fields, "guided_regex", Kind::kRegex, generation);
  require_choices(fields, "guided_choice", generation);
  require_grammar(fields, "guided_grammar", generation);
  require_grammar(fields, "grammar", generation);
  require_schema(fields, "json_schema", generation);
  const auto outputs = fields.object("structured_outputs");
  if (!outputs) return;
  for (const auto& member : outputs->json()) {
    const std::string_view key = member.key();
    if (member.value().is_null() || key == "json" || key == "regex" || key == "choice" || key == "grammar") continue;
    const bool says_nothing = member.value() == false;
    if (says_nothing || (key == "json_object" && member.value() == true)) continue;
    throw bad_request(fmt::format("'{}' is not supported", outputs->path_of(key)), outputs->path_of(key),
                      "unsupported_parameter");
  }
  require_schema(*outputs, "json", generation);
  require_text(*outputs, "regex", Kind::kRegex, generation);
  require_choices(*outputs, "choice", generation);
  require_grammar(*outputs, "grammar", generation);
  if (outputs->boolean("json_object").value_or(false)) {
    require({Kind::kJsonObject, {}}, outputs->path_of("json_object"), generation);
  }
}

}  // namespace hearth
