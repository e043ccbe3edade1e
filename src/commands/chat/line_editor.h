// Lines typed on a terminal: editing, history, text of any script, and pasted text as it was.
#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>

#include "commands/chat/message_reader.h"

namespace hearth {

class LineEditor : public LineSource {
 public:
  // Reads standard input, which is a terminal, and shows what is typed on `out`. `history` may be empty: none is kept.
  LineEditor(TerminalSignals& signals, std::FILE* out, const std::filesystem::path& history);
  ~LineEditor() override;

  // Ctrl-C drops the line and is kInterrupted; Ctrl-D on an empty one is kEnd.
  InputLine read_line(const char* prompt) override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth
