// How many bytes of bodies the server keeps, of all requests together: each connection may bring a large one, and there
// are thousands. On the I/O thread.
#pragma once

#include <cstdint>
#include <utility>

namespace hearth {

class BodyBudget {
 public:
  explicit BodyBudget(std::int64_t bytes_max) : bytes_left_(bytes_max) {}
  std::int64_t bytes_left() const { return bytes_left_; }

  // One body's share; given back when it is dropped.
  class Share {
   public:
    explicit Share(BodyBudget* of = nullptr) : budget_(of) {}
    ~Share() { reset(); }
    Share(Share&& other) noexcept : budget_(other.budget_), bytes_(std::exchange(other.bytes_, 0)) {}
    Share& operator=(Share&& other) noexcept {
      reset();
      budget_ = other.budget_;
      bytes_ = std::exchange(other.bytes_, 0);
      return *this;
    }
    // Whether there are so many more.
    bool take(std::int64_t bytes) {
      if (budget_ == nullptr) return true;
      if (budget_->bytes_left_ < bytes) return false;
      budget_->bytes_left_ -= bytes;
      bytes_ += bytes;
      return true;
    }
    void reset() {
      if (budget_ != nullptr) budget_->bytes_left_ += std::exchange(bytes_, 0);
    }

   private:
    BodyBudget* budget_;
    std::int64_t bytes_ = 0;
  };

 private:
  std::int64_t bytes_left_;
};

}  // namespace hearth
