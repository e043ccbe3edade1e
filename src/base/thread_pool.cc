#include "base/thread_pool.h"

#include "base/check.h"

namespace hearth {
namespace {

// About 50 microseconds: longer than the gap between two operators, shorter than anybody notices.
constexpr int kSpinCount = 2000;

void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

}  // namespace

ThreadPool::ThreadPool(int thread_count) {
  CHECK(thread_count >= 1);
  workers_.reserve(static_cast<std::size_t>(thread_count - 1));
  for (int i = 1; i < thread_count; ++i) workers_.emplace_back([this] { worker_loop(); });
}

ThreadPool::~ThreadPool() {
  stopping_.store(true);
  epoch_.fetch_add(1);
  epoch_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::run_erased(std::int64_t task_count, Function function, void* context) {
  CHECK(task_count >= 0 && task_count <= kTasksMax);
  if (workers_.empty() || task_count <= 1) {
    for (std::int64_t i = 0; i < task_count; ++i) function(context, i);
    return;
  }
  // Every task of the job before is done here, so no thread holds a claim that could read these fields.
  const std::uint32_t epoch = unpack(ticket_.load(std::memory_order_relaxed)).epoch + 1;
  function_.store(function, std::memory_order_relaxed);
  context_.store(context, std::memory_order_relaxed);
  done_.store(0, std::memory_order_relaxed);
  ticket_.store(pack({epoch, static_cast<std::uint16_t>(task_count), 0}), std::memory_order_release);
  epoch_.store(epoch, std::memory_order_seq_cst);
  epoch_.notify_all();

  work(epoch);
  for (int spin = 0; done_.load(std::memory_order_acquire) != task_count; ++spin) {
    // A worker that lost its core in mid-task: let it have ours.
    if (spin < kSpinCount) {
      pause_briefly();
    } else {
      std::this_thread::yield();
    }
  }
}

void ThreadPool::work(std::uint64_t epoch) {
  std::uint64_t word = ticket_.load(std::memory_order_acquire);
  for (;;) {
    const Ticket ticket = unpack(word);
    if (ticket.epoch != epoch || ticket.taken == ticket.task_count) return;
    // Read before the claim: if the claim succeeds, the job is unfinished, so these were its own.
    const Function function = function_.load(std::memory_order_relaxed);
    void* context = context_.load(std::memory_order_relaxed);
    const Ticket next{ticket.epoch, ticket.task_count, static_cast<std::uint16_t>(ticket.taken + 1)};
    if (!ticket_.compare_exchange_weak(word, pack(next), std::memory_order_acq_rel, std::memory_order_acquire)) {
      continue;
    }
    function(context, ticket.taken);
    done_.fetch_add(1, std::memory_order_release);
    word = ticket_.load(std::memory_order_acquire);
  }
}

void ThreadPool::worker_loop() {
  std::uint32_t seen = 0;
  for (;;) {
    std::uint32_t epoch = epoch_.load(std::memory_order_acquire);
    for (int spin = 0; epoch == seen && spin < kSpinCount; ++spin) {
      pause_briefly();
      epoch = epoch_.load(std::memory_order_acquire);
    }
    if (epoch == seen) {
      epoch_.wait(seen);
      continue;
    }
    if (stopping_.load(std::memory_order_acquire)) return;
    seen = epoch;
    work(epoch);
  }
}

}  // namespace hearth
