#include "commands/chat/chat_tools.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/json/array.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/json_value.h"
#include "base/read_file.h"
#include "base/utf8.h"

extern char** environ;

namespace hearth {
namespace {

namespace json = boost::json;

constexpr std::uintmax_t kToolsFileBytesMax = 4 << 20;
constexpr std::size_t kToolsDepthMax = 200;
constexpr std::size_t kResultBytesMax = 256 << 10;

std::string required_text(const json::object& tool, std::string_view name, const std::string& where) {
  const json::value* value = tool.if_contains(name);
  if (value == nullptr || !value->is_string() || value->get_string().empty()) {
    throw InvalidInput(fmt::format("{} has no \"{}\" that is a text", where, name));
  }
  return std::string(value->get_string());
}

std::vector<std::string> command_of(const json::object& tool, const std::string& where) {
  const json::value* value = tool.if_contains("command");
  std::vector<std::string> command;
  if (value != nullptr && value->is_array()) {
    for (const json::value& word : value->get_array()) {
      if (!word.is_string()) throw InvalidInput(where + ": \"command\" is no list of texts");
      command.emplace_back(word.get_string());
    }
  }
  if (command.empty() || command.front().empty())
    throw InvalidInput(where + " has no \"command\" that is a list of texts");
  return command;
}

// A pipe's two ends, closed at the end unless they were before.
struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw Error(fmt::format("a pipe: {}", std::strerror(errno)));
    read = ends[0];
    write = ends[1];
  }
  ~Pipe() {
    close(read);
    close(write);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  static void close(int& end) {
    if (end >= 0) ::close(std::exchange(end, -1));
  }
  int read = -1, write = -1;
};

pid_t start(const std::vector<std::string>& command, const Pipe& input, const Pipe& output) {
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input.read, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output.write, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output.write, STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);  // this program waits for some
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  pid_t child = -1;
  const int error = ::posix_spawnp(&child, words.front(), &actions, &attributes, words.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw InvalidInput(fmt::format("{}: {}", command.front(), std::strerror(error)));
  return child;
}

// write() whose end is an error where nobody reads any more, and no signal, which would end the program.
ssize_t write_quietly(int descriptor, std::string_view text) {
  sigset_t broken_pipe, before;
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &broken_pipe, &before);
  const ssize_t count = ::write(descriptor, text.data(), text.size());
  const int error = errno;
  if (count < 0 && error == EPIPE) {
    constexpr timespec kNow{};
    while (::sigtimedwait(&broken_pipe, nullptr, &kNow) < 0 && errno == EINTR) {
    }
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return count;
}

// Writes and reads at once: neither side waits for the other for ever.
std::string talk(std::string_view text, Pipe& input, Pipe& output) {
  ::fcntl(input.write, F_SETFL, O_NONBLOCK);
  std::string result;
  std::array<char, 4096> buffer;
  while (output.read >= 0) {
    if (text.empty()) Pipe::close(input.write);
    std::array<pollfd, 2> waited{pollfd{output.read, POLLIN, 0}, pollfd{input.write, POLLOUT, 0}};
    if (::poll(waited.data(), waited.size(), -1) < 0 && errno != EINTR) break;
    if ((waited[1].revents & (POLLOUT | POLLERR)) != 0) {
      const ssize_t count = write_quietly(input.write, text);
      const bool is_broken = count < 0 && errno != EAGAIN && errno != EINTR;
      text.remove_prefix(is_broken ? text.size() : static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    }
    if ((waited[0].revents & (POLLIN | POLLHUP | POLLERR)) == 0) continue;
    const ssize_t count = ::read(output.read, buffer.data(), buffer.size());
    if (count == 0 || (count < 0 && errno != EINTR)) break;
    if (count > 0) result.append(buffer.data(), static_cast<std::size_t>(count));
    if (result.size() > kResultBytesMax) result.resize(kResultBytesMax);
  }
  return result;
}

}  // namespace

ChatTools::ChatTools(const std::filesystem::path& path) {
  const std::string file = path.string();
  const ParsedJson parsed = parse_json(read_file(path, kToolsFileBytesMax), kToolsDepthMax, BigIntegers::kKeepDigits);
  if (parsed.error) throw InvalidInput(fmt::format("{}: not JSON: {}", file, parsed.error.message()));
  const json::value* list = &parsed.value;
  if (list->is_object() && list->get_object().contains("tools")) list = &list->get_object().at("tools");
  if (!list->is_array()) throw InvalidInput(file + ": no list of tools");
  for (std::size_t i = 0; i < list->get_array().size(); ++i) {
    const std::string where = fmt::format("{}: tools[{}]", file, i);
    const json::object* tool = list->get_array()[i].if_object();
    if (tool == nullptr) throw InvalidInput(where + " is no object");
    const json::value* parameters = tool->if_contains("parameters");
    const json::value* description = tool->if_contains("description");
    const bool has_description = description != nullptr && description->is_string();
    tools_.push_back({required_text(*tool, "name", where),
                      has_description ? std::string(description->get_string()) : std::string(),
                      parameters != nullptr ? *parameters : json::object(), command_of(*tool, where)});
  }
}

OfferedTools ChatTools::offered() const {
  OfferedTools offered;
  for (const Tool& tool : tools_) offered.add({.name = tool.name}, tool.description, &tool.parameters);
  return offered;
}

const ChatTools::Tool* ChatTools::find(std::string_view name) const {
  for (const Tool& tool : tools_) {
    if (tool.name == name) return &tool;
  }
  return nullptr;
}

std::string ChatTools::described(std::string_view name, std::string_view arguments) const {
  const Tool* tool = find(name);
  return fmt::format("{} {}: {}", name, arguments,
                     tool == nullptr ? "no such tool" : fmt::format("{}", fmt::join(tool->command, " ")));
}

std::string ChatTools::run(std::string_view name, std::string_view arguments) const {
  const Tool* tool = find(name);
  if (tool == nullptr) return fmt::format("Error: there is no tool named {}", name);
  Pipe input, output;
  pid_t child = -1;
  try {
    child = start(tool->command, input, output);
  } catch (const InvalidInput& error) {
    return fmt::format("Error: {}", error.what());
  }
  Pipe::close(input.read);
  Pipe::close(output.write);
  std::string result = repair_utf8(talk(arguments, input, output));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) return result + fmt::format("\nError: ended by signal {}", WTERMSIG(status));
  if (WEXITSTATUS(status) != 0) return result + fmt::format("\nError: exit status {}", WEXITSTATUS(status));
  return result;
}

}  // namespace hearth
