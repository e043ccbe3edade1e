// The calls of tools that a model may write, as a grammar in the syntax that its template shows: the name is that of a
// tool that is offered, and the arguments are what the tool's schema allows. It is followed from the mark that begins
// calls; or, as a whole answer, from the answer's beginning.
#pragma once

#include <boost/json/value.hpp>
#include <memory>
#include <string>
#include <vector>

#include "grammar/grammar_source.h"
#include "text/answers/answer_syntax.h"

namespace hearth {

struct CallGrammarTool {
  std::vector<std::string> names;  // by which the model may call it
  boost::json::value parameters;   // JSON Schema of the arguments
  // What of the schema cannot be enforced is an error; else the arguments are any object then.
  bool is_strict = false;
};

struct CallGrammar {
  std::vector<CallSyntax> syntaxes;
  bool has_message_headers = false;
  bool ids_hold_names = false;
  bool one_call = false;
  std::vector<CallGrammarTool> tools;
};

// What begins calls in a text; and in an answer that has no text yet, there white space does not count.
struct CallMarks {
  std::vector<std::string> anywhere, at_beginning;
};
CallMarks call_marks(const CallGrammar& calls);

// The calls of one mark, with the mark: all that a section has, or else one call. Throws Unsupported, with the tool's
// name, for a strict one whose schema cannot be enforced in that syntax.
std::shared_ptr<const Grammar> compile_calls(const CallGrammar& calls);

// What a whole answer is: a text in a form, or calls in its place. Thoughts may come before it: `thinking_open` begins
// them, and is all that the grammar knows of them.
struct AnswerGrammar {
  GrammarSource text;
  std::string thinking_open;           // empty: none
  std::shared_ptr<CallGrammar> calls;  // null: none
};
std::shared_ptr<const Grammar> compile_answer(const AnswerGrammar& answer);

// As sources of the kinds kCalls and kAnswer.
GrammarSource source_of(const CallGrammar& calls);
GrammarSource source_of(const AnswerGrammar& answer);
// Throws InvalidInput for what these do not write.
CallGrammar parse_call_grammar(std::string_view text);
AnswerGrammar parse_answer_grammar(std::string_view text);

}  // namespace hearth
