#include "base/read_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace hearth {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{64} << 10;

// An open file, closed in the end.
class Descriptor {
 public:
  explicit Descriptor(const std::filesystem::path& path) : name_(path.string()) {
    value_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (value_ < 0) fail(errno);
    check_kind();
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { ::close(value_); }

  int value() const { return value_; }

 private:
  [[noreturn]] void fail(int error) const {
    throw InvalidInput(fmt::format("{}: cannot be read: {}", name_, std::strerror(error)));
  }
  void check_kind() const {
    struct stat info {};
    if (::fstat(value_, &info) == 0 && S_ISDIR(info.st_mode)) {
      ::close(value_);
      throw InvalidInput(name_ + ": is a directory, where a file is needed");
    }
  }

  std::string name_;
  int value_ = -1;
};

std::string read_all(int descriptor, const std::string& name, std::size_t bytes_max) {
  std::string text;
  std::array<char, kPieceBytes> piece;
  for (;;) {
    const ssize_t count = ::read(descriptor, piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const bool is_directory = errno == EISDIR;
      throw InvalidInput(is_directory ? name + ": is a directory, where a file is needed"
                                      : fmt::format("{}: cannot be read: {}", name, std::strerror(errno)));
    }
    if (count == 0) return text;
    if (static_cast<std::size_t>(count) > bytes_max - text.size()) {
      throw InvalidInput(fmt::format("{}: has more than {} bytes", name, bytes_max));
    }
    text.append(piece.data(), static_cast<std::size_t>(count));
  }
}

}  // namespace

std::string read_file(const std::filesystem::path& path, std::size_t bytes_max) {
  return read_all(Descriptor(path).value(), path.string(), bytes_max);
}

std::string read_standard_input(std::size_t bytes_max) {
  return read_all(STDIN_FILENO, "standard input", bytes_max);
}

std::vector<std::string> text_lines(std::string_view text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::size_t next = end + 1;
    if (end > begin && text[end - 1] == '\r') --end;
    lines.emplace_back(text.substr(begin, end - begin));
    begin = next;
  }
  return lines;
}

void check_readable(const std::filesystem::path& path) {
  const Descriptor checked(path);
}

}  // namespace hearth
