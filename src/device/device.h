// A device: its memory, the stream that kernels are launched on, and the ledger of what was done on it. The CPU is a
// device like any other (device/cpu); a forward pass sees exactly one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "tensor/tensor.h"

namespace hearth {

// What happened on a device since it was opened: the proof of what ran where.
struct Ledger {
  std::map<std::string_view, std::int64_t> launches;  // by kernel name; the names are static strings
  std::int64_t host_to_device_bytes = 0;
  // Of the host's pinned memory, what kernels read where it is; where what they read depends on the step's numbers, at
  // most as much.
  std::int64_t host_read_bytes = 0;
  std::int64_t device_to_host_bytes = 0;
  std::int64_t allocation_count = 0;
  std::int64_t allocated_bytes = 0;      // now
  std::int64_t pinned_weight_bytes = 0;  // now: of the host's memory
  std::int64_t graph_replay_count = 0;
};

class Device;

// Device memory with one owner. Zeroed when allocated.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Device* device, std::byte* data, std::int64_t bytes) : device_(device), data_(data), bytes_(bytes) {}
  Buffer(Buffer&& other) noexcept
      : device_(std::exchange(other.device_, nullptr)),
        data_(std::exchange(other.data_, nullptr)),
        bytes_(std::exchange(other.bytes_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Buffer();

  std::byte* data() const { return data_; }
  std::int64_t bytes() const { return bytes_; }

 private:
  Device* device_ = nullptr;
  std::byte* data_ = nullptr;
  std::int64_t bytes_ = 0;
};

// Buffers start at multiples of this, and so do the pieces that they are cut into: a cache line, an AVX-512 vector.
inline constexpr std::int64_t kBufferAlignmentBytes = 64;
inline constexpr std::int64_t align_bytes(std::int64_t bytes) {
  return (bytes + kBufferAlignmentBytes - 1) / kBufferAlignmentBytes * kBufferAlignmentBytes;
}

// Where kernels are launched, in order. A kernel of a device's table receives a stream of that device.
class Stream {
 public:
  explicit Stream(Device& device) : device_(device) {}
  virtual ~Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  Device& device() const { return device_; }

  // Between host memory and the device's, in the stream's order. What is read may be changed, and what is written may
  // be read, after synchronize().
  virtual void upload(std::byte* to, const void* from, std::int64_t bytes) = 0;
  virtual void download(void* to, const std::byte* from, std::int64_t bytes) = 0;
  // From one place of the device's memory to another, in the stream's order; they do not overlap.
  virtual void copy(std::byte* to, const std::byte* from, std::int64_t bytes) = 0;
  virtual void set_zero(std::byte* data, std::int64_t bytes) = 0;
  virtual void synchronize() = 0;  // until all that was launched is done
  // An operator of the device's table is about to run; where operators are what is launched, that is counted.
  virtual void note_operator(std::string_view) {}

 private:
  Device& device_;
};

class Device {
 public:
  explicit Device(DeviceId id) : id_(id) {}
  virtual ~Device() = default;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  DeviceId id() const { return id_; }
  virtual std::string description() const = 0;  // "AMD EPYC 7763, 2 threads, avx2"
  virtual std::int64_t memory_available_bytes() const = 0;
  // Whether this is the host itself: its memory is read and written in place, its kernels run on the host's threads.
  bool is_cpu() const { return id_.kind == DeviceKind::kCpu; }
  // Throws OutOfMemory, naming `purpose` and both sizes.
  Buffer allocate(std::int64_t bytes, std::string_view purpose);
  virtual std::unique_ptr<Stream> open_stream() = 0;
  const Ledger& ledger() const { return ledger_; }
  Ledger& ledger() { return ledger_; }

 protected:
  friend class Buffer;
  virtual std::byte* allocate_bytes(std::int64_t bytes) = 0;  // zeroed; null: there is not as much
  virtual void free_bytes(std::byte* data, std::int64_t bytes) = 0;

 private:
  DeviceId id_;
  Ledger ledger_;
};

}  // namespace hearth
