// How a model writes an answer that is more than text: what it thought, and the tools that it calls. Plain data, found
// from the model's chat template (answer_probe.h), read by AnswerParser.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hearth {

// How one call is written between `call_open` and `call_close`.
enum class CallForm : std::uint8_t {
  kNone,       // the template writes no calls
  kObject,     // {"name": "f", "arguments": {…}}, or a list of them; also {"f": {…}}
  kNamedJson,  // f NAME_END {…}
  kTagged,     // f NAME_END ARGUMENT_OPEN key KEY_END value ARGUMENT_CLOSE …
  kLiterals,   // f(key=value, …): values as Python writes them, or in another language's manner
};

// Texts without the white space around them; empty: there is none.
struct CallSyntax {
  CallForm form = CallForm::kNone;
  std::string section_open, section_close;  // around all calls of a turn
  std::string call_open, call_close;        // around each
  bool prompt_opens = false;                // the prompt ends with section_open
  std::string name_begin;                   // stands before the name where a call's id comes first
  // What stands between a name and the arguments, in pieces: what is between the pieces varies (a call's id).
  std::vector<std::string> name_end;
  // kObject
  std::string name_key = "name", arguments_key = "arguments";
  bool name_is_key = false;  // {"f": {…}}
  // kTagged. What ends a key depends on the value's type in some; `key_end` is what all have in common.
  std::string argument_open, key_end, argument_close;
  std::string text_key_end, other_key_end;  // with what follows key_end, for texts and for other values; empty: alike
  bool value_has_lines = false;             // a line's end stands before and after each value
  // kLiterals
  std::string arguments_open, key_separator, arguments_close, quote;  // "(", "=", ")"; empty quote: ' or "
  bool in_list = false;                                               // [f(…), g(…)]
};

struct AnswerSyntax {
  // Around what was thought. Both are empty in a model that does not think.
  std::string thinking_open, thinking_close;
  // Around an answer's text, in templates that have more than text there.
  std::string content_open, content_close;
  // What the template writes after a turn, and before one of the assistant's: no part of an answer.
  std::string turn_end, turn_open;
  std::string call_turn_end;  // after a turn with calls
  CallSyntax call;
  std::vector<CallSyntax> other_calls;  // in which the model may write them as well
  // Messages with a header, as OpenAI's Harmony has them: <|channel|>commentary to=functions.f<|message|>{…}<|call|>
  bool has_message_headers = false;
  bool has_channels = false;  // and these name channels, and tools as functions.NAME: OpenAI's own

  bool thinks() const { return !thinking_close.empty() || has_message_headers; }
  // Whether what the model writes after the prompt is thought, without a mark.
  bool is_thinking_after(std::string_view prompt) const;
  bool calls() const { return call.form != CallForm::kNone || has_message_headers; }
};

}  // namespace hearth
