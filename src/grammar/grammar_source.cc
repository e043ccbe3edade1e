#include "grammar/grammar_source.h"

#include <array>
#include <boost/json/array.hpp>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/escape.h"
#include "base/json_value.h"
#include "grammar/call_grammar.h"
#include "grammar/gbnf.h"
#include "grammar/lark.h"
#include "grammar/recognizer.h"
#include "grammar/rules.h"
#include "grammar/schema_compiler.h"

namespace hearth {
namespace {

using Kind = GrammarSource::Kind;

constexpr std::size_t kSchemaDepthMax = 200;
constexpr std::size_t kChoicesMax = 10000;
constexpr std::array<std::pair<Kind, std::string_view>, 8> kNames{{{Kind::kJsonObject, "json_object"},
                                                                   {Kind::kSchema, "json_schema"},
                                                                   {Kind::kRegex, "regex"},
                                                                   {Kind::kChoices, "choice"},
                                                                   {Kind::kGbnf, "gbnf"},
                                                                   {Kind::kLark, "lark"},
                                                                   {Kind::kCalls, "tool_calls"},
                                                                   {Kind::kAnswer, "answer"}}};

boost::json::value parsed(std::string_view text, std::string_view what) {
  ParsedJson result = parse_json(text, kSchemaDepthMax, BigIntegers::kKeepDigits);
  if (!result.error) return std::move(result.value);
  throw InvalidInput(std::string(what) + ": not JSON, byte " + std::to_string(result.at) + ": " +
                     result.error.message());
}

std::shared_ptr<const Grammar> choices_of(std::string_view text) {
  const boost::json::value value = parsed(text, "the choices");
  if (!value.is_array() || value.get_array().empty()) throw InvalidInput("the choices are no list of texts");
  if (value.get_array().size() > kChoicesMax) throw Unsupported("there are more than 10000 choices");
  std::vector<std::string> choices;
  for (const boost::json::value& each : value.get_array()) {
    if (!each.is_string()) throw InvalidInput("a choice is no text");
    choices.emplace_back(each.get_string());
  }
  return compile_choices(choices);
}

std::shared_ptr<const Grammar> compiled(const GrammarSource& source) {
  switch (source.kind) {
    case Kind::kSchema:
      return compile_schema(parsed(source.text, "the schema"));
    case Kind::kRegex:
      return compile_regex(source.text);
    case Kind::kChoices:
      return choices_of(source.text);
    case Kind::kGbnf:
      return compile_gbnf(source.text);
    case Kind::kLark:
      return compile_lark(source.text);
    case Kind::kCalls:
      return compile_calls(parse_call_grammar(source.text));
    case Kind::kAnswer:
      return compile_answer(parse_answer_grammar(source.text));
    case Kind::kJsonObject:
      break;
  }
  return compile_json(false);
}

}  // namespace

std::string_view kind_name(Kind kind) {
  for (const auto& [known, name] : kNames) {
    if (known == kind) return name;
  }
  return "";
}

Kind parse_grammar_kind(std::string_view name) {
  for (const auto& [kind, known] : kNames) {
    if (known == name) return kind;
  }
  throw InvalidInput("there is no kind of grammar named " + quote_name(name));
}

std::shared_ptr<const Grammar> compile_grammar(const GrammarSource& source) {
  std::shared_ptr<const Grammar> grammar = compiled(source);
  Recognizer recognizer(grammar);
  bool possible = recognizer.can_end(recognizer.start());
  for (int byte = 0; byte < 256 && !possible; ++byte) {
    possible = recognizer.advance(recognizer.start(), static_cast<std::uint8_t>(byte)) != kDeadState;
  }
  if (!possible) throw InvalidInput("the " + std::string(kind_name(source.kind)) + " allows no text at all");
  return grammar;
}

}  // namespace hearth
