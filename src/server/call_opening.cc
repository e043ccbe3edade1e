#include "server/call_opening.h"

#include <string_view>
#include <vector>

#include "base/json_value.h"

namespace hearth {
namespace {

std::string as_json(std::string_view text) {
  return serialized_json(boost::json::value(text));
}

std::string object_opening(const CallSyntax& call, const std::string& name) {
  if (call.name_is_key) return name.empty() ? "{" : "{" + as_json(name) + ": ";
  std::string text = "{" + as_json(call.name_key) + ": ";
  text += name.empty() ? "\"" : as_json(name) + ", " + as_json(call.arguments_key) + ": ";
  return text;
}

// A call's beginning within its marks.
std::string inner_opening(const CallSyntax& call, const std::string& name) {
  switch (call.form) {
    case CallForm::kNone:
      return {};
    case CallForm::kObject:
      return object_opening(call, name);
    case CallForm::kNamedJson:
    case CallForm::kTagged:
      // What varies, before the name or behind it, is the model's to write.
      if (name.empty() || !call.name_begin.empty()) return {};
      return call.name_end.empty() ? name : name + call.name_end.front();
    case CallForm::kLiterals:
      return (call.in_list ? "[" : "") + (name.empty() ? name : name + call.arguments_open);
  }
  return {};
}

std::string header_opening(const std::string& name) {
  std::string text = "<|channel|>commentary to=functions." + name;
  if (!name.empty()) text += " <|constrain|>json<|message|>";
  return text;
}

// Whether the text begins a call for the parser too, of the tool that is meant, and shows nothing.
bool begins_call(const std::string& text, const std::shared_ptr<const AnswerSyntax>& syntax, const OfferedTools& tools,
                 const AnswerParserOptions& options) {
  AnswerParser parser(syntax, tools.types(), options);
  for (const AnswerEvent& event : parser.feed(text)) {
    if (event.kind != AnswerEvent::Kind::kCall || event.text != tools.only_name()) return false;
  }
  return true;
}

}  // namespace

std::string call_opening(const std::shared_ptr<const AnswerSyntax>& syntax, const OfferedTools& tools,
                         const AnswerParserOptions& options) {
  const CallSyntax& call = syntax->call;
  const std::string thinking_end = options.thinking_is_open ? "\n" + syntax->thinking_close + "\n\n" : "";
  const std::string marks = (call.prompt_opens ? "" : call.section_open) + call.call_open;
  std::vector<std::string> names{tools.only_name()};
  if (!names.front().empty()) names.emplace_back();  // where the name cannot be written, at least the call can
  for (const std::string& name : names) {
    const std::string opening = syntax->has_message_headers ? header_opening(name) : marks + inner_opening(call, name);
    if (opening.empty()) continue;
    if (begins_call(thinking_end + opening, syntax, tools, options)) return thinking_end + opening;
  }
  return {};
}

}  // namespace hearth
