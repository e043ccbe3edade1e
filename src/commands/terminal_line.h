// A line on standard error that is written over: for progress, on a terminal alone. It is gone when this ends.
#pragma once

#include <string_view>

namespace hearth {

class TerminalLine {
 public:
  TerminalLine();
  ~TerminalLine();
  TerminalLine(const TerminalLine&) = delete;
  TerminalLine& operator=(const TerminalLine&) = delete;

  bool is_terminal() const { return is_terminal_; }
  // Nothing where it is no terminal.
  void show(std::string_view text);

 private:
  const bool is_terminal_;
  bool shown_ = false;
};

}  // namespace hearth
