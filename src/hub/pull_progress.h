// How far a pull is, between the threads that fetch and whoever shows it: both look at it whenever they like.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace hearth {

class PullProgress {
 public:
  enum class Phase { kListing, kFetching, kChecking, kDone };

  struct File {
    std::string path, hash;
    std::int64_t bytes = 0, done = 0;  // `done` counts what was there before
    std::int64_t checked = 0;
    Phase phase = Phase::kListing;  // kListing: it waits
  };

  struct State {
    Phase phase = Phase::kListing;
    std::vector<File> files;
    std::string note;              // what the user should know: why this quantization
    std::int64_t fetched = 0;      // over the network, by this pull
    std::int64_t retry_count = 0;  // of connections that broke and requests that were put off
  };

  State state() const {
    const std::lock_guard lock(mutex_);
    return state_;
  }

  // `change` gets the State.
  template <typename Change>
  void update(Change change) {
    const std::lock_guard lock(mutex_);
    change(state_);
  }

 private:
  mutable std::mutex mutex_;
  State state_;
};

}  // namespace hearth
