#include "base/fiber.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <boost/context/detail/fcontext.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/error.h"

#if defined(HEARTH_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(HEARTH_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

namespace hearth {
namespace {

namespace context = boost::context::detail;

constexpr std::size_t kGuardBytes = 4096;

}  // namespace

// Where a body's stack begins.
struct FiberEntry {
  static void enter(context::transfer_t from) {
    auto& fiber = *static_cast<Fiber*>(from.data);
    fiber.resumer_context_ = from.fctx;
    fiber.arrive(fiber.body_stack_, &fiber.resumer_stack_);
    fiber.run();
    fiber.leave(fiber.body_stack_, fiber.resumer_stack_, true);
    context::jump_fcontext(fiber.resumer_context_, nullptr);
  }
};

Fiber::Fiber(std::function<void()> body) : body_(std::move(body)) {
  constexpr std::size_t kBytes = kGuardBytes + kStackBytes;
  void* memory = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw OutOfMemory(fmt::format("{} bytes of a stack: {}", kBytes, std::strerror(errno)));
  memory_ = static_cast<std::byte*>(memory);
  // A body that needs more ends in a fault, not in somebody's memory.
  CHECK(::mprotect(memory_, kGuardBytes, PROT_NONE) == 0);
  body_stack_.bottom = memory_ + kGuardBytes;
  body_stack_.bytes = kStackBytes;
#if defined(HEARTH_TSAN)
  body_stack_.state = __tsan_create_fiber(0);
#endif
  body_context_ = context::make_fcontext(memory_ + kBytes, kStackBytes, FiberEntry::enter);
}

Fiber::~Fiber() {
  if (!is_done_ && resumer_context_ != nullptr) {
    is_unwinding_ = true;
    resume();
  }
#if defined(HEARTH_TSAN)
  __tsan_destroy_fiber(body_stack_.state);
#endif
#if defined(HEARTH_ASAN)
  // The frames that never returned, or the next owner of these addresses would find their marks.
  __asan_unpoison_memory_region(memory_ + kGuardBytes, kStackBytes);
#endif
  ::munmap(memory_, kGuardBytes + kStackBytes);
}

void Fiber::resume() {
  CHECK(!is_done_);
#if defined(HEARTH_TSAN)
  resumer_stack_.state = __tsan_get_current_fiber();
#endif
  leave(resumer_stack_, body_stack_, false);
  body_context_ = context::jump_fcontext(body_context_, this).fctx;
  arrive(resumer_stack_, nullptr);
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

void Fiber::pause() {
  leave(body_stack_, resumer_stack_, false);
  resumer_context_ = context::jump_fcontext(resumer_context_, nullptr).fctx;
  arrive(body_stack_, &resumer_stack_);
  if (is_unwinding_) throw Unwinding{};
}

void Fiber::run() {
  try {
    body_();
  } catch (const Unwinding&) {
    // Wanted.
  } catch (...) {
    if (!is_unwinding_) error_ = std::current_exception();
  }
  is_done_ = true;
}

// Before the stack is changed. `is_last`: nobody comes back to it.
void Fiber::leave([[maybe_unused]] Stack& from, [[maybe_unused]] const Stack& to, [[maybe_unused]] bool is_last) {
#if defined(HEARTH_ASAN)
  __sanitizer_start_switch_fiber(is_last ? nullptr : &from.fake_frames, to.bottom, to.bytes);
#endif
#if defined(HEARTH_TSAN)
  __tsan_switch_to_fiber(to.state, 0);
#endif
}

// After it was changed. `left`: whose bounds are not known yet, as it is some thread's.
void Fiber::arrive([[maybe_unused]] const Stack& at, [[maybe_unused]] Stack* left) {
#if defined(HEARTH_ASAN)
  const void* bottom = nullptr;
  std::size_t bytes = 0;
  __sanitizer_finish_switch_fiber(at.fake_frames, &bottom, &bytes);
  if (left != nullptr) {
    left->bottom = bottom;
    left->bytes = bytes;
  }
#endif
}

}  // namespace hearth
