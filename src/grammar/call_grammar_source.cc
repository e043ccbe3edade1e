// Grammars of calls and of whole answers as JSON, for the records of requests, from which they are compiled again.
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <utility>

#include "base/error.h"
#include "base/json_value.h"
#include "grammar/call_grammar.h"

namespace hearth {
namespace {

namespace json = boost::json;

constexpr std::size_t kSourceDepthMax = 210;  // a schema, within what stands around it
constexpr std::string_view kForms[] = {"none", "object", "named_json", "tagged", "literals"};

constexpr std::pair<std::string_view, std::string CallSyntax::*> kSyntaxTexts[] = {
    {"section_open", &CallSyntax::section_open},
    {"section_close", &CallSyntax::section_close},
    {"call_open", &CallSyntax::call_open},
    {"call_close", &CallSyntax::call_close},
    {"name_begin", &CallSyntax::name_begin},
    {"name_key", &CallSyntax::name_key},
    {"arguments_key", &CallSyntax::arguments_key},
    {"argument_open", &CallSyntax::argument_open},
    {"key_end", &CallSyntax::key_end},
    {"argument_close", &CallSyntax::argument_close},
    {"text_key_end", &CallSyntax::text_key_end},
    {"other_key_end", &CallSyntax::other_key_end},
    {"arguments_open", &CallSyntax::arguments_open},
    {"key_separator", &CallSyntax::key_separator},
    {"arguments_close", &CallSyntax::arguments_close},
    {"quote", &CallSyntax::quote}};
constexpr std::pair<std::string_view, bool CallSyntax::*> kSyntaxFlags[] = {
    {"prompt_opens", &CallSyntax::prompt_opens},
    {"name_is_key", &CallSyntax::name_is_key},
    {"value_has_lines", &CallSyntax::value_has_lines},
    {"in_list", &CallSyntax::in_list}};
constexpr std::pair<std::string_view, bool CallGrammar::*> kFlags[] = {
    {"has_message_headers", &CallGrammar::has_message_headers},
    {"ids_hold_names", &CallGrammar::ids_hold_names},
    {"one_call", &CallGrammar::one_call}};

json::array as_array(const std::vector<std::string>& texts) {
  json::array all;
  for (const std::string& text : texts) all.emplace_back(text);
  return all;
}

json::object as_object(const CallSyntax& syntax) {
  json::object object{{"form", kForms[static_cast<std::size_t>(syntax.form)]}};
  for (const auto& [name, member] : kSyntaxTexts) object[name] = syntax.*member;
  for (const auto& [name, member] : kSyntaxFlags) object[name] = syntax.*member;
  object["name_end"] = as_array(syntax.name_end);
  return object;
}

json::object as_object(const CallGrammar& calls) {
  json::object object;
  for (const auto& [name, member] : kFlags) object[name] = calls.*member;
  json::array syntaxes, tools;
  for (const CallSyntax& syntax : calls.syntaxes) syntaxes.push_back(as_object(syntax));
  for (const CallGrammarTool& tool : calls.tools) {
    tools.push_back(
        json::object{{"names", as_array(tool.names)}, {"parameters", tool.parameters}, {"strict", tool.is_strict}});
  }
  object["syntaxes"] = std::move(syntaxes);
  object["tools"] = std::move(tools);
  return object;
}

// A member of the right type, else throws.
const json::value& member(const json::object& object, std::string_view name, json::kind kind) {
  const json::value* value = object.if_contains(name);
  if (value != nullptr && value->kind() == kind) return *value;
  throw InvalidInput("a grammar of calls lacks '" + std::string(name) + "'");
}

const json::array& list(const json::object& object, std::string_view name) {
  return member(object, name, json::kind::array).get_array();
}

std::string text(const json::object& object, std::string_view name) {
  return std::string(member(object, name, json::kind::string).get_string());
}

const json::object& object_in(const json::value& value) {
  if (value.is_object()) return value.get_object();
  throw InvalidInput("a grammar of calls is no JSON object");
}

std::vector<std::string> texts(const json::object& object, std::string_view name) {
  std::vector<std::string> all;
  for (const json::value& value : list(object, name)) {
    if (!value.is_string())
      throw InvalidInput("in a grammar of calls, '" + std::string(name) + "' is no list of texts");
    all.emplace_back(value.get_string());
  }
  return all;
}

CallSyntax parse_syntax(const json::object& object) {
  CallSyntax syntax;
  const std::string form = text(object, "form");
  std::size_t index = 0;
  while (index < std::size(kForms) && kForms[index] != form) ++index;
  if (index == std::size(kForms)) throw InvalidInput("a grammar of calls has an unknown form");
  syntax.form = static_cast<CallForm>(index);
  for (const auto& [name, member] : kSyntaxTexts) syntax.*member = text(object, name);
  for (const auto& [name, field] : kSyntaxFlags) syntax.*field = member(object, name, json::kind::bool_).get_bool();
  syntax.name_end = texts(object, "name_end");
  return syntax;
}

CallGrammar parse_calls(const json::object& object) {
  CallGrammar calls;
  for (const auto& [name, field] : kFlags) calls.*field = member(object, name, json::kind::bool_).get_bool();
  for (const json::value& syntax : list(object, "syntaxes")) calls.syntaxes.push_back(parse_syntax(object_in(syntax)));
  for (const json::value& value : list(object, "tools")) {
    const json::object& tool = object_in(value);
    const json::value* parameters = tool.if_contains("parameters");
    std::vector<std::string> names = texts(tool, "names");
    if (parameters == nullptr || names.empty()) throw InvalidInput("a grammar of calls lacks a tool's schema or name");
    calls.tools.push_back({std::move(names), *parameters, member(tool, "strict", json::kind::bool_).get_bool()});
  }
  if (calls.tools.empty()) throw InvalidInput("a grammar of calls has no tools");
  return calls;
}

json::value parsed(std::string_view text) {
  ParsedJson result = parse_json(text, kSourceDepthMax, BigIntegers::kKeepDigits);
  if (result.error) throw InvalidInput("a grammar of calls is not JSON: " + result.error.message());
  return std::move(result.value);
}

}  // namespace

GrammarSource source_of(const CallGrammar& calls) {
  return {GrammarSource::Kind::kCalls, serialized_json(as_object(calls))};
}

GrammarSource source_of(const AnswerGrammar& answer) {
  json::object object{
      {"kind", kind_name(answer.text.kind)}, {"text", answer.text.text}, {"thinking_open", answer.thinking_open}};
  if (answer.calls) object["calls"] = as_object(*answer.calls);
  return {GrammarSource::Kind::kAnswer, serialized_json(object)};
}

CallGrammar parse_call_grammar(std::string_view source) {
  const json::value value = parsed(source);
  return parse_calls(object_in(value));
}

AnswerGrammar parse_answer_grammar(std::string_view source) {
  const json::value value = parsed(source);
  const json::object& object = object_in(value);
  AnswerGrammar answer;
  answer.text = {parse_grammar_kind(text(object, "kind")), text(object, "text")};
  if (answer.text.kind == GrammarSource::Kind::kAnswer) throw InvalidInput("an answer's grammar within another one");
  answer.thinking_open = text(object, "thinking_open");
  const json::value* calls = object.if_contains("calls");
  if (calls != nullptr) answer.calls = std::make_shared<CallGrammar>(parse_calls(object_in(*calls)));
  return answer;
}

}  // namespace hearth
