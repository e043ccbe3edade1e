// A model's output, split into what it thought, what it says and the tools that it calls, while it is written. Markup
// is not shown, no text is lost, and what begins like a call and turns out to be none is text. The events are the same
// however the output is cut. No input is an error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/answers/answer_syntax.h"
#include "text/answers/tool_types.h"

namespace hearth {

struct AnswerEvent {
  enum class Kind : std::uint8_t {
    kReasoning,   // text
    kContent,     // text
    kCall,        // a call begins; text: the tool's name
    kArguments,   // of the call that began last: more of the JSON
    kCallEnd,     // its arguments are a whole JSON object
    kCallBroken,  // they are none: the model wrote no JSON, or its answer ended too early. text: the call as written
  };
  Kind kind;
  std::string text;

  bool operator==(const AnswerEvent&) const = default;
};

struct AnswerParserOptions {
  bool reads_calls = false;       // the request has tools
  bool thinking_is_open = false;  // the prompt ends within what is thought
};

class AnswerParser {
 public:
  AnswerParser(std::shared_ptr<const AnswerSyntax> syntax, std::shared_ptr<const ToolTypes> tools,
               AnswerParserOptions options);
  ~AnswerParser();
  AnswerParser(AnswerParser&&) noexcept;
  AnswerParser& operator=(AnswerParser&&) noexcept;

  // What is certain after so much more of the output. Neighbouring texts of one kind are one event.
  std::vector<AnswerEvent> feed(std::string_view output);
  // The output has ended. The last call.
  std::vector<AnswerEvent> finish();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// A whole answer. A call that was broken is part of the content, as it was written.
struct ParsedAnswer {
  struct Call {
    std::string name, arguments;
  };
  std::string reasoning, content;
  std::vector<Call> calls;

  void add(const std::vector<AnswerEvent>& events);
};

}  // namespace hearth
