#include "server/answer_form.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "grammar/call_grammar.h"
#include "grammar/grammar_cache.h"
#include "grammar/recognizer.h"
#include "server/fields.h"
#include "text/answers/reading.h"

namespace hearth {
namespace {

constexpr std::string_view kFinal = "<|channel|>final<|message|>";

// The part of an opening that is a call's.
std::string_view begun_call(const AnswerReading& reading) {
  std::string_view opening = reading.opening;
  const std::string& close = reading.syntax->thinking_close;
  if (!reading.options.thinking_is_open || close.empty()) return opening;
  const std::size_t at = opening.find(close);
  return at == std::string_view::npos ? opening : trimmed(opening.substr(at + close.size()));
}

bool has_strict(const CallGrammar& calls) {
  return std::any_of(calls.tools.begin(), calls.tools.end(), [](const auto& tool) { return tool.is_strict; });
}

[[noreturn]] void refuse(const std::string& why) {
  throw bad_request(fmt::format("'tools': {}", why), "tools", "unsupported_parameter");
}

// The grammar, or null where it cannot be had and need not be.
std::shared_ptr<const Grammar> compiled(const GrammarSource& source, const CallGrammar& calls) {
  try {
    return grammar_cache().compiled(source);
  } catch (const Error& error) {
    if (has_strict(calls)) refuse(error.what());
    return nullptr;
  }
}

void put_calls(const AnswerReading& reading, CallGrammar calls, Request& generation) {
  CallGrammarRequest request;
  request.source = source_of(calls);
  request.grammar = compiled(request.source, calls);
  if (!request.grammar) return;
  request.marks = call_marks(calls);
  request.begun = begun_call(reading);
  request.ends_with_call = calls.one_call;
  Recognizer recognizer(request.grammar);
  if (recognizer.advance(recognizer.start(), request.begun) == kDeadState) {
    if (has_strict(calls)) refuse("a call in the model's syntax cannot be followed");
    return;
  }
  generation.calls = std::move(request);
}

// The text's grammar becomes one of the whole answer.
void widen_text(std::string thinking_open, std::shared_ptr<CallGrammar> calls, Request& generation) {
  if (thinking_open.empty() && !calls) return;
  static const CallGrammar kNoCalls;
  const AnswerGrammar answer{generation.grammar->source, std::move(thinking_open), calls};
  GrammarSource source = source_of(answer);
  if (auto grammar = compiled(source, calls ? *calls : kNoCalls)) {
    generation.grammar = GrammarRequest{std::move(source), std::move(grammar), {}};
  }
}

}  // namespace

CallGrammar call_grammar(const AnswerReading& reading) {
  CallGrammar calls;
  const AnswerSyntax& syntax = *reading.syntax;
  calls.syntaxes.push_back(syntax.call);
  calls.syntaxes.insert(calls.syntaxes.end(), syntax.other_calls.begin(), syntax.other_calls.end());
  calls.has_message_headers = syntax.has_channels;
  if (syntax.has_message_headers) calls.syntaxes.clear();
  calls.ids_hold_names = reading.ids_hold_names;
  calls.one_call = reading.tools->one_call;
  calls.tools = reading.tools->grammar_tools();
  return calls;
}

void put_thinking_marks(const AnswerSyntax& syntax, bool is_open, ThinkingRequest& thinking) {
  if (syntax.has_channels) {
    thinking.open = "<|channel|>analysis<|message|>";
    thinking.close = "<|end|>";
    thinking.end = "<|end|><|start|>assistant" + std::string(kFinal);
    thinking.may_come_anywhere = true;
  } else if (syntax.thinks() && !syntax.has_message_headers) {
    thinking.open = syntax.thinking_open;
    thinking.close = syntax.thinking_close;
    thinking.is_open = is_open;
  }
}

void put_answer_form(const AnswerReading& reading, bool may_think, Request& generation) {
  const AnswerSyntax& syntax = *reading.syntax;
  const bool has_opening = !reading.opening.empty();
  if (has_opening) generation.grammar.reset();  // a text's form is not that of a call
  put_thinking_marks(syntax, reading.options.thinking_is_open && !has_opening, generation.thinking);
  const bool may_call = reading.options.reads_calls && reading.tools;
  if (!generation.grammar || syntax.has_message_headers) {
    if (generation.grammar && syntax.has_channels) generation.grammar->begin_after = kFinal;
    if (may_call) put_calls(reading, call_grammar(reading), generation);
    return;
  }
  std::string thinking_open = may_think ? syntax.thinking_open : std::string();
  widen_text(std::move(thinking_open), may_call ? std::make_shared<CallGrammar>(call_grammar(reading)) : nullptr,
             generation);
}

std::int64_t thinking_tokens_of(std::string_view effort) {
  static constexpr std::pair<std::string_view, std::int64_t> kDegrees[] = {
      {"none", 0}, {"minimal", 512}, {"low", 1024}, {"medium", 4096}};
  for (const auto& [name, tokens] : kDegrees) {
    if (name == effort) return tokens;
  }
  return -1;
}

}  // namespace hearth
