// The factor of a position on the CPU: a part of kernel bodies.
#pragma once

#include <cmath>

#include "kernels/cpu/simd.h"
#include "kernels/rope/position_scale.h"

namespace hearth::HEARTH_ISA {

HEARTH_INLINE float factor_at(const PositionScale& scale, std::int32_t position) {
  return 1 + scale.beta * std::log(1 + static_cast<float>(position / scale.length));
}

}  // namespace hearth::HEARTH_ISA
