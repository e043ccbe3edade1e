#include "simt/executor.h"

#include <sys/mman.h>

#include <algorithm>
#include <boost/context/detail/fcontext.hpp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "device/gpu/gpu_host.h"
#undef gpu

#if defined(HEARTH_ASAN)
#include <sanitizer/common_interface_defs.h>
#endif

namespace hearth::simt {
namespace {

namespace context = boost::context::detail;

constexpr int kThreadsMax = 1024;
constexpr std::size_t kStackBytes = 128 * 1024;
constexpr std::size_t kPageBytes = 4096;
constexpr std::size_t kSharedAlignment = 128;
constexpr int kPattern = 0xff;  // NaN, in float32 and in bf16

constexpr ImitatedGpu kGpus[kImitatedGpuCount] = {{"nvidia", "simt-nvidia", 32}, {"gfx9", "simt-gfx9", 64}};

// Filled by static constructors.
using KernelMap = std::map<std::pair<std::string, std::string>, SimtKernel>;
KernelMap& registered_kernels() {
  static KernelMap kernels;
  return kernels;
}

enum class State : std::uint8_t { kNotStarted, kReady, kRunning, kAtBarrier, kAtWaveOperation, kExited };

// A stack, and what is to be resumed on it. It runs threads one after the other until one has to wait; so a kernel
// without barriers needs one fiber for all of its threads.
struct Fiber {
  context::fcontext_t resume = nullptr;  // null: not yet begun
  const void* stack_bottom = nullptr;
  std::size_t stack_bytes = 0;
  void* fake_stack = nullptr;  // AddressSanitizer's
};

struct Thread {
  State state = State::kNotStarted;
  Fiber* fiber = nullptr;  // where it waits
};

// The deposits of one operation live in one half of the wave's memory, those of the next one in the other: a lane reads
// the result of its last operation while others are at the next one.
struct Wave {
  int bytes = 0;
  int arrived_count = 0;
  int half = 0;
  alignas(16) std::byte deposits[2][64 * kLaneBytesMax];
};

struct AlignedDelete {
  void operator()(std::byte* data) const { ::operator delete (data, std::align_val_t{kSharedAlignment}); }
};

// Of exactly the variable's size, so that AddressSanitizer sees its end.
struct SharedVariable {
  std::unique_ptr<std::byte, AlignedDelete> data;
  std::size_t bytes = 0;
  std::int64_t block = -1;  // that filled it with the pattern
};

class Executor {
 public:
  Executor();
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  void run(const SimtKernel& kernel, const unsigned (&grid)[3], const void* params);

  int thread_index() const { return current_; }
  int block_index(int axis) const { return block_[axis]; }
  int grid_size(int axis) const { return grid_[axis]; }
  void block_barrier();
  const std::byte* wave_share(const void* mine, int bytes);
  void* shared_memory(const void* key, std::size_t bytes);
  std::int64_t switch_count() const { return switch_count_; }

 private:
  void run_block();
  [[noreturn]] void run_threads();  // the life of a fiber
  static void begin_fiber(context::transfer_t from) noexcept;
  int next_unstarted();
  void suspend(State state);
  void leave_thread();
  void switch_to(Fiber& to);
  Fiber& idle_fiber();
  void make_ready(int thread);
  int wave_begin(int thread) const { return thread / wave_size_ * wave_size_; }
  int wave_end(int thread) const { return std::min(wave_begin(thread) + wave_size_, thread_count_); }
  [[noreturn]] void fail(const std::string& what) const;
  [[noreturn]] void fail_deadlocked() const;

  const SimtKernel* kernel_ = nullptr;
  const void* params_ = nullptr;
  int block_[3] = {}, grid_[3] = {};
  int thread_count_ = 0, wave_size_ = 32;
  std::int64_t block_number_ = 0;  // of all that this executor has run
  std::map<const SimtKernel*, std::int64_t> launch_counts_;
  bool descending_ = false;  // the order in which threads start and go on
  int current_ = -1;
  int started_count_ = 0, exited_count_ = 0, barrier_count_ = 0;
  std::vector<Thread> threads_;
  std::vector<Wave> waves_;
  // A ring of the threads that may go on, in the order in which they became so.
  std::vector<int> ready_;
  std::size_t ready_begin_ = 0, ready_count_ = 0;

