// The factor of a position on a GPU: a part of kernels.
#pragma once

#include "device/gpu/gpu.h"
#include "kernels/rope/position_scale.h"

namespace hearth::gpu {

HEARTH_DEVICE float factor_at(const PositionScale& scale, std::int32_t position) {
  const auto steps = static_cast<int>(position / scale.length);
  return 1.0f + scale.beta * 0.6931471805599453f * log2_fast(1.0f + static_cast<float>(steps));
}

}  // namespace hearth::gpu
