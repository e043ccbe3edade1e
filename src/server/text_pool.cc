#include "server/text_pool.h"

#include <sys/resource.h>
#include <unistd.h>

#include <utility>

namespace hearth {
namespace {

// Where there are fewer cores than threads, who writes answers goes before who reads questions.
constexpr int kNice = 10;

}  // namespace

TextPool::TextPool() {
  for (int i = 0; i < kThreadCount; ++i) threads_.emplace_back([this] { run(); });
}

TextPool::~TextPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void TextPool::post(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(work));
  }
  changed_.notify_one();
}

void TextPool::run() {
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNice);  // Linux has one for each thread
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    std::function<void()> work = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    work();
    work = nullptr;
    lock.lock();
  }
}

}  // namespace hearth
