#include "commands/chat/input_history.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <system_error>

namespace hearth {
namespace {

std::vector<std::string> read_lines(const std::filesystem::path& path) {
  std::vector<std::string> lines;
  std::ifstream file(path, std::ios::binary);
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

int open_private(const std::filesystem::path& path, int flags) {
  const int descriptor = ::open(path.c_str(), flags | O_WRONLY | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
  // A file of before may have been readable for others.
  if (descriptor >= 0 && ::fchmod(descriptor, S_IRUSR | S_IWUSR) != 0) {
    ::close(descriptor);
    return -1;
  }
  return descriptor;
}

void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(descriptor, text.data(), text.size());
    if (count <= 0) return;  // what is typed from now on is not kept; nothing else is lost
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

void rewrite(const std::filesystem::path& path, const std::vector<std::string>& lines) {
  const std::filesystem::path next = path.string() + ".new";
  const int descriptor = open_private(next, O_TRUNC);
  if (descriptor < 0) return;
  std::string text;
  for (const std::string& line : lines) text += line + '\n';
  write_all(descriptor, text);
  ::close(descriptor);
  std::error_code ignored;
  std::filesystem::rename(next, path, ignored);
}

}  // namespace

std::filesystem::path history_path() {
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  std::filesystem::path folder;
  if (state != nullptr && *state == '/') {
    folder = state;
  } else if (home != nullptr && *home != '\0') {
    folder = std::filesystem::path(home) / ".local/state";
  } else {
    return {};
  }
  return folder / "hearth/history";
}

InputHistory::InputHistory(const std::filesystem::path& path) {
  if (path.empty()) return;
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  if (error) return;
  lines_ = read_lines(path);
  if (lines_.size() > kLinesMax) {
    const bool is_long = lines_.size() > 2 * kLinesMax;
    lines_.erase(lines_.begin(), lines_.end() - kLinesMax);
    if (is_long) rewrite(path, lines_);
  }
  if (!lines_.empty()) last_ = lines_.back();
  descriptor_ = open_private(path, O_APPEND);
}

InputHistory::~InputHistory() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void InputHistory::append(std::string_view line) {
  if (descriptor_ < 0 || line.empty() || line == last_) return;
  last_ = line;
  write_all(descriptor_, std::string(line) + '\n');
}

}  // namespace hearth
