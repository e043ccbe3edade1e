// What a kernel may use of a GPU, under neutral names. A kernel is written once, in a `.cu` file beside its CPU twin,
// and compiled three ways: by nvcc, by clang for AMD's GPUs, and by the host's compiler for the executor of tests/simt,
// which runs it thread by thread. Only the three headers included here name what belongs to one of them.
//
// They define, for a block of threads numbered in one dimension:
//   HEARTH_KERNEL(name, threads, Params)   opens the definition of a kernel: HEARTH_KERNEL(scale, 256, ScaleParams) {
//                                          … p.x … }. `threads` is the block's size; Params a plain struct, passed by
//                                          value as `p`.
//   HEARTH_KERNEL_EARLY(name, threads, blocks, Params)   the same for a kernel that starts before its inputs are there:
//                                          what others write, it may touch only after wait_for_inputs().
//   HEARTH_DEVICE                          marks a function that kernels call.
//   HEARTH_SHARED(Type, name);             memory that the block shares, not initialized; at the top of a kernel.
//   HEARTH_UNROLL                          before a loop with constant bounds.
//   kWaveSize                              32 or 64: never a literal.
//   thread_index() block_x() block_y() block_z() grid_x()
//   block_sync()                           all threads of the block; none may have returned.
//   prefetch(address)                      asks for the line at a global address; a hint, where kernels start early.
//   wave_sync()                            orders shared memory among the threads of a wave.
//   shuffle(value, lane), shuffle_xor(value, mask)   32-bit values, within a wave, all lanes taking part.
//   wave_max(word)                         the largest of the wave's unsigned words, in every lane.
//   shuffle_in_four(value, i)              the same from lane i of each four neighbours, i a constant.
//   ballot(condition)                      64 bits, bit i that of lane i.
//   atomic_add(shared, value)              to an unsigned integer of 4 or 8 bytes in shared memory; the value before.
//   exchange_halves(word)                  that of lane ^ 16.
//   opaque(value)                          the same int; nothing computed from it leaves the loop it stands in.
//   unmerged(word)                         the same word; what is computed from it is not computed from what it is of.
//   exp2_fast, log2_fast, rsqrt_fast       float32, within a few ulp.
//   schedule_fence(), pin(c)               keep AMD's compiler from filling the registers: no instruction is moved past
//                                          the one, and c (a Mma::C) is computed by the other, not where it is used.
//   exp2_flush                             exp2_fast, whose results below 2^-126 may be 0; exact for 0 and infinities.
//   max_number                             the larger one; a NaN only of two.
//   Bf16Pair                               two bf16, the first in the low half: pair_of_floats, pair_of_codes,
//                                          pair_of_bytes, pair_multiply, pair_fma (one rounding each).
//   kFastSubnormals                        whether pair_fma takes subnormal numbers as fast as others.
//   permute_bytes(low, high, selector)     byte i of the result is byte s of (high:low), s the selector's nibble i, at
//                                          most 7; select_bytes: its byte i.
//   nibbles_below_eight(nibbles)           byte i of the result is 0x7f where nibble i is below 8, else 0.
//   Mma                                    the matrix unit, below.
//
// The matrix unit. `Mma` multiplies A [16 rows, 16 k] with B [16 k, kTokens columns], bf16, and adds to C in float32:
//   Mma::multiply(c, a, b)
// Fragments are spread over the wave. k is cut into four quads of four consecutive elements, and a fragment is an array
// of quads, of 8 bytes each, that a lane loads from rows in which k is contiguous:
//   Mma::A a;  a.quad[i][j] = elements [row Mma::a_row(lane, i)] [k 4 * Mma::quad(lane, j) …], i < kRowsPerLane,
//              j < kQuadsPerLane
//   Mma::B b;  b.quad[j] = elements [column Mma::b_column(lane)] [k 4 * Mma::quad(lane, j) …]
//   kHalvesRepeat: lanes 16 to 31 hold what lanes 0 to 15 do, of A and B.
//   Mma::C c;  c.value[e] is at row Mma::c_row(lane, e), column Mma::c_column(lane, e), e < kValues
// Which hardware k index a quad's elements get differs between GPUs, A and B alike, and the sum over the 16 does not
// depend on it (measured on sm_90a).
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__CUDACC__)
#include "device/gpu/gpu_nvidia.h"
#elif defined(__HIP__)
#include "device/gpu/gpu_amd.h"
#else
#include "device/gpu/gpu_host.h"
#endif

namespace hearth::gpu {

HEARTH_DEVICE int lane_index() {
  return thread_index() % kWaveSize;
}
HEARTH_DEVICE int wave_index() {
  return thread_index() / kWaveSize;
}

// A fixed tree: the same bits in every lane.
HEARTH_DEVICE float wave_sum(float value) {
  HEARTH_UNROLL
  for (int mask = kWaveSize / 2; mask > 0; mask /= 2) value += shuffle_xor(value, mask);
  return value;
}
// NaN wins, as in a sum.
HEARTH_DEVICE float max_or_nan(float a, float b) {
  return a > b || a != a ? a : b;
}
HEARTH_DEVICE float wave_max(float value) {
  HEARTH_UNROLL
  for (int mask = kWaveSize / 2; mask > 0; mask /= 2) value = max_or_nan(value, shuffle_xor(value, mask));
  return value;
}

HEARTH_DEVICE float exp_fast(float x) {
  return exp2_fast(x * 1.4426950408889634f);
}

HEARTH_DEVICE std::uint32_t float_bits(float value) {
  return __builtin_bit_cast(std::uint32_t, value);
}
HEARTH_DEVICE float float_from_bits(std::uint32_t bits) {
  return __builtin_bit_cast(float, bits);
}
HEARTH_DEVICE float bf16_to_float(std::uint16_t half) {
  return float_from_bits(static_cast<std::uint32_t>(half) << 16);
}

}  // namespace hearth::gpu
