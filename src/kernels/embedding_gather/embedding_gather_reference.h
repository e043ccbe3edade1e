// The scalar reference of the embedding gather, in double precision.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace hearth::reference {

// scale * table[id] for every id, one row after another. `table` is [vocabulary, width], decoded.
inline std::vector<double> embedding_gather(std::span<const std::int32_t> ids, std::span<const float> table,
                                            std::int64_t width, double scale) {
  std::vector<double> out;
  for (const std::int32_t id : ids) {
    for (std::int64_t i = 0; i < width; ++i) out.push_back(scale * table[static_cast<std::size_t>(id * width + i)]);
  }
  return out;
}

}  // namespace hearth::reference
