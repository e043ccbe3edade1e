#include "model/weight_loader.h"

#include <algorithm>

#include "base/thread_pool.h"
#include "device/cpu/cpu_device.h"
#include "device/gpu/gpu_device.h"

namespace hearth {
namespace {

constexpr std::int64_t kStagingBytes = 64 << 20;

std::int64_t part_count(const WeightReservation& r) {
  return r.bytes == 0 ? 0 : (r.bytes + r.part_bytes - 1) / r.part_bytes;
}

// Parts [begin, end) to `out`, shared out over the pool.
void fill_parts(ThreadPool& pool, const WeightReservation& r, std::int64_t begin, std::int64_t end, std::byte* out) {
  const std::int64_t grain = std::max<std::int64_t>(1, (1 << 18) / std::max<std::int64_t>(1, r.part_bytes));
  pool.run_ranges(end - begin, grain, [&](std::int64_t first, std::int64_t last) {
    r.fill(begin + first, begin + last, out + first * r.part_bytes);
  });
}

void fill_in_place(ThreadPool& pool, std::span<const WeightReservation> reservations, std::byte* weight_buffer,
                   const std::function<void(std::int64_t)>& progress) {
  for (const WeightReservation& r : reservations) {
    fill_parts(pool, r, 0, part_count(r), weight_buffer + r.offset);
    if (progress) progress(r.bytes);
  }
}

// A pinned buffer and the event after its last upload.
struct Staging {
  explicit Staging(GpuDevice& device, std::int64_t bytes) : buffer(device, bytes), uploaded(device) {}
  GpuDevice::PinnedBuffer buffer;
  GpuEvent uploaded;
  bool used = false;
};

void upload_in_pieces(GpuDevice& device, GpuStream& stream, std::span<const WeightReservation> reservations,
                      std::byte* weight_buffer, const std::function<void(std::int64_t)>& progress) {
  std::int64_t part_bytes_max = 0, bytes_max = 0;
  for (const WeightReservation& r : reservations) {
    part_bytes_max = std::max(part_bytes_max, std::min(r.part_bytes, r.bytes));
    bytes_max = std::max(bytes_max, r.bytes);
  }
  if (bytes_max == 0) return;
  const std::int64_t staging_bytes = std::max(part_bytes_max, std::min(bytes_max, kStagingBytes));
  Staging stagings[]{Staging(device, staging_bytes), Staging(device, staging_bytes)};
  ThreadPool pool(usable_core_count());
  std::size_t turn = 0;
  for (const WeightReservation& r : reservations) {
    const std::int64_t parts = part_count(r);
    const std::int64_t parts_at_once = std::max<std::int64_t>(1, staging_bytes / r.part_bytes);
    for (std::int64_t begin = 0; begin < parts; begin += parts_at_once) {
      Staging& staging = stagings[turn++ % 2];
      if (staging.used) staging.uploaded.wait();
      const std::int64_t end = std::min(parts, begin + parts_at_once);
      const std::int64_t bytes = std::min(r.bytes, end * r.part_bytes) - begin * r.part_bytes;
      fill_parts(pool, r, begin, end, staging.buffer.data());
      stream.upload(weight_buffer + r.offset + begin * r.part_bytes, staging.buffer.data(), bytes);
      stream.record(staging.uploaded);
      staging.used = true;
      if (progress) progress(bytes);
    }
  }
  stream.synchronize();
}

}  // namespace

void fill_weights(Device& device, Stream& stream, std::span<const WeightReservation> reservations,
                  std::byte* weight_buffer, const std::function<void(std::int64_t)>& progress) {
  if (device.is_cpu()) {
    fill_in_place(cpu_pool(stream), reservations, weight_buffer, progress);
  } else {
    upload_in_pieces(static_cast<GpuDevice&>(device), gpu_stream(stream), reservations, weight_buffer, progress);
  }
}

void fill_host_weights(std::span<const WeightReservation> reservations, std::byte* weight_buffer,
                       const std::function<void(std::int64_t)>& progress) {
  ThreadPool pool(usable_core_count());
  fill_in_place(pool, reservations, weight_buffer, progress);
}

}  // namespace hearth
