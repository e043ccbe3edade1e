// Signals as events that a loop waits for beside its input: no handler runs, nothing is interrupted half-way.
#pragma once

#include <csignal>
#include <optional>

namespace hearth {

// Keeps the signals below from this thread, and from those that it starts, while it lives.
class SignalsBlocked {
 public:
  SignalsBlocked();
  ~SignalsBlocked();
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

// Takes them as events. Every other thread must have been started under SignalsBlocked.
class TerminalSignals {
 public:
  enum class Event {
    kInterrupt,  // Ctrl-C
    kTerminate,  // SIGTERM, or the terminal is gone
    kResize,
    kContinue,  // after Ctrl-Z
  };

  TerminalSignals();
  ~TerminalSignals();
  TerminalSignals(const TerminalSignals&) = delete;
  TerminalSignals& operator=(const TerminalSignals&) = delete;

  // Becomes readable when there is an event.
  int descriptor() const { return descriptor_; }
  // Does not wait.
  std::optional<Event> next();

 private:
  SignalsBlocked blocked_;
  int descriptor_ = -1;
};

}  // namespace hearth