  std::byte* stacks_ = nullptr;
  std::vector<Fiber> fibers_;
  std::size_t fiber_count_ = 0;
  std::vector<Fiber*> idle_;
  Fiber host_;  // who called run()
  Fiber* on_ = nullptr;
  Fiber* left_ = nullptr;  // where the last switch came from
  std::int64_t switch_count_ = 0;

  std::map<const void*, SharedVariable> shared_;
  std::size_t shared_bytes_ = 0;
};

// Of this operating-system thread; where it runs kernels, on their behalf.
thread_local Executor* running = nullptr;

Executor::Executor() : threads_(kThreadsMax), waves_(kThreadsMax / 32), ready_(kThreadsMax), fibers_(kThreadsMax) {
  void* memory = mmap(nullptr, kThreadsMax * kStackBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  CHECK(memory != MAP_FAILED);
  stacks_ = static_cast<std::byte*>(memory);
  on_ = &host_;
}

Executor::~Executor() {
  munmap(stacks_, kThreadsMax * kStackBytes);
}

void Executor::fail(const std::string& what) const {
  std::fprintf(stderr, "simt: kernel %s, block (%d, %d, %d), thread %d: %s\n", kernel_->name, block_[0], block_[1],
               block_[2], current_, what.c_str());
  std::abort();
}

void Executor::fail_deadlocked() const {
  static constexpr std::pair<State, const char*> kNames[] = {{State::kAtBarrier, "at the block's barrier"},
                                                             {State::kAtWaveOperation, "at an operation of their wave"},
                                                             {State::kExited, "returned"}};
  std::string text = "no thread can go on:";
  for (const auto& [state, name] : kNames) {
    std::string list;
    for (int i = 0; i < thread_count_; ++i) {
      const auto is_in_state = [&](int t) { return threads_[static_cast<std::size_t>(t)].state == state; };
      if (!is_in_state(i)) continue;
      int last = i;
      while (last + 1 < thread_count_ && is_in_state(last + 1)) ++last;
      list += (list.empty() ? "" : ", ") + std::to_string(i) + (last > i ? "-" + std::to_string(last) : "");
      i = last;
    }
    if (!list.empty()) text += std::string("\n  ") + name + ": " + list;
  }
  fail(text);
}

void Executor::switch_to(Fiber& to) {
  Fiber& from = *on_;
  if (&from == &to) return;
  ++switch_count_;
  on_ = &to;
  left_ = &from;
  if (to.resume == nullptr) {
    to.resume = context::make_fcontext(stacks_ + (static_cast<std::size_t>(&to - fibers_.data()) + 1) * kStackBytes,
                                       kStackBytes - kPageBytes, begin_fiber);
  }
#if defined(HEARTH_ASAN)
  __sanitizer_start_switch_fiber(&from.fake_stack, to.stack_bottom, to.stack_bytes);
#endif
  const context::transfer_t back = context::jump_fcontext(to.resume, this);
  left_->resume = back.fctx;
#if defined(HEARTH_ASAN)
  const void* bottom = nullptr;
  std::size_t bytes = 0;
  __sanitizer_finish_switch_fiber(from.fake_stack, &bottom, &bytes);
#endif
}

void Executor::begin_fiber(context::transfer_t from) noexcept {
  auto& executor = *static_cast<Executor*>(from.data);
  executor.left_->resume = from.fctx;
#if defined(HEARTH_ASAN)
  const void* bottom = nullptr;
  std::size_t bytes = 0;
  __sanitizer_finish_switch_fiber(nullptr, &bottom, &bytes);
  if (executor.left_ == &executor.host_) {
    executor.host_.stack_bottom = bottom;
    executor.host_.stack_bytes = bytes;
  }
#endif
  executor.run_threads();
}

Fiber& Executor::idle_fiber() {
  if (!idle_.empty()) {
    Fiber& fiber = *idle_.back();
    idle_.pop_back();
    return fiber;
  }
  CHECK(fiber_count_ < fibers_.size());
  Fiber& fiber = fibers_[fiber_count_];
  std::byte* bottom = stacks_ + fiber_count_ * kStackBytes;
  ++fiber_count_;
  // A stack that overflows ends in a fault, not in its neighbour.
  CHECK(mprotect(bottom, kPageBytes, PROT_NONE) == 0);
  fiber.stack_bottom = bottom + kPageBytes;
  fiber.stack_bytes = kStackBytes - kPageBytes;
  return fiber;
}

int Executor::next_unstarted() {
  const int i = started_count_++;
  return descending_ ? thread_count_ - 1 - i : i;
}

void Executor::make_ready(int thread) {
  threads_[static_cast<std::size_t>(thread)].state = State::kReady;
  ready_[(ready_begin_ + ready_count_++) % ready_.size()] = thread;
}

// Runs threads from their beginning, as long as none that has begun can go on: so a wave comes far before the next one
// starts. Then another fiber has the turn, and this one is idle until a block needs it.
void Executor::run_threads() {
  for (;;) {
    while (ready_count_ == 0 && started_count_ < thread_count_) {
      current_ = next_unstarted();
      threads_[static_cast<std::size_t>(current_)].state = State::kRunning;
      kernel_->run(params_);
      threads_[static_cast<std::size_t>(current_)].state = State::kExited;
      ++exited_count_;
    }
    idle_.push_back(on_);
    leave_thread();
  }
}

// The running fiber has nothing to do: it waits, or is idle. Goes to one that has.
void Executor::leave_thread() {
  if (ready_count_ > 0) {
    const int next = ready_[ready_begin_];
    ready_begin_ = (ready_begin_ + 1) % ready_.size();
    --ready_count_;
    Thread& thread = threads_[static_cast<std::size_t>(next)];
    thread.state = State::kRunning;
    current_ = next;
    switch_to(*thread.fiber);
  } else if (started_count_ < thread_count_) {
    switch_to(idle_fiber());
  } else if (exited_count_ == thread_count_) {
    switch_to(host_);
  } else {
    fail_deadlocked();
  }
}

void Executor::suspend(State state) {
  const int self = current_;
  Thread& thread = threads_[static_cast<std::size_t>(self)];
  thread.state = state;
  thread.fiber = on_;
  leave_thread();
  CHECK(current_ == self);
}

void Executor::block_barrier() {
  if (++barrier_count_ < thread_count_) return suspend(State::kAtBarrier);
  barrier_count_ = 0;
  for (int i = 0; i < thread_count_; ++i) {
    const int thread = descending_ ? thread_count_ - 1 - i : i;
    if (thread != current_) make_ready(thread);
  }
}

const std::byte* Executor::wave_share(const void* mine, int bytes) {
  const int self = current_, begin = wave_begin(self), end = wave_end(self);
  Wave& wave = waves_[static_cast<std::size_t>(self / wave_size_)];
  if (bytes < 1 || bytes > kLaneBytesMax) fail("a wave operation of " + std::to_string(bytes) + " bytes a lane");
  if (wave.arrived_count == 0) {
    wave.half = 1 - wave.half;
    wave.bytes = bytes;
  } else if (wave.bytes != bytes) {
    fail("the lanes of a wave are at different operations: one of " + std::to_string(bytes) + " bytes a lane, one of " +
         std::to_string(wave.bytes));
  }
  std::byte* deposits = wave.deposits[wave.half];
  if (bytes == 4) {  // a shuffle: what takes most of the time
    std::memcpy(deposits + (self - begin) * 4, mine, 4);
  } else {
    std::memcpy(deposits + (self - begin) * bytes, mine, static_cast<std::size_t>(bytes));
  }
  if (++wave.arrived_count < end - begin) {
    suspend(State::kAtWaveOperation);
  } else {
    wave.arrived_count = 0;
    for (int i = begin; i < end; ++i) {
      const int thread = descending_ ? begin + end - 1 - i : i;
      if (thread != self) make_ready(thread);
    }
  }
  return deposits;
}

void* Executor::shared_memory(const void* key, std::size_t bytes) {
  SharedVariable& variable = shared_[key];
  if (variable.block != block_number_) {
    if (variable.bytes != bytes) {
      variable.data.reset(static_cast<std::byte*>(::operator new (bytes, std::align_val_t{kSharedAlignment})));
      variable.bytes = bytes;
    }
    variable.block = block_number_;
    std::memset(variable.data.get(), kPattern, bytes);
    shared_bytes_ += bytes;
    if (shared_bytes_ > kSharedBytesMax) fail("a block of " + std::to_string(shared_bytes_) + " shared bytes");
  }
  return variable.data.get();
}

void Executor::run_block() {
  ++block_number_;
  started_count_ = exited_count_ = barrier_count_ = 0;
  shared_bytes_ = 0;
  ready_begin_ = ready_count_ = 0;
  for (Thread& thread : std::span(threads_).first(static_cast<std::size_t>(thread_count_))) thread = {};
  for (int i = 0; i < thread_count_; i += wave_size_)
    waves_[static_cast<std::size_t>(i / wave_size_)].arrived_count = 0;
  switch_to(idle_fiber());
  CHECK(exited_count_ == thread_count_);
}

void Executor::run(const SimtKernel& kernel, const unsigned (&grid)[3], const void* params) {
  CHECK(running == nullptr);
  CHECK(kernel.threads > 0 && kernel.threads <= kThreadsMax && kernel.threads % 64 == 0);
  running = this;
  kernel_ = &kernel;
  params_ = params;
  thread_count_ = kernel.threads;
  wave_size_ = kernel.wave_size;
  descending_ = launch_counts_[&kernel]++ % 2 == 1;
  for (int axis = 0; axis < 3; ++axis) grid_[axis] = static_cast<int>(grid[axis]);
  for (block_[2] = 0; block_[2] < grid_[2]; ++block_[2]) {
    for (block_[1] = 0; block_[1] < grid_[1]; ++block_[1]) {
      for (block_[0] = 0; block_[0] < grid_[0]; ++block_[0]) {
        run_block();
        descending_ = !descending_;
      }
    }
  }
  current_ = -1;
  running = nullptr;
}

Executor& own_executor() {
  thread_local Executor executor;
  return executor;
}

}  // namespace

std::span<const ImitatedGpu, kImitatedGpuCount> imitated_gpus() {
  return kGpus;
}

Registration::Registration(const char* gpu_name, const char* kernel, int threads, std::size_t params_bytes,
                           void (*run)(const void* params)) {
  const auto* known = std::find_if(std::begin(kGpus), std::end(kGpus),
                                   [&](const ImitatedGpu& g) { return std::strcmp(g.name, gpu_name) == 0; });
  CHECK(known != std::end(kGpus));
  const bool is_new =
      registered_kernels()
          .emplace(std::pair(gpu_name, kernel), SimtKernel{kernel, known->wave_size, threads, params_bytes, run})
          .second;
  CHECK(is_new);
}

const SimtKernel* find_kernel(std::string_view gpu_name, std::string_view kernel_name) {
  const auto found = registered_kernels().find(std::pair(std::string(gpu_name), std::string(kernel_name)));
  return found == registered_kernels().end() ? nullptr : &found->second;
}

void run_grid(const SimtKernel& kernel, const unsigned (&grid)[3], const void* params) {
  own_executor().run(kernel, grid, params);
}

std::int64_t switch_count() {
  return own_executor().switch_count();
}

int thread_index() {
  return running->thread_index();
}

int block_index(int axis) {
  return running->block_index(axis);
}

int grid_size(int axis) {
  return running->grid_size(axis);
}

void block_barrier() {
  running->block_barrier();
}

const std::byte* wave_share(const void* mine, int bytes) {
  return running->wave_share(mine, bytes);
}

void* shared_memory(const void* key, std::size_t bytes) {
  return running->shared_memory(key, bytes);
}

}  // namespace hearth::simt
