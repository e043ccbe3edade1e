#include "commands/serve/model_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>

#include "base/error.h"
#include "base/random_bits.h"

namespace hearth {
namespace {

namespace asio = boost::asio;

constexpr int kKeyDescriptor = 3;  // of the new process
constexpr std::size_t kLineBytesMax = 64 << 10;

struct Pipe {
  std::array<int, 2> ends{-1, -1};  // to read from, to write to

  Pipe() {
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw DeviceError(fmt::format("no pipe: {}", std::strerror(errno)));
  }
  ~Pipe() {
    for (const int end : ends) {
      if (end >= 0) ::close(end);
    }
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  int take(int which) { return std::exchange(ends.at(static_cast<std::size_t>(which)), -1); }
};

std::string random_key() {
  std::string key;
  for (int i = 0; i < 4; ++i) key += fmt::format("{:016x}", random_bits());
  return key;
}

// In the new process, between fork and exec: system calls alone.
[[noreturn]] void become(char* const* arguments, int key, int log, pid_t parent) {
  // It must not outlive the server that holds its key.
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(1);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  // A Ctrl-C on the terminal is the server's to pass on.
  ::setpgid(0, 0);
  if (log == kKeyDescriptor) log = ::dup(log);
  if (key == kKeyDescriptor) {
    ::fcntl(key, F_SETFD, 0);
  } else {
    ::dup2(key, kKeyDescriptor);
  }
  ::dup2(log, STDERR_FILENO);
  ::dup2(log, STDOUT_FILENO);
  ::execv("/proc/self/exe", arguments);
  ::_exit(127);
}

}  // namespace

struct ModelProcess::Shared {
  explicit Shared(asio::any_io_executor executor) : log(std::move(executor)) {}

  asio::posix::stream_descriptor log;
  std::function<void(std::string_view line)> on_line;
  pid_t process = -1;
  std::uint16_t port = 0;
  bool ended = false;
  std::string key, failure, line;

  void add(std::string_view text) {
    for (const char c : text) {
      if (c != '\n') {
        if (line.size() < kLineBytesMax) line += c;
        continue;
      }
      take_line();
      line.clear();
    }
  }

  void take_line() {
    constexpr std::string_view kListening = "listening on http://127.0.0.1:", kFailure = "hearth: ";
    if (const std::size_t at = line.find(kListening); at != std::string::npos && port == 0) {
      std::from_chars(line.data() + at + kListening.size(), line.data() + line.size(), port);
      return;  // nobody else's business
    }
    if (line.starts_with(kFailure)) failure = line.substr(kFailure.size());
    if (on_line) on_line(line);
  }

  // Its standard error ends with it.
  static asio::awaitable<void> read(std::shared_ptr<Shared> shared) {
    std::array<char, 4096> piece{};
    for (;;) {
      boost::system::error_code error;
      const std::size_t count =
          co_await shared->log.async_read_some(asio::buffer(piece), asio::redirect_error(asio::use_awaitable, error));
      if (error) break;
      shared->add(std::string_view(piece.data(), count));
    }
    int status = 0;
    ::waitpid(shared->process, &status, 0);
    if (shared->failure.empty()) {
      shared->failure = WIFSIGNALED(status) ? fmt::format("its process was ended by signal {}", WTERMSIG(status))
                                            : fmt::format("its process ended with status {}", WEXITSTATUS(status));
    }
    shared->ended = true;
  }
};

ModelProcess::ModelProcess(asio::any_io_executor executor, const std::vector<std::string>& arguments,
                           std::function<void(std::string_view line)> on_line)
    : shared_(std::make_shared<Shared>(executor)) {
  shared_->on_line = std::move(on_line);
  shared_->key = random_key();
  Pipe key, log;
  const std::string key_line = shared_->key + "\n";
  if (::write(key.ends[1], key_line.data(), key_line.size()) != static_cast<ssize_t>(key_line.size())) {
    throw DeviceError(fmt::format("no pipe: {}", std::strerror(errno)));
  }
  ::close(key.take(1));
  std::vector<std::string> texts{"hearth", "serve"};
  texts.insert(texts.end(), arguments.begin(), arguments.end());
  for (const char* text : {"--host", "127.0.0.1", "--port", "0", "--alias", "*", "--api-key-file"}) {
    texts.emplace_back(text);
  }
  texts.push_back(fmt::format("/dev/fd/{}", kKeyDescriptor));
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) become(pointers.data(), key.ends[0], log.ends[1], parent);
  if (child < 0) throw DeviceError(fmt::format("no process: {}", std::strerror(errno)));
  shared_->process = child;
  ::close(log.take(1));
  shared_->log.assign(log.take(0));
  asio::co_spawn(executor, Shared::read(shared_), asio::detached);
}

ModelProcess::~ModelProcess() {
  shared_->on_line = nullptr;
  if (!shared_->ended) ::kill(shared_->process, SIGKILL);
}

std::uint16_t ModelProcess::port() const {
  return shared_->port;
}

const std::string& ModelProcess::key() const {
  return shared_->key;
}

bool ModelProcess::ended() const {
  return shared_->ended;
}

const std::string& ModelProcess::failure() const {
  return shared_->failure;
}

void ModelProcess::end() {
  if (!shared_->ended) ::kill(shared_->process, SIGTERM);
}

}  // namespace hearth
