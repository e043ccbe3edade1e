#include "text/answers/known_syntaxes.h"

#include <algorithm>
#include <string>

namespace hearth {
namespace {

CallSyntax within(CallSyntax syntax, std::string open, std::string close) {
  syntax.section_open = std::move(open);
  syntax.section_close = std::move(close);
  return syntax;
}

// Each call between marks of its own.
CallSyntax marked_syntax(CallForm form, std::string open, std::string close) {
  CallSyntax syntax;
  syntax.form = form;
  syntax.call_open = std::move(open);
  syntax.call_close = std::move(close);
  return syntax;
}

CallSyntax each_object_syntax(std::string open, std::string close) {
  return marked_syntax(CallForm::kObject, std::move(open), std::move(close));
}

CallSyntax object_syntax(std::string open, std::string close) {
  return within(each_object_syntax("", ""), std::move(open), std::move(close));
}

CallSyntax cohere_syntax(std::string open, std::string close) {
  CallSyntax syntax = object_syntax(std::move(open), std::move(close));
  syntax.name_key = "tool_name";
  syntax.arguments_key = "parameters";
  return syntax;
}

CallSyntax named_syntax(std::string open, std::string close, std::vector<std::string> name_end) {
  CallSyntax syntax = marked_syntax(CallForm::kNamedJson, std::move(open), std::move(close));
  syntax.name_end = std::move(name_end);
  return syntax;
}

CallSyntax kimi_syntax() {
  return within(named_syntax("<|tool_call_begin|>", "<|tool_call_end|>", {"<|tool_call_argument_begin|>"}),
                "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>");
}

// V3 and R1 write a call's kind before its name, and its arguments as a block of code; V3.1 does neither.
CallSyntax deepseek_syntax(bool has_blocks) {
  CallSyntax syntax = named_syntax("<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", {"<｜tool▁sep｜>"});
  if (has_blocks) {
    syntax.name_begin = "<｜tool▁sep｜>";
    syntax.name_end = {"```json"};
    syntax.call_close = "```<｜tool▁call▁end｜>";
  }
  return within(std::move(syntax), "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>");
}

// An XML element for each argument, with its name in an attribute.
CallSyntax invoke_syntax(const std::string& prefix, const std::string& section) {
  CallSyntax syntax = marked_syntax(CallForm::kTagged, "<" + prefix + "invoke name=\"", "</" + prefix + "invoke>");
  syntax.name_end = {"\">"};
  syntax.argument_open = "<" + prefix + "parameter name=\"";
  syntax.key_end = "\">";
  syntax.argument_close = "</" + prefix + "parameter>";
  return within(std::move(syntax), "<" + section + ">", "</" + section + ">");
}

CallSyntax dsml_syntax() {
  CallSyntax syntax = invoke_syntax("｜DSML｜", "｜DSML｜function_calls");
  syntax.key_end = "\" string=\"";
  syntax.text_key_end = "true\">";
  syntax.other_key_end = "false\">";
  return syntax;
}

CallSyntax glm_syntax() {
  CallSyntax syntax = marked_syntax(CallForm::kTagged, "<tool_call>", "</tool_call>");
  syntax.argument_open = "<arg_key>";
  syntax.key_end = "</arg_key>\n<arg_value>";
  syntax.argument_close = "</arg_value>";
  return syntax;
}

CallSyntax qwen_coder_syntax(const std::string& section) {
  CallSyntax syntax = marked_syntax(CallForm::kTagged, "<function=", "</function>");
  syntax.name_end = {">"};
  syntax.argument_open = "<parameter=";
  syntax.key_end = ">";
  syntax.argument_close = "</parameter>";
  syntax.value_has_lines = true;
  return within(std::move(syntax), "<" + section + ">", "</" + section + ">");
}

// f(key=value, …) in a list.
CallSyntax python_syntax(std::string open, std::string close) {
  CallSyntax syntax = marked_syntax(CallForm::kLiterals, std::move(open), std::move(close));
  syntax.arguments_open = "(";
  syntax.key_separator = "=";
  syntax.arguments_close = ")";
  syntax.in_list = true;
  return syntax;
}

CallSyntax gemma_syntax(std::string open, std::string close, std::string quote) {
  CallSyntax syntax = marked_syntax(CallForm::kLiterals, std::move(open), std::move(close));
  syntax.arguments_open = "{";
  syntax.key_separator = ":";
  syntax.arguments_close = "}";
  syntax.quote = std::move(quote);
  return syntax;
}

using Syntaxes = std::vector<CallSyntax>;

// The first entry all of whose marks stand in the source is taken.
struct Entry {
  std::vector<std::string_view> marks;
  Syntaxes (*syntaxes)();
};

const std::vector<Entry>& entries() {
  static const std::vector<Entry> kEntries = {
      {{"<|tool_calls_section_begin|>"}, [] { return Syntaxes{kimi_syntax()}; }},
      {{"<｜tool▁call▁begin｜>", "```json"}, [] { return Syntaxes{deepseek_syntax(true)}; }},
      {{"<｜tool▁call▁begin｜>"}, [] { return Syntaxes{deepseek_syntax(false)}; }},
      {{"｜DSML｜"}, [] { return Syntaxes{dsml_syntax()}; }},
      {{"<|tool_call_start|>"}, [] { return Syntaxes{python_syntax("<|tool_call_start|>", "<|tool_call_end|>")}; }},
      {{"<|tool_list_start|>"}, [] { return Syntaxes{python_syntax("<|tool_call_start|>", "<|tool_call_end|>")}; }},
      {{"List of tools: ["}, [] { return Syntaxes{python_syntax("<|tool_call_start|>", "<|tool_call_end|>")}; }},
      {{"<|START_ACTION|>"}, [] { return Syntaxes{cohere_syntax("<|START_ACTION|>", "<|END_ACTION|>")}; }},
      {{"Action:", "```json", "tool_name"}, [] { return Syntaxes{cohere_syntax("Action:\n```json", "```")}; }},
      {{"[TOOL_CALLS]", "[ARGS]"},
       [] {
         return Syntaxes{named_syntax("[TOOL_CALLS]", "", {"[CALL_ID]", "[ARGS]"})};
       }},
      {{"[TOOL_CALLS]"}, [] { return Syntaxes{object_syntax("[TOOL_CALLS]", "")}; }},
      {{"<minimax:tool_call>"}, [] { return Syntaxes{invoke_syntax("", "minimax:tool_call")}; }},
      {{"<arg_key>"}, [] { return Syntaxes{glm_syntax()}; }},
      {{"<seed:tool_call>"}, [] { return Syntaxes{qwen_coder_syntax("seed:tool_call")}; }},
      {{"<function=", "<parameter="}, [] { return Syntaxes{qwen_coder_syntax("tool_call")}; }},
      {{"<function="}, [] { return Syntaxes{named_syntax("<function=", "</function>", {">"})}; }},
      {{"<TOOLCALL>"}, [] { return Syntaxes{object_syntax("<TOOLCALL>", "</TOOLCALL>")}; }},
      {{"<start_function_call>"},
       [] { return Syntaxes{gemma_syntax("<start_function_call>call:", "<end_function_call>", "<escape>")}; }},
      {{"<|tool_call>"}, [] { return Syntaxes{gemma_syntax("<|tool_call>call:", "<tool_call|>", "<|\"|>")}; }},
      {{"functools"}, [] { return Syntaxes{object_syntax("functools", "")}; }},
      // Phi-4 was trained on both.
      {{"<|tool|>"},
       [] {
         return Syntaxes{each_object_syntax("<|tool_call|>", "<|/tool_call|>"), object_syntax("functools", "")};
       }},
      {{"<|tool_call|>"}, [] { return Syntaxes{each_object_syntax("<|tool_call|>", "")}; }},
      {{"<tool_calls>"}, [] { return Syntaxes{object_syntax("<tool_calls>", "</tool_calls>")}; }},
      {{"<tool_call>"}, [] { return Syntaxes{each_object_syntax("<tool_call>", "</tool_call>")}; }},
      // Llama 3 and 4.
      {{"ipython"},
       [] {
         return Syntaxes{object_syntax("", ""), bare_python_syntax()};
       }},
  };
  return kEntries;
}

}  // namespace

std::vector<CallSyntax> known_call_syntaxes(std::string_view source) {
  for (const Entry& entry : entries()) {
    const bool stands_there = std::all_of(entry.marks.begin(), entry.marks.end(), [&](std::string_view mark) {
      return source.find(mark) != std::string_view::npos;
    });
    if (stands_there) return entry.syntaxes();
  }
  return {};
}

std::vector<CallSyntax> default_call_syntaxes() {
  return {each_object_syntax("<tool_call>", "</tool_call>"), object_syntax("", ""), object_syntax("```json", "```")};
}

CallSyntax bare_object_syntax(const CallSyntax& marked) {
  CallSyntax syntax = object_syntax("", "");
  syntax.name_key = marked.name_key;
  syntax.arguments_key = marked.arguments_key;
  return syntax;
}

CallSyntax bare_python_syntax() {
  return python_syntax("", "");
}

std::pair<std::string_view, std::string_view> known_thinking_marks(std::string_view source) {
  constexpr std::pair<std::string_view, std::string_view> kMarks[] = {{"<think>", "</think>"},
                                                                      {"[THINK]", "[/THINK]"},
                                                                      {"<thinking>", "</thinking>"},
                                                                      {"<seed:think>", "</seed:think>"},
                                                                      {"<|START_THINKING|>", "<|END_THINKING|>"}};
  for (const auto& [open, close] : kMarks) {
    if (source.find(open) != std::string_view::npos || source.find(close) != std::string_view::npos) {
      return {open, close};
    }
  }
  return {};
}

}  // namespace hearth
