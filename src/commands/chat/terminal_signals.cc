#include "commands/chat/terminal_signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <array>

#include "base/check.h"
#include "base/error.h"

namespace hearth {
namespace {

constexpr std::array kSignals{SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGCONT};

// But for those that whoever started the program wants ignored (nohup).
sigset_t signal_set() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : kSignals) {
    struct sigaction action {};
    ::sigaction(number, nullptr, &action);
    if (action.sa_handler != SIG_IGN) ::sigaddset(&set, number);
  }
  return set;
}

}  // namespace

SignalsBlocked::SignalsBlocked() {
  const sigset_t set = signal_set();
  CHECK(::pthread_sigmask(SIG_BLOCK, &set, &before_) == 0);
}

SignalsBlocked::~SignalsBlocked() {
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

TerminalSignals::TerminalSignals() {
  const sigset_t set = signal_set();
  descriptor_ = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  if (descriptor_ < 0) throw DeviceError("signals cannot be waited for");
}

TerminalSignals::~TerminalSignals() {
  ::close(descriptor_);
}

std::optional<TerminalSignals::Event> TerminalSignals::next() {
  signalfd_siginfo info{};
  if (::read(descriptor_, &info, sizeof info) != sizeof info) return std::nullopt;
  switch (info.ssi_signo) {
    case SIGINT:
      return Event::kInterrupt;
    case SIGWINCH:
      return Event::kResize;
    case SIGCONT:
      return Event::kContinue;
    default:
      return Event::kTerminate;
  }
}

}  // namespace hearth
