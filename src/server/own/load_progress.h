// How far the loading of the model is: written by the thread that loads, read by whoever is asked.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace hearth {

class LoadProgress {
 public:
  void set_total_bytes(std::int64_t bytes) { total_bytes_ = bytes; }
  void add_bytes(std::int64_t bytes) { done_bytes_ += bytes; }
  // In [0, 1]; what is not known yet counts as nothing done.
  double fraction() const {
    const std::int64_t total = total_bytes_, done = done_bytes_;
    return total <= 0 ? 0.0 : std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
  }

 private:
  std::atomic<std::int64_t> total_bytes_ = 0, done_bytes_ = 0;
};

}  // namespace hearth
