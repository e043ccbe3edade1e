#include "grammar/call_grammar.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/escape.h"
#include "base/json_value.h"
#include "grammar/call_arguments.h"
#include "grammar/call_rules.h"
#include "grammar/rules.h"
#include "grammar/schema_compiler.h"
#include "text/answers/reading.h"
#include "text/answers/tool_types.h"

namespace hearth {
namespace {

constexpr std::string_view kHeader = "to=functions.", kFunctions = "functions.";
constexpr std::string_view kId = R"([^\s"<>{}\[\]\\]{1,64})";
constexpr std::string_view kDataOpen = "<![CDATA[", kDataClose = "]]>";
// What may be read as something else than a text, where both are allowed.
constexpr std::string_view kNoTextPattern =
    R"([ \t\r\n]*(?:true|false|null|True|False|None|-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)"
    R"(|[\[{(][\s\S]*)[ \t\r\n]*)";

bool is_bare(const CallSyntax& syntax) {
  return syntax.section_open.empty() && syntax.call_open.empty();
}

std::string quoted(std::string_view text) {
  return '"' + json_escaped(text) + '"';
}

class CallCompiler {
 public:
  explicit CallCompiler(const CallGrammar& calls) : calls_(calls), limit_(kGrammarWorkMax), expressions_(limit_) {}

  // As a rule of its own, since several places lead to it.
  RulePart section() {
    std::vector<RulePart> choices;
    if (calls_.has_message_headers) choices.push_back(message());
    for (const CallSyntax& syntax : calls_.syntaxes) {
      if (syntax.form != CallForm::kNone) choices.push_back(section(syntax));
    }
    return rule("calls", choice_of(std::move(choices)));
  }

  RulePart answer(const AnswerGrammar& answer) {
    std::vector<RulePart> choices;
    choices.push_back(grammar_part(compile_grammar(answer.text)));
    if (!answer.thinking_open.empty()) choices.push_back(parts_.mark(answer.thinking_open));
    if (answer.calls) {
      RulePart one = section();
      const std::uint32_t max = calls_.one_call ? 0 : kUnbounded;
      RulePart more = repetition_of(sequence_of({parts_.space(), one}), 0, max);
      choices.push_back(sequence_of({one, std::move(more)}));
    }
    // Behind thoughts, and before calls, models write white space, which is no part of the answer.
    return sequence_of({parts_.space(), choice_of(std::move(choices))});
  }

  std::shared_ptr<const Grammar> compile(RulePart root) {
    RulePart whole = rule("root", std::move(root));
    return compile_rules(expressions_, std::move(rules_), whole.rule);
  }

 private:
  RulePart rule(std::string name, RulePart body) {
    rules_.push_back({std::move(name), std::move(body)});
    return rule_part(static_cast<std::uint32_t>(rules_.size() - 1));
  }

  // part (separator part)*
  RulePart listed(const RulePart& part, RulePart separator) {
    if (calls_.one_call) return part;
    return sequence_of({part, repetition_of(sequence_of({std::move(separator), part}), 0, kUnbounded)});
  }

  RulePart section(const CallSyntax& syntax) {
    const RulePart one = rule("call", call(syntax));
    if (syntax.section_open.empty()) return one;
    RulePart open = sequence_of({parts_.mark(syntax.section_open), parts_.space()});
    const bool may_be_open = syntax.prompt_opens || !syntax.call_open.empty();
    if (syntax.section_close.empty()) {
      return sequence_of({may_be_open ? optional_part(std::move(open)) : std::move(open), one});
    }
    RulePart inner = sequence_of({listed(one, parts_.space()), parts_.space(), parts_.mark(syntax.section_close)});
    if (syntax.prompt_opens) return sequence_of({optional_part(std::move(open)), std::move(inner)});
    RulePart whole = sequence_of({std::move(open), std::move(inner)});
    if (!may_be_open) return whole;
    return choice_of({std::move(whole), one});
  }

  RulePart call(const CallSyntax& syntax) {
    std::vector<RulePart> sequence;
    if (!syntax.call_open.empty()) {
      sequence.push_back(parts_.mark(syntax.call_open));
      sequence.push_back(parts_.space());
    }
    if (!syntax.name_begin.empty()) {
      sequence.push_back(optional_part(parts_.pattern(kId)));
      sequence.push_back(parts_.mark(syntax.name_begin));
      sequence.push_back(parts_.space());
    }
    sequence.push_back(body(syntax));
    if (!syntax.call_close.empty()) {
      sequence.push_back(parts_.space());
      sequence.push_back(parts_.mark(syntax.call_close));
    }
    return sequence_of(std::move(sequence));
  }

