#include "device/device.h"

#include <fmt/format.h>

#include "base/check.h"
#include "base/error.h"

namespace hearth {

Buffer::~Buffer() {
  if (device_ == nullptr || data_ == nullptr) return;
  device_->free_bytes(data_, bytes_);
  device_->ledger_.allocated_bytes -= bytes_;
}

Buffer Device::allocate(std::int64_t bytes, std::string_view purpose) {
  CHECK(bytes >= 0);
  if (bytes == 0) return Buffer(this, nullptr, 0);
  std::byte* data = allocate_bytes(bytes);
  if (data == nullptr) {
    throw OutOfMemory(fmt::format("{}: no room for {} bytes of {}; {} bytes are available", id_.to_string(), bytes,
                                  purpose, memory_available_bytes()));
  }
  ++ledger_.allocation_count;
  ledger_.allocated_bytes += bytes;
  return Buffer(this, data, bytes);
}

}  // namespace hearth
