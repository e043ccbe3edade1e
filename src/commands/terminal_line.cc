#include "commands/terminal_line.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace hearth {

TerminalLine::TerminalLine() : is_terminal_(::isatty(STDERR_FILENO) != 0) {}

TerminalLine::~TerminalLine() {
  if (shown_) std::fputs("\r\x1b[K", stderr);
}

void TerminalLine::show(std::string_view text) {
  if (!is_terminal_) return;
  fmt::print(stderr, "\r{}\x1b[K", text);
  std::fflush(stderr);
  shown_ = true;
}

}  // namespace hearth
