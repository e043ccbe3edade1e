// What a user types, as messages: lines from a terminal or a pipe, put together where one message has several.
#pragma once

#include <string>

#include "commands/chat/terminal_signals.h"

namespace hearth {

struct InputLine {
  enum class Kind { kText, kInterrupted, kEnd, kTerminated };
  Kind kind = Kind::kEnd;
  std::string text;      // without its line feed
  bool goes_on = false;  // the line feed was pasted: the message does not end with it
};

class LineSource {
 public:
  virtual ~LineSource() = default;
  // Waits for the next line. A terminal shows the prompt.
  virtual InputLine read_line(const char* prompt) = 0;
};

// Bytes of a descriptor, waited for together with signals.
class InputBytes {
 public:
  enum class Event { kInput, kEnd, kSignal, kTimeout };

  InputBytes(int descriptor, TerminalSignals& signals) : descriptor_(descriptor), signals_(signals) {}

  // Waits for more of the input and appends it to buffer(), or for a signal, which is for the caller to take.
  // `timeout_ms` below 0: without end. Throws DeviceError.
  Event wait(int timeout_ms = -1);
  std::string& buffer() { return buffer_; }
  TerminalSignals& signals() { return signals_; }

 private:
  int descriptor_;
  TerminalSignals& signals_;
  std::string buffer_;
};

// Lines of a pipe or a file. A last line without a line feed counts.
class PipeLines : public LineSource {
 public:
  PipeLines(int descriptor, TerminalSignals& signals) : bytes_(descriptor, signals) {}
  InputLine read_line(const char* prompt) override;

 private:
  InputBytes bytes_;
};

struct InputMessage {
  InputLine::Kind kind = InputLine::Kind::kEnd;
  std::string text;
  bool is_command = false;  // one line that begins with a slash
};

// A line is a message, but for: """ at its start opens one of several lines, and """ at a line's end closes it; a
// backslash at the end goes on with the next line; what is pasted is one message. Two slashes at the start stand for
// one that is no command's. Throws InvalidInput where the input ends within a message, or is not UTF-8.
InputMessage read_message(LineSource& lines);

}  // namespace hearth
