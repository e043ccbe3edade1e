#include "commands/chat/message_reader.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"

namespace hearth {
namespace {

constexpr std::size_t kMessageBytesMax = 64 << 20;
constexpr char kFence[] = "\"\"\"";
constexpr std::size_t kFenceBytes = 3;
constexpr char kPrompt[] = "> ";
constexpr char kContinuationPrompt[] = ". ";

void check_size(std::size_t bytes) {
  if (bytes > kMessageBytesMax) {
    throw InvalidInput(fmt::format("the message has more than {} bytes", kMessageBytesMax));
  }
}

void check_utf8(const std::string& text) {
  bool valid = true;
  if (!text.empty() && (utf8_run_bytes(text, 0, valid) != text.size() || !valid)) {
    throw InvalidInput("the message is not valid UTF-8");
  }
}

// Appends lines to `text` until one says that it is the last. kText, or what ended it before.
template <typename Add>
InputLine::Kind read_more(LineSource& lines, std::string& text, Add&& add) {
  for (;;) {
    InputLine line = lines.read_line(kContinuationPrompt);
    if (line.kind == InputLine::Kind::kEnd) throw InvalidInput("the input ends within a message of several lines");
    if (line.kind != InputLine::Kind::kText) return line.kind;
    check_size(text.size() + line.text.size());
    if (add(line)) return InputLine::Kind::kText;
  }
}

// From the line that opened it on, without the fence.
InputLine::Kind read_fenced(LineSource& lines, std::string& text) {
  const auto close = [&text] {
    if (!text.ends_with(kFence)) return false;
    text.resize(text.size() - kFenceBytes);
    if (text.ends_with('\n')) text.pop_back();
    return true;
  };
  if (close()) return InputLine::Kind::kText;
  bool is_first = text.empty();  // what stands behind the opening fence is a line only if there is something
  return read_more(lines, text, [&](const InputLine& line) {
    if (!std::exchange(is_first, false)) text += '\n';
    text += line.text;
    return close();
  });
}

InputLine::Kind read_pasted(LineSource& lines, std::string& text) {
  return read_more(lines, text, [&](const InputLine& line) {
    text += '\n' + line.text;
    return !line.goes_on;
  });
}

InputLine::Kind read_continued(LineSource& lines, std::string& text) {
  text.back() = '\n';
  return read_more(lines, text, [&](const InputLine& line) {
    text += line.text;
    if (!text.ends_with('\\')) return true;
    text.back() = '\n';
    return false;
  });
}

}  // namespace

InputBytes::Event InputBytes::wait(int timeout_ms) {
  std::array<pollfd, 2> waited{pollfd{signals_.descriptor(), POLLIN, 0}, pollfd{descriptor_, POLLIN, 0}};
  int ready = 0;
  do {
    ready = ::poll(waited.data(), waited.size(), timeout_ms);
  } while (ready < 0 && errno == EINTR);
  if (ready < 0) throw DeviceError(fmt::format("standard input: {}", std::strerror(errno)));
  if (ready == 0) return Event::kTimeout;
  if (waited[0].revents != 0) return Event::kSignal;
  // Ctrl-C makes a terminal drop what was typed before it. If that is what poll saw, reading would wait for more.
  int byte_count = 0;
  if (::ioctl(descriptor_, FIONREAD, &byte_count) == 0 && byte_count == 0) {
    const bool is_signalled = ::poll(waited.data(), 1, 0) == 1;
    if (is_signalled) return Event::kSignal;
  }
  std::array<char, 4096> bytes{};
  const ssize_t count = ::read(descriptor_, bytes.data(), bytes.size());
  if (count < 0 && errno != EIO) throw DeviceError(fmt::format("standard input: {}", std::strerror(errno)));
  if (count <= 0) return Event::kEnd;  // a terminal that is gone gives EIO
  buffer_.append(bytes.data(), static_cast<std::size_t>(count));
  return Event::kInput;
}

InputLine PipeLines::read_line(const char*) {
  std::string& buffer = bytes_.buffer();
  for (std::size_t searched = 0;;) {
    const std::size_t end = buffer.find('\n', searched);
    if (end != std::string::npos) {
      InputLine line{InputLine::Kind::kText, buffer.substr(0, end)};
      if (line.text.ends_with('\r')) line.text.pop_back();
      buffer.erase(0, end + 1);
      return line;
    }
    searched = buffer.size();
    if (searched > kMessageBytesMax) {
      throw DeviceError(fmt::format("standard input: a line has more than {} bytes", kMessageBytesMax));
    }
    const InputBytes::Event event = bytes_.wait();
    if (event == InputBytes::Event::kEnd && buffer.empty()) return {};
    if (event == InputBytes::Event::kEnd) return {InputLine::Kind::kText, std::exchange(buffer, {})};
    if (event != InputBytes::Event::kSignal) continue;
    const auto signal = bytes_.signals().next();
    if (signal == TerminalSignals::Event::kInterrupt) return {InputLine::Kind::kInterrupted, ""};
    if (signal == TerminalSignals::Event::kTerminate) return {InputLine::Kind::kTerminated, ""};
  }
}

InputMessage read_message(LineSource& lines) {
  InputLine line = lines.read_line(kPrompt);
  InputMessage message{line.kind, std::move(line.text)};
  if (line.kind != InputLine::Kind::kText) return message;
  if (line.goes_on) {
    message.kind = read_pasted(lines, message.text);
  } else if (message.text.starts_with(kFence)) {
    message.text.erase(0, kFenceBytes);
    message.kind = read_fenced(lines, message.text);
  } else {
    const bool is_escaped = message.text.starts_with("//");
    message.is_command = message.text.starts_with('/') && !is_escaped;
    if (is_escaped) message.text.erase(0, 1);
    if (message.text.ends_with('\\')) message.kind = read_continued(lines, message.text);
  }
  check_utf8(message.text);
  return message;
}

}  // namespace hearth
