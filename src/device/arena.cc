#include "device/arena.h"

#include "base/check.h"

namespace hearth {

Arena::Arena(Device& device, std::int64_t bytes, std::string_view purpose) : buffer_(device.allocate(bytes, purpose)) {}

std::byte* Arena::take(std::int64_t bytes) {
  CHECK(bytes >= 0 && part_bytes(bytes) <= buffer_.bytes() - taken_bytes_);
  std::byte* part = buffer_.data() + taken_bytes_;
  taken_bytes_ += part_bytes(bytes);
  return part;
}

}  // namespace hearth
