// The memory of a model on its device: one allocation as large as was planned, of which the parts (weights, work space,
// key/value cache, …) are handed out one after another. Nothing is given back: the parts live as long as the arena.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "device/device.h"

namespace hearth {

class Arena {
 public:
  // Parts start at multiples of this, as what a GPU's driver allocates does.
  static constexpr std::int64_t kAlignmentBytes = 256;
  // What a part of `bytes` takes of an arena.
  static constexpr std::int64_t part_bytes(std::int64_t bytes) {
    return (bytes + kAlignmentBytes - 1) / kAlignmentBytes * kAlignmentBytes;
  }

  Arena() = default;  // of 0 bytes
  // Allocates all of it, zeroed; `device` outlives the arena. Throws OutOfMemory, naming `purpose` and both sizes.
  Arena(Device& device, std::int64_t bytes, std::string_view purpose);

  // The next part, which nothing else uses. More than was allocated is a broken plan, and ends the program.
  std::byte* take(std::int64_t bytes);
  std::int64_t bytes() const { return buffer_.bytes(); }
  std::int64_t taken_bytes() const { return taken_bytes_; }

 private:
  Buffer buffer_;
  std::int64_t taken_bytes_ = 0;
};

}  // namespace hearth
