// Bits that nobody can foretell, from the operating system: for names that must not meet again. Results must not depend
// on them; numbers that they may depend on come from philox.h.
#pragma once

#include <cstdint>
#include <random>

namespace hearth {

inline std::uint64_t random_bits() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

}  // namespace hearth
