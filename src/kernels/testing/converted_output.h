// The output of an operator that writes float32 or bf16: on the CPU only the first, on a GPU either.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/testing/kernel_testing.h"

namespace hearth::kernel_testing {

// What the device of `run` can write.
inline std::vector<Format> output_formats(const Runner& run) {
  if (run.is_gpu()) return {Format::kF32, Format::kBf16};
  return {Format::kF32};
}

// What rounding to the output's format adds to a relative tolerance.
inline double rounding_of(Format format) {
  return format == Format::kBf16 ? 0x1p-8 : 0;
}

class ConvertedOutput {
 public:
  ConvertedOutput(Format format, std::size_t count)
      : format_(format),
        floats_(format == Format::kF32 ? count : 0, -1.0f),
        halves_(format == Format::kBf16 ? count : 0, std::uint16_t{0xbf80}) {}

  void* on(Runner& run) { return format_ == Format::kF32 ? static_cast<void*>(run.out(floats_)) : run.out(halves_); }

  // Once the run is finished.
  std::vector<float> values() const {
    if (format_ == Format::kF32) return floats_;
    std::vector<float> result;
    for (const std::uint16_t half : halves_) {
      result.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16));
    }
    return result;
  }

 private:
  Format format_;
  std::vector<float> floats_;
  std::vector<std::uint16_t> halves_;
};

}  // namespace hearth::kernel_testing
