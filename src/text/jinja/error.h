// What a chat template can do wrong. Templates come inside model files that nobody vouches for, so each mistake, and
// each attempt to use up time or memory, ends in this one exception with the line that it happened on.
#pragma once

#include <string>

#include "base/error.h"

namespace hearth::jinja {

class TemplateError : public InvalidInput {
 public:
  enum class Kind {
    kSyntax,   // the text is not a template
    kRuntime,  // an operation that Python or Jinja refuses
    kRaised,   // the template's own raise_exception(message)
    kLimit,    // too deep, too long, too big
  };

  // `line` counts from 1; 0 where the thrower does not know it (the interpreter then adds it).
  TemplateError(Kind kind, std::string message, int line = 0);

  Kind kind() const { return kind_; }
  int line() const { return line_; }
  const std::string& message() const { return message_; }  // without the line

 private:
  Kind kind_;
  int line_;
  std::string message_;
};

[[noreturn]] void fail(std::string message);        // kRuntime
[[noreturn]] void fail_limit(std::string message);  // kLimit

}  // namespace hearth::jinja
