// Fork-join inside an operator: a fixed set of threads that wait for work by spinning briefly and then sleeping. A
// forward pass forks some hundred times a token, so a fork must cost about a microsecond.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <type_traits>
#include <vector>

namespace hearth {

class ThreadPool {
 public:
  static constexpr std::int64_t kTasksMax = 65535;

  // `thread_count` threads in all, the caller of run() being one of them; at least 1.
  explicit ThreadPool(int thread_count);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int thread_count() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls task(i) for every i in [0, task_count), each once, and returns when all are done. Which thread takes which
  // task is not defined, so a result must not depend on it. A task must not throw and must not call run().
  // One thread at a time may call run(). At most kTasksMax tasks.
  template <class Task>
  void run(std::int64_t task_count, Task&& task) {
    using Plain = std::remove_reference_t<Task>;
    run_erased(
        task_count, [](void* context, std::int64_t i) { (*static_cast<Plain*>(context))(i); },
        const_cast<std::remove_const_t<Plain>*>(&task));
  }

  // Cuts [0, count) into pieces of `grain` (the last may be smaller) and calls task(begin, end) for each.
  template <class Task>
  void run_ranges(std::int64_t count, std::int64_t grain, Task&& task) {
    while ((count + grain - 1) / grain > kTasksMax) grain *= 2;
    run((count + grain - 1) / grain, [&](std::int64_t i) {
      const std::int64_t begin = i * grain;
      task(begin, begin + grain < count ? begin + grain : count);
    });
  }

 private:
  using Function = void (*)(void* context, std::int64_t task);

  void run_erased(std::int64_t task_count, Function function, void* context);
  void work(std::uint64_t epoch);
  void worker_loop();

  // The job's number, how many tasks it has and how many were taken, in one word: a task is claimed by compare-and-swap
  // of the whole, so that a thread which wakes late can never claim from a job other than the one it read.
  struct Ticket {
    std::uint32_t epoch;
    std::uint16_t task_count;
    std::uint16_t taken;
  };
  static std::uint64_t pack(Ticket t) {
    return std::uint64_t{t.epoch} << 32 | std::uint64_t{t.task_count} << 16 | t.taken;
  }
  static Ticket unpack(std::uint64_t word) {
    return {static_cast<std::uint32_t>(word >> 32), static_cast<std::uint16_t>(word >> 16),
            static_cast<std::uint16_t>(word)};
  }

  alignas(64) std::atomic<std::uint64_t> ticket_{0};
  alignas(64) std::atomic<std::int64_t> done_{0};
  alignas(64) std::atomic<std::uint32_t> epoch_{0};  // what sleeping workers wait on
  std::atomic<Function> function_{nullptr};
  std::atomic<void*> context_{nullptr};
  std::atomic<bool> stopping_{false};
  std::vector<std::thread> workers_;
};

}  // namespace hearth
