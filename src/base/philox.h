// Philox 4x32-10, a counter-based generator: the numbers are a function of a key and a counter, with no state between
// calls. So a request's draw at a position depends on its seed and that position alone, whatever ran before or beside.
// Kernels call these functions too.
//
// J. Salmon, M. Moraes, R. Dror, D. Shaw: Parallel Random Numbers: As Easy as 1, 2, 3 (2011).
#pragma once

#include <array>
#include <cstdint>

namespace hearth {

using PhiloxCounter = std::array<std::uint32_t, 4>;
using PhiloxKey = std::array<std::uint32_t, 2>;

[[gnu::always_inline]] constexpr PhiloxCounter philox_4x32_10(PhiloxCounter counter, PhiloxKey key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t b = std::uint64_t{0xCD9E8D57} * counter[2];
    const auto high = [](std::uint64_t product) { return static_cast<std::uint32_t>(product >> 32); };
    counter = {high(b) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b), high(a) ^ counter[3] ^ key[1],
               static_cast<std::uint32_t>(a)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

// What a draw is for; each has its own numbers at a position.
enum class Draw : std::uint32_t { kToken = 0, kXtc = 1 };

// A number in [0, 1), a multiple of 2^-53. The key is the seed's lower half and the choice's index, the counter the
// position, the draw and the seed's upper half.
[[gnu::always_inline]] constexpr double uniform_draw(std::uint64_t seed, std::uint32_t choice_index,
                                                     std::uint64_t position, Draw draw) {
  const PhiloxCounter random =
      philox_4x32_10({static_cast<std::uint32_t>(position), static_cast<std::uint32_t>(position >> 32),
                      static_cast<std::uint32_t>(draw), static_cast<std::uint32_t>(seed >> 32)},
                     {static_cast<std::uint32_t>(seed), choice_index});
  const std::uint64_t bits = (std::uint64_t{random[0]} << 32 | random[1]) >> 11;
  return static_cast<double>(bits) * 0x1p-53;
}

}  // namespace hearth
