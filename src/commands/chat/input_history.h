// The lines that were typed before, in a file that only its owner can read: one line each, the latest last.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace hearth {

// $XDG_STATE_HOME/hearth/history, or the same under ~/.local/state; empty where neither is known.
std::filesystem::path history_path();

class InputHistory {
 public:
  // Lines that are read from the file, and to which it is cut back when it has twice as many.
  static constexpr std::size_t kLinesMax = 1000;

  // An empty path, and one that cannot be used, mean that nothing is kept.
  explicit InputHistory(const std::filesystem::path& path);
  ~InputHistory();
  InputHistory(const InputHistory&) = delete;
  InputHistory& operator=(const InputHistory&) = delete;

  const std::vector<std::string>& lines() const { return lines_; }  // as they were at the start
  // Several programs may append to one file. A line that repeats the last one is left out.
  void append(std::string_view line);

 private:
  int descriptor_ = -1;
  std::vector<std::string> lines_;
  std::string last_;
};

}  // namespace hearth
