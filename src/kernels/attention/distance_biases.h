// What is added to scores by how far a key stands from the query, and on which side: a table for each head (T5's
// relative positions: Raffel et al. 2020; MPNet).
#pragma once

#include <cstdint>

#include "formats/always_inline.h"

namespace hearth {

struct DistanceBiases {
  const float* of_heads = nullptr;  // [heads, 2 reach + 1], or null: none
  std::int32_t reach = 0;           // the distance from which on all have the same

  // For a key `offset` positions after the query, or before it where that is negative.
  HEARTH_ALWAYS_INLINE float at(std::int64_t head, std::int64_t offset) const {
    const std::int64_t within = offset < -reach ? -reach : offset > reach ? reach : offset;
    return of_heads[head * (2 * reach + 1) + reach + within];
  }
};

}  // namespace hearth
