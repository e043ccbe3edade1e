// How a model's matmuls are computed, as the user chooses it.
#pragma once

#include <cstdint>

namespace hearth {

// kAuto decides for each weight: float32 where the file is, int8 activations for quantized weights, else bf16.
enum class ComputeMode : std::uint8_t { kAuto, kF32, kBf16, kInt8 };

}  // namespace hearth