  RulePart body(const CallSyntax& syntax) {
    switch (syntax.form) {
      case CallForm::kNone:
        break;
      case CallForm::kObject:
        return objects(syntax);
      case CallForm::kNamedJson:
        return each_tool([&](const CallGrammarTool& tool) {
          return sequence_of({name(tool), parts_.space(), name_end(syntax), object_of(tool)});
        });
      case CallForm::kTagged:
        return each_tool([&](const CallGrammarTool& tool) { return tagged(syntax, tool); });
      case CallForm::kLiterals:
        return literals(syntax);
    }
    return parts_.literal("");
  }

  RulePart each_tool(const std::function<RulePart(const CallGrammarTool&)>& part) {
    std::vector<RulePart> choices;
    for (const CallGrammarTool& tool : calls_.tools) choices.push_back(part(tool));
    return choice_of(std::move(choices));
  }

  // The tool's name, or what an id makes of it.
  RulePart name(const CallGrammarTool& tool) {
    std::vector<RulePart> names;
    for (const std::string& one : tool.names) names.push_back(parts_.literal(one));
    RulePart plain = choice_of(std::move(names));
    if (!calls_.ids_hold_names) return plain;
    return sequence_of(
        {optional_part(parts_.literal(kFunctions)), std::move(plain), optional_part(parts_.pattern(":[0-9]{1,6}"))});
  }

  // What varies stands between the pieces; all but the last may be left out.
  RulePart name_end(const CallSyntax& syntax) {
    std::vector<RulePart> sequence;
    for (std::size_t i = 0; i < syntax.name_end.size(); ++i) {
      RulePart piece = sequence_of({parts_.mark(trimmed(syntax.name_end[i])), parts_.space()});
      if (i + 1 == syntax.name_end.size()) {
        sequence.push_back(std::move(piece));
      } else {
        sequence.push_back(optional_part(sequence_of({std::move(piece), optional_part(parts_.pattern(kId))})));
      }
    }
    return sequence_of(std::move(sequence));
  }

  // The arguments as one JSON object; in all syntaxes the same.
  RulePart object_of(const CallGrammarTool& tool) {
    std::shared_ptr<const Grammar>& object = objects_[&tool];
    if (object) return grammar_part(object);
    try {
      object = compile_schema(object_schema(tool.parameters));
    } catch (const Error& error) {
      if (tool.is_strict) refuse(tool, error);
      object = compile_json(false);
    }
    return grammar_part(object);
  }

  static boost::json::value object_schema(const boost::json::value& parameters) {
    const boost::json::object* schema = parameters.if_object();
    const boost::json::value* type = schema != nullptr ? schema->if_contains("type") : nullptr;
    if (type != nullptr && *type == "object") return parameters;
    boost::json::object object;
    object["allOf"] = boost::json::array{boost::json::object{{"type", "object"}}, parameters};
    return object;
  }

  [[noreturn]] static void refuse(const CallGrammarTool& tool, const Error& error) {
    throw Unsupported("the arguments of the strict tool " + quote_name(tool.names.front()) + ": " + error.what());
  }

  RulePart objects(const CallSyntax& syntax) {
    const RulePart one = rule("object", object(syntax));
    if (!syntax.call_open.empty()) return one;
    RulePart list = sequence_of(
        {parts_.literal("["), parts_.space(), listed(one, parts_.spaced(",")), parts_.space(), parts_.literal("]")});
    return choice_of({one, std::move(list)});
  }

  RulePart key(std::string_view name) { return sequence_of({parts_.literal(quoted(name)), parts_.spaced(":")}); }

  RulePart object(const CallSyntax& syntax) {
    const RulePart open = sequence_of({parts_.literal("{"), parts_.space()});
    const RulePart close = sequence_of({parts_.space(), parts_.literal("}")});
    if (syntax.name_is_key) {
      RulePart tools = each_tool([&](const CallGrammarTool& tool) {
        return sequence_of({quoted_name(tool), parts_.spaced(":"), object_of(tool)});
      });
      return sequence_of({open, std::move(tools), close});
    }
    // Other members that templates and models write; nothing depends on them.
    const RulePart other = parts_.pattern(R"re("(?:type|id|tool_call_id)"[ \n]?:[ \n]?"[A-Za-z0-9_.:-]{0,64}")re");
    const RulePart comma = parts_.spaced(",");
    RulePart before = repetition_of(sequence_of({other, comma}), 0, 2);
    RulePart after = repetition_of(sequence_of({comma, other}), 0, 2);
    RulePart members = each_tool([&](const CallGrammarTool& tool) {
      RulePart named = sequence_of({key(syntax.name_key), quoted_name(tool)});
      RulePart arguments = sequence_of({key(syntax.arguments_key), object_of(tool)});
      return choice_of({sequence_of({named, comma, arguments}), sequence_of({arguments, comma, named})});
    });
    return sequence_of({open, std::move(before), std::move(members), std::move(after), close});
  }

