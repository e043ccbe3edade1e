#include "commands/interrupt.h"

#include <csignal>

namespace hearth {
namespace {

volatile std::sig_atomic_t interrupted_flag = 0;  // a signal handler reaches nothing but statics

void on_signal(int) {
  interrupted_flag = 1;
}

}  // namespace

InterruptGuard::InterruptGuard() {
  interrupted_flag = 0;
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESETHAND;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

InterruptGuard::~InterruptGuard() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

bool InterruptGuard::interrupted() const {
  return interrupted_flag != 0;
}

}  // namespace hearth
