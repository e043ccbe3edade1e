// A few threads for what is nothing but computing and takes a while: JSON, chat templates, tokens. The I/O thread, on
// which everybody's answers go out, must not wait for it.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace hearth {

class TextPool {
 public:
  static constexpr int kThreadCount = 2;

  TextPool();
  // Waits for the work under way; what has not begun is dropped.
  ~TextPool();
  TextPool(const TextPool&) = delete;
  TextPool& operator=(const TextPool&) = delete;

  // From any thread. `work` throws nothing.
  void post(std::function<void()> work);

 private:
  void run();

  std::mutex mutex_;  // of all below
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace hearth