  RulePart quoted_name(const CallGrammarTool& tool) {
    std::vector<RulePart> names;
    for (const std::string& one : tool.names) names.push_back(parts_.literal(quoted(one)));
    return choice_of(std::move(names));
  }

  CallArguments arguments_of(const CallGrammarTool& tool) {
    try {
      return CallArguments(expressions_, limit_, tool.parameters);
    } catch (const Error& error) {
      if (tool.is_strict) refuse(tool, error);
      return CallArguments::free(expressions_, limit_);
    }
  }

  // Keys in any order; `pair` makes one of a name and what it may be.
  RulePart any_arguments(const CallArguments& arguments, Expression separator,
                         const std::function<RulePart(RulePart name, const ArgumentValues&)>& pair) {
    std::vector<RulePart> parts;
    std::vector<Expression> known;
    for (const CallArguments::Argument& argument : arguments.named()) {
      known.push_back(expressions_.literal(argument.name));
      const ArgumentValues& values = argument.values;
      if (values.texts == kNoText && !values.other) {
        if (argument.required) throw Unsupported("nothing is allowed as " + quote_name(argument.name));
        continue;
      }
      RulePart one = pair(regular_part(known.back()), values);
      parts.push_back(repetition_of(std::move(one), argument.required ? 1 : 0, 1));
    }
    if (arguments.others()) {
      const Expression any = parts_.pattern("[A-Za-z_][A-Za-z0-9_.-]{0,63}").language;
      const Expression others =
          expressions_.intersection({any, expressions_.complement(expressions_.alternation(std::move(known)))});
      parts.push_back(repetition_of(pair(regular_part(others), *arguments.others()), 0, kUnbounded));
    }
    return any_order_of(std::move(parts), separator);
  }

  RulePart tagged(const CallSyntax& syntax, const CallGrammarTool& tool) {
    RulePart arguments =
        any_arguments(arguments_of(tool), kEmptyText, [&](RulePart name, const ArgumentValues& values) {
          return sequence_of({parts_.space(), parts_.mark(syntax.argument_open), std::move(name),
                              parts_.mark(syntax.key_end), tagged_value(syntax, values)});
        });
    return sequence_of({name(tool), name_end(syntax), std::move(arguments)});
  }

  RulePart tagged_value(const CallSyntax& syntax, const ArgumentValues& values) {
    const bool is_typed = syntax.text_key_end != syntax.other_key_end;
    std::vector<RulePart> choices;
    if (values.texts != kNoText) {
      std::vector<RulePart> sequence;
      if (is_typed) sequence.push_back(parts_.mark(syntax.text_key_end));
      if (syntax.value_has_lines) sequence.push_back(parts_.literal("\n"));
      sequence.push_back(choice_of({regular_part(bare_text(syntax, values, is_typed)), data_text(values)}));
      if (syntax.value_has_lines) sequence.push_back(parts_.literal("\n"));
      choices.push_back(sequence_of(std::move(sequence)));
    }
    if (values.other) {
      std::vector<RulePart> sequence;
      if (is_typed) sequence.push_back(other_key_end(syntax));
      sequence.push_back(parts_.space());
      sequence.push_back(with_python_words(*values.other, {grammar_part(values.other)}));
      sequence.push_back(parts_.space());
      choices.push_back(sequence_of(std::move(sequence)));
    }
    return sequence_of({choice_of(std::move(choices)), parts_.mark(syntax.argument_close)});
  }

  // A text may stand in XML's marks for one.
  RulePart data_text(const ArgumentValues& values) {
    const Expression text = expressions_.intersection({values.texts, parts_.text_without({kDataClose})});
    return sequence_of({parts_.literal(kDataOpen), regular_part(text), parts_.literal(kDataClose)});
  }

