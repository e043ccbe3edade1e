// What gpu.h promises and only NVIDIA's GPUs have an instruction for: of shuffles and shifts, for the other two
// headers, which define those before they include this.
#pragma once

namespace hearth::gpu {

HEARTH_DEVICE std::uint32_t wave_max(std::uint32_t word) {
  HEARTH_UNROLL
  for (int mask = kWaveSize / 2; mask > 0; mask /= 2) {
    const std::uint32_t other = shuffle_xor(word, mask);
    word = other > word ? other : word;
  }
  return word;
}
HEARTH_DEVICE std::uint32_t shuffle_in_four(std::uint32_t value, int i) {
  return shuffle(value, thread_index() % kWaveSize / 4 * 4 + i);
}
HEARTH_DEVICE std::uint32_t nibbles_below_eight(std::uint32_t nibbles) {
  std::uint32_t bytes = 0;
  HEARTH_UNROLL
  for (int i = 0; i < 4; ++i) bytes |= (nibbles >> (4 * i) & 8u) == 0 ? 0x7fu << (8 * i) : 0u;
  return bytes;
}

}  // namespace hearth::gpu
