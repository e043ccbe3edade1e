// Ctrl-C and SIGTERM as a question that a loop asks: the first stops the work at the next token, a second one ends the
// process as usual.
#pragma once

namespace hearth {

// Installs the handlers while it lives.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  bool interrupted() const;
};

// What a shell expects of a program that Ctrl-C ended.
inline constexpr int kExitInterrupted = 130;

}  // namespace hearth