  // What ends a key of another value than a text; some templates name the type there.
  RulePart other_key_end(const CallSyntax& syntax) {
    const auto type_of = [](const std::string& mark) {
      const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
      return static_cast<std::size_t>(std::find_if_not(mark.begin(), mark.end(), is_letter) - mark.begin());
    };
    const std::size_t text_type = type_of(syntax.text_key_end), other_type = type_of(syntax.other_key_end);
    const std::string rest = syntax.other_key_end.substr(other_type);
    const bool names_types = syntax.text_key_end.substr(0, text_type) == "string" && other_type > 0;
    if (!names_types || syntax.text_key_end.substr(text_type) != rest) {
      return parts_.mark(syntax.other_key_end);
    }
    std::vector<RulePart> types;
    for (const char* name : {"number", "integer", "boolean", "object", "array", "null"}) {
      types.push_back(parts_.literal(name));
    }
    return sequence_of({choice_of(std::move(types)), parts_.mark(rest)});
  }

  // JSON, or Python's spelling of its words.
  RulePart with_python_words(const Grammar& json, std::vector<RulePart> choices) {
    const Grammar::Value& root = json.values[json.root_value];
    if (root.yes) choices.push_back(parts_.literal("True"));
    if (root.no) choices.push_back(parts_.literal("False"));
    if (root.null) choices.push_back(parts_.literal("None"));
    return choice_of(std::move(choices));
  }

  // Of the texts those that are read as what they are.
  Expression bare_text(const CallSyntax& syntax, const ArgumentValues& values, bool is_typed) {
    const Expression data = expressions_.concatenation(
        expressions_.concatenation(parts_.space().language, expressions_.literal(kDataOpen)), kAnyText);
    std::vector<Expression> all{values.texts, parts_.text_without({syntax.argument_close}),
                                expressions_.complement(data)};
    if (!is_typed && values.types != kText) {
      all.push_back(expressions_.complement(parts_.pattern(kNoTextPattern).language));
    }
    return expressions_.intersection(std::move(all));
  }

  RulePart literals(const CallSyntax& syntax) {
    const RulePart one = rule(
        "literal call", each_tool([&](const CallGrammarTool& tool) {
          const Expression comma = expressions_.concatenation(
              expressions_.concatenation(parts_.space().language, expressions_.literal(",")), parts_.space().language);
          RulePart arguments =
              any_arguments(arguments_of(tool), comma, [&](RulePart name, const ArgumentValues& values) {
                return sequence_of({std::move(name), parts_.space(), parts_.literal(syntax.key_separator),
                                    parts_.space(), literal_value(syntax, values, tool.is_strict)});
              });
          return sequence_of({name(tool), parts_.literal(syntax.arguments_open), parts_.space(), std::move(arguments),
                              parts_.space(), parts_.literal(syntax.arguments_close)});
        }));
    if (!syntax.in_list) return one;
    return sequence_of(
        {parts_.literal("["), parts_.space(), listed(one, parts_.spaced(",")), parts_.space(), parts_.literal("]")});
  }

  RulePart literal_value(const CallSyntax& syntax, const ArgumentValues& values, bool is_strict) {
    std::vector<RulePart> choices;
    const bool has_texts = values.texts != kNoText;
    if (!syntax.quote.empty()) {
      const Expression text = expressions_.intersection({values.texts, parts_.text_without({syntax.quote})});
      if (has_texts) {
        choices.push_back(sequence_of({parts_.mark(syntax.quote), regular_part(text), parts_.mark(syntax.quote)}));
      }
      if (values.other) choices.push_back(grammar_part(values.other));
      if (values.other && !is_strict) add_containers(syntax, *values.other, choices);
      return choice_of(std::move(choices));
    }
    choices.push_back(grammar_part(values.json));
    if (has_texts) {
      const Expression text = expressions_.intersection({values.texts, parts_.text_without({"'", "\\"})});
      choices.push_back(sequence_of({parts_.literal("'"), regular_part(text), parts_.literal("'")}));
    }
    return values.other ? with_python_words(*values.other, std::move(choices)) : choice_of(std::move(choices));
  }

