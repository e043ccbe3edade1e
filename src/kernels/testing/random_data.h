// Random data with fixed seeds, for the operators' tests and benchmarks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "formats/format.h"
#include "formats/random_block.h"

namespace hearth::kernel_testing {

// Normally distributed.
inline std::vector<float> random_floats(std::int64_t count, std::uint32_t seed, float deviation = 1.0f) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> distribution(0.0f, deviation);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = distribution(generator);
  return values;
}

// Evenly distributed in [low, high].
inline std::vector<std::int32_t> random_integers(std::int64_t count, std::uint32_t seed, std::int32_t low,
                                                 std::int32_t high) {
  std::mt19937 generator(seed);
  std::uniform_int_distribution<std::int32_t> distribution(low, high);
  std::vector<std::int32_t> values(static_cast<std::size_t>(count));
  for (std::int32_t& value : values) value = distribution(generator);
  return values;
}

// A matrix of random weights in any format, as its bytes. `columns` is a multiple of the block.
inline std::vector<std::byte> random_weights(Format format, std::int64_t rows, std::int64_t columns, std::uint32_t seed,
                                             float deviation = 1.0f) {
  const FormatTraits& t = traits(format);
  std::vector<std::byte> bytes(static_cast<std::size_t>(rows * format_bytes(format, columns)));
  if (t.encode != nullptr) {
    const std::vector<float> values = random_floats(rows * columns, seed, deviation);
    t.encode(values.data(), bytes.data(), rows * columns);
    return bytes;
  }
  std::mt19937 generator(seed);
  for (std::size_t at = 0; at < bytes.size(); at += static_cast<std::size_t>(t.block_bytes)) {
    random_block(t, generator, deviation, bytes.data() + at);
  }
  return bytes;
}

}  // namespace hearth::kernel_testing
