// The bytes of an answer, read as if all of them were there: a reader that needs more than have come pauses the fiber
// that it runs on until they have.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "base/fiber.h"

namespace hearth {

// Positions count from the first byte that ever came.
class Reader {
 public:
  // The bytes that are there and not read; they stay valid until more come, or forget().
  std::string_view rest() const { return std::string_view(bytes_).substr(at_); }
  bool ended() const { return ended_; }  // no more will come after the rest
  void skip(std::size_t count) { at_ += count; }
  std::size_t position() const { return forgotten_ + at_; }
  // Back to where it was; not before what was forgotten.
  void return_to(std::size_t position) {
    CHECK(position >= forgotten_);
    at_ = position - forgotten_;
  }
  std::string_view since(std::size_t position) const {
    CHECK(position >= forgotten_ && position <= this->position());
    return std::string_view(bytes_).substr(position - forgotten_, this->position() - position);
  }
  // Nobody returns to what was read.
  void forget() {
    if (at_ < kForgetBytes) return;
    bytes_.erase(0, at_);
    forgotten_ += std::exchange(at_, 0);
  }

  // Waits for at least n bytes: whether they are there; false only at the end.
  bool want(std::size_t count) {
    while (!has(count) && !ended_) {
      wanted_ = count;
      CHECK(fiber_ != nullptr);
      fiber_->pause();
    }
    return has(count);
  }
  // At least one byte more than there are now.
  bool want_more() { return want(rest().size() + 1); }

  // Who reads runs on `fiber`; without one, the end must have come before it reads.
  void wait_on(Fiber& fiber) { fiber_ = &fiber; }
  // These are not for the one who reads. Whether it can go on then:
  bool append(std::string_view bytes) {
    bytes_ += bytes;
    return has(wanted_);
  }
  void end() { ended_ = true; }

 private:
  static constexpr std::size_t kForgetBytes = 4096;

  bool has(std::size_t count) const { return bytes_.size() - at_ >= count; }

  std::string bytes_;
  std::size_t at_ = 0, forgotten_ = 0, wanted_ = 0;
  bool ended_ = false;
  Fiber* fiber_ = nullptr;
};

}  // namespace hearth