  // Lists and objects as the syntax writes them, of any content: their texts stand in its own quotes.
  void add_containers(const CallSyntax& syntax, const Grammar& json, std::vector<RulePart>& choices) {
    const Grammar::Value& root = json.values[json.root_value];
    if (root.arrays.empty() && root.objects.empty()) return;
    if (!containers_) {
      const RulePart list = rule("list", {}), object = rule("object", {});
      const RulePart quote = parts_.mark(syntax.quote);
      const RulePart text = sequence_of({quote, regular_part(parts_.text_without({syntax.quote})), quote});
      const RulePart word = parts_.pattern(R"(true|false|null|-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)");
      const RulePart value = rule("literal value", choice_of({text, word, list, object}));
      const RulePart key = parts_.pattern("[A-Za-z_][A-Za-z0-9_-]{0,63}");
      const RulePart pair = sequence_of({choice_of({key, text}), parts_.spaced(":"), value});
      rules_[list.rule].body = enclosed("[", value, "]");
      rules_[object.rule].body = enclosed("{", pair, "}");
      containers_ = {list, object};
    }
    if (!root.arrays.empty()) choices.push_back(containers_->first);
    if (!root.objects.empty()) choices.push_back(containers_->second);
  }

  RulePart enclosed(std::string_view open, const RulePart& part, std::string_view close) {
    RulePart more = repetition_of(sequence_of({parts_.spaced(","), part}), 0, kUnbounded);
    RulePart all = optional_part(sequence_of({part, std::move(more), parts_.space()}));
    return sequence_of({parts_.literal(open), parts_.space(), std::move(all), parts_.literal(close)});
  }

  // A message whose header names a tool.
  RulePart message() {
    const RulePart rest =
        sequence_of({parts_.pattern("(?: [a-z ]*)?"),
                     optional_part(sequence_of({parts_.mark("<|channel|>"), parts_.pattern("[a-z ]*")})),
                     optional_part(sequence_of({parts_.mark("<|constrain|>"), parts_.pattern("[a-z]*")}))});
    RulePart tools = each_tool([&](const CallGrammarTool& tool) {
      return sequence_of({name(tool), rest, parts_.mark("<|message|>"), parts_.space(), object_of(tool)});
    });
    return sequence_of(
        {optional_part(parts_.mark("<|channel|>commentary ")), parts_.literal(kHeader), std::move(tools)});
  }

  const CallGrammar& calls_;
  WorkLimit limit_;
  Expressions expressions_;
  CallParts parts_{expressions_};
  std::vector<Rule> rules_;
  std::map<const CallGrammarTool*, std::shared_ptr<const Grammar>> objects_;
  std::optional<std::pair<RulePart, RulePart>> containers_;  // a list, and an object, in the syntax's own manner
};

void add_mark(std::vector<std::string>& marks, std::string mark) {
  if (!mark.empty() && std::find(marks.begin(), marks.end(), mark) == marks.end()) marks.push_back(std::move(mark));
}

// A call without a mark, up to its name.
std::string bare_beginning(const CallSyntax& syntax, const std::string& name) {
  switch (syntax.form) {
    case CallForm::kObject:
      return syntax.name_is_key ? "{" + quoted(name) + ":{" : "{" + quoted(syntax.name_key) + ":" + quoted(name);
    case CallForm::kLiterals:
      return (syntax.in_list ? "[" : "") + name + syntax.arguments_open;
    case CallForm::kNamedJson:
    case CallForm::kTagged: {
      std::string beginning = name;
      for (const std::string& piece : syntax.name_end) beginning += trimmed(piece);
      return beginning + (syntax.form == CallForm::kNamedJson ? "{" : "");
    }
    case CallForm::kNone:
      break;
  }
  return {};
}

}  // namespace

CallMarks call_marks(const CallGrammar& calls) {
  CallMarks marks;
  if (calls.has_message_headers) add_mark(marks.anywhere, std::string(kHeader));
  for (const CallSyntax& syntax : calls.syntaxes) {
    if (syntax.form == CallForm::kNone) continue;
    add_mark(marks.anywhere, syntax.section_open);
    add_mark(marks.anywhere, syntax.call_open);
    if (!is_bare(syntax) && !(syntax.prompt_opens && syntax.call_open.empty())) continue;
    for (const CallGrammarTool& tool : calls.tools) {
      for (const std::string& name : tool.names) add_mark(marks.at_beginning, bare_beginning(syntax, name));
    }
  }
  return marks;
}

std::shared_ptr<const Grammar> compile_calls(const CallGrammar& calls) {
  CallCompiler compiler(calls);
  RulePart section = compiler.section();
  return compiler.compile(std::move(section));
}

std::shared_ptr<const Grammar> compile_answer(const AnswerGrammar& answer) {
  static const CallGrammar kNoCalls;
  CallCompiler compiler(answer.calls ? *answer.calls : kNoCalls);
  RulePart root = compiler.answer(answer);
  return compiler.compile(std::move(root));
}

}  // namespace hearth
