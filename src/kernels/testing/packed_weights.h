// A weight matrix in the form that a kernel of a device wants it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/kernel_table.h"
#include "kernels/testing/kernel_testing.h"

namespace hearth::kernel_testing {

// Packs in two pieces where there are several tiles, so that a packer that counts from the wrong tile shows.
inline std::vector<std::byte> pack_whole(const WeightPacking& packing, const std::byte* weights, std::int64_t n,
                                         std::int64_t k) {
  std::vector<std::byte> packed(static_cast<std::size_t>(packing.bytes(n, k)));
  const std::int64_t tiles = (n + packing.tile_rows - 1) / packing.tile_rows, half = tiles / 2;
  packing.pack(weights, n, k, half, tiles, packed.data() + half * packing.bytes(packing.tile_rows, k));
  packing.pack(weights, n, k, 0, half, packed.data());
  return packed;
}

// The matrix in memory of the runner's device, aligned as the weight buffer is.
class PackedWeights {
 public:
  PackedWeights(Runner& run, const WeightPacking* packing, const std::byte* weights, std::int64_t n, std::int64_t k,
                std::int64_t bytes) {
    std::vector<std::byte> packed(weights, weights + bytes);
    if (packing != nullptr) packed = pack_whole(*packing, weights, n, k);
    buffer_ = run.device.allocate(std::ssize(packed), "packed weights");
    if (packed.empty()) return;
    run.stream->upload(buffer_.data(), packed.data(), std::ssize(packed));
    run.stream->synchronize();
  }
  const std::byte* data() const { return buffer_.data(); }

 private:
  Buffer buffer_;
};

}  // namespace hearth::kernel_testing
