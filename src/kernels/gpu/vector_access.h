// For launchers: whether a kernel may read and write four elements of an array's rows at a time.
#pragma once

#include <cstdint>

namespace hearth {

// An array at `data` with rows `stride` elements apart, of `element_bytes` each; a null pointer is no obstacle.
inline bool takes_vectors(const void* data, std::int64_t stride, std::int64_t element_bytes = 4) {
  return reinterpret_cast<std::uintptr_t>(data) % static_cast<std::uintptr_t>(4 * element_bytes) == 0 &&
         stride % 4 == 0;
}

}  // namespace hearth
