// What the operators' tests (runner.h) and their benchmarks (roofline.h) run kernels with: a device, a stream, a table
// of kernels, and host data where the device reads and writes it. On the CPU in() and out() are the vectors' own data;
// on a GPU they are copies in the device's memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "device/cpu/cpu_device.h"
#include "kernels/kernel_table.h"

namespace hearth::kernel_testing {

class DeviceRun {
 public:
  // On `own`, or where that is null on `other`, which outlives the run.
  DeviceRun(std::unique_ptr<CpuDevice> own, Device* other, const KernelTable& table)
      : own_device_(std::move(own)),
        device(own_device_ != nullptr ? static_cast<Device&>(*own_device_) : *other),
        stream(device.open_stream()),
        kernels(table) {}

  bool is_gpu() const { return !device.is_cpu(); }

  // What the device reads: valid until the copies are freed. On the CPU the data must live as long; on a GPU they are
  // copied now.
  template <class T>
  const T* in(std::span<const T> data) {
    return is_gpu() ? reinterpret_cast<const T*>(copy(std::as_bytes(data), nullptr)) : data.data();
  }
  template <class T>
  const T* in(const std::vector<T>& data) {
    return in(std::span<const T>(data));
  }
  template <class T>
  const T* in(std::vector<T>&& data) = delete;

  // What the device reads and writes: the vector has the result after bring_back(), and keeps its place and size until
  // then.
  template <class T>
  T* out(std::vector<T>& data) {
    if (!is_gpu()) return data.data();
    return reinterpret_cast<T*>(copy(std::as_bytes(std::span(data)), reinterpret_cast<std::byte*>(data.data())));
  }

 protected:
  struct Copy {
    Buffer buffer;
    std::int64_t bytes;  // without the guard
    std::byte* back;     // where the content goes, or null
  };
  static constexpr std::byte kGuard{0xa5};

  // Waits for what was launched and brings back what out() named; the copies live as long as what is returned.
  std::vector<Copy> bring_back() {
    stream->synchronize();
    std::vector<Copy> copies = std::move(copies_);
    copies_.clear();
    for (const Copy& c : copies) {
      if (c.back != nullptr) stream->download(c.back, c.buffer.data(), c.bytes);
    }
    stream->synchronize();
    return copies;
  }

  // Waits for what was launched and drops all copies.
  void free_copies() {
    stream->synchronize();
    copies_.clear();
  }

  std::int64_t guard_bytes_ = 0;  // of kGuard behind every copy

 private:
  std::byte* copy(std::span<const std::byte> data, std::byte* back) {
    const auto bytes = static_cast<std::int64_t>(data.size());
    if (bytes == 0) return nullptr;
    copies_.push_back({device.allocate(bytes + guard_bytes_, "a copy of host data"), bytes, back});
    std::byte* to = copies_.back().buffer.data();
    const std::vector<std::byte> guard(static_cast<std::size_t>(guard_bytes_), kGuard);
    stream->upload(to, data.data(), bytes);
    if (!guard.empty()) stream->upload(to + bytes, guard.data(), std::ssize(guard));
    stream->synchronize();
    return to;
  }

  std::unique_ptr<CpuDevice> own_device_;

 public:
  Device& device;
  std::unique_ptr<Stream> stream;
  const KernelTable& kernels;

 private:
  std::vector<Copy> copies_;
};

}  // namespace hearth::kernel_testing
