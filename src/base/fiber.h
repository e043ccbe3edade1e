// A function with a stack of its own, which pauses itself where it lacks something and goes on when it is resumed: code
// that reads from a stream as if all of it were there. Boost.Context changes the stacks; AddressSanitizer and
// ThreadSanitizer are told of it.
#pragma once

#include <cstddef>
#include <exception>
#include <functional>

namespace hearth {

class Fiber {
 public:
  // Within this many bytes the body has to do; they are committed as they are touched.
  static constexpr std::size_t kStackBytes = std::size_t{512} << 10;

  // The body does not run before resume(). Throws OutOfMemory.
  explicit Fiber(std::function<void()> body);
  // A body that has paused is unwound: its pause() throws what it must not catch.
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Until the body pauses or returns; throws what it threw. From any thread, but from one at a time, and not once
  // done().
  void resume();
  bool done() const { return is_done_; }
  // Only of the running body, outside of catch clauses and destructors: what is thrown or caught belongs to a thread.
  void pause();

 private:
  struct Unwinding {};
  friend struct FiberEntry;
  // What the sanitizers know of a stack.
  struct Stack {
    const void* bottom = nullptr;
    std::size_t bytes = 0;
    void* fake_frames = nullptr;  // AddressSanitizer's
    void* state = nullptr;        // ThreadSanitizer's
  };

  void run();
  void leave(Stack& from, const Stack& to, bool is_last);
  void arrive(const Stack& at, Stack* left);

  std::function<void()> body_;
  std::byte* memory_ = nullptr;  // a page that nobody may touch, and the stack
  void* body_context_ = nullptr;
  void* resumer_context_ = nullptr;
  Stack body_stack_, resumer_stack_;
  std::exception_ptr error_;
  bool is_done_ = false, is_unwinding_ = false;
};

}  // namespace hearth
