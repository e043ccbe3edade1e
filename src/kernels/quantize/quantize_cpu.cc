// Rounding of activations on the CPU. It runs before every matrix product, so both loops are vectors throughout.
#include <bit>
#include <limits>

#include "base/check.h"
#include "device/cpu/cpu_device.h"
#include "formats/float16.h"
#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/grain.h"
#include "kernels/cpu/simd_math.h"

namespace hearth::HEARTH_ISA {
namespace {

using U32x8 = std::uint32_t __attribute__((vector_size(32)));

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kSmallestMagnitude = 0x1p-120f;  // below, 127 / x may overflow

// The bits of |x|: as integers they are ordered as the magnitudes are, with infinity and then NaN on top.
HEARTH_INLINE I32x8 magnitude_bits(F32x8 x) {
  return reinterpret_cast<I32x8>(x) & 0x7fffffff;
}

HEARTH_INLINE I32x4 lower_half(I32x8 v) {
  return __builtin_shufflevector(v, v, 0, 1, 2, 3);
}
HEARTH_INLINE I32x4 upper_half(I32x8 v) {
  return __builtin_shufflevector(v, v, 4, 5, 6, 7);
}

HEARTH_INLINE std::int32_t largest_lane(I32x8 v) {
  const I32x4 low = lower_half(v), high = upper_half(v);
  I32x4 largest = low < high ? high : low;
  const I32x4 far = __builtin_shufflevector(largest, largest, 2, 3, 0, 1);
  largest = largest < far ? far : largest;
  return largest[0] < largest[1] ? largest[1] : largest[0];
}

HEARTH_INLINE std::int32_t sum_lanes(I32x8 v) {
  I32x4 sum = lower_half(v) + upper_half(v);
  sum += __builtin_shufflevector(sum, sum, 2, 3, 0, 1);
  return sum[0] + sum[1];
}

// To the nearest integer, ties to even, for |x| < 2^22: adding 1.5 * 2^23 leaves it in the low bits.
HEARTH_INLINE I32x8 round_to_integer(F32x8 x) {
  const F32x8 shift = broadcast(0x1.8p23f);
  return reinterpret_cast<I32x8>(x + shift) - reinterpret_cast<I32x8>(shift);
}

HEARTH_INLINE F32x8 round_to_bf16(F32x8 x) {
  const U32x8 bits = reinterpret_cast<U32x8>(x);
  const U32x8 rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) & 0xffff0000u;
  const U32x8 quiet_nan = (bits | 0x400000u) & 0xffff0000u;
  const I32x8 infinity = I32x8{} + 0x7f800000;
  return reinterpret_cast<F32x8>(
      select_less(infinity, magnitude_bits(x), reinterpret_cast<I32x8>(quiet_nan), reinterpret_cast<I32x8>(rounded)));
}

// Four vectors as 32 bytes; every lane is in [-127, 127].
HEARTH_INLINE void store_bytes(std::int8_t* p, const I32x8 (&v)[4]) {
#if defined(__AVX2__)
  const __m256i low = _mm256_packs_epi32(reinterpret_cast<__m256i>(v[0]), reinterpret_cast<__m256i>(v[1]));
  const __m256i high = _mm256_packs_epi32(reinterpret_cast<__m256i>(v[2]), reinterpret_cast<__m256i>(v[3]));
  // Packing works within each half of the registers, so the groups of four bytes come out of order.
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  const __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), order);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), bytes);
#else
  std::int32_t lanes[kActivationBlock];
  std::memcpy(lanes, v, sizeof lanes);
  for (std::int64_t i = 0; i < kActivationBlock; ++i) p[i] = static_cast<std::int8_t>(lanes[i]);
#endif
}

// The part of the outputs that belongs to one block: q[0, 32), *scale, *sum and group_sum[0, 2).
HEARTH_INLINE QuantizedActivations block_of(const QuantizedActivations& out, std::int64_t block) {
  return {out.q + block * kActivationBlock, out.scale + block, out.sum + block,
          out.group_sum + block * (kActivationBlock / kActivationGroup)};
}

// A block without integers: too small to have any, or not finite.
void write_zeros(float scale, const QuantizedActivations& out) {
  std::memset(out.q, 0, kActivationBlock);
  *out.scale = scale;
  *out.sum = 0;
  out.group_sum[0] = out.group_sum[1] = scale;
}

HEARTH_INLINE void quantize_block(const float* x, const QuantizedActivations& out) {
  F32x8 values[4];
  I32x8 magnitudes{};
  for (int j = 0; j < 4; ++j) {
    values[j] = load(x + 8 * j);
    const I32x8 bits = magnitude_bits(values[j]);
    magnitudes = select_less(magnitudes, bits, bits, magnitudes);
  }
  const auto largest = std::bit_cast<float>(largest_lane(magnitudes));
  if (largest < kSmallestMagnitude) return write_zeros(0, out);
  if (!(largest < kInfinity)) return write_zeros(std::numeric_limits<float>::quiet_NaN(), out);

  const float inverse = 127.0f / largest;
  I32x8 q[4];
  // No need to clamp: the product's rounding cannot take it from 127 to 127.5.
  for (int j = 0; j < 4; ++j) q[j] = round_to_integer(values[j] * inverse);
  store_bytes(out.q, q);
  const std::int32_t first = sum_lanes(q[0] + q[1]), second = sum_lanes(q[2] + q[3]);
  const float scale = largest / 127.0f;
  *out.scale = scale;
  *out.sum = first + second;
  out.group_sum[0] = scale * static_cast<float>(first);
  out.group_sum[1] = scale * static_cast<float>(second);
}

}  // namespace

void round_bf16(Stream& stream, const RoundBf16Args& args) {
  auto* out = static_cast<float*>(args.out);
  cpu_pool(stream).run_ranges(args.element_count, kTaskElements, [&](std::int64_t begin, std::int64_t end) {
    std::int64_t i = begin;
    for (; i + 8 <= end; i += 8) store(out + i, round_to_bf16(load(args.x + i)));
    for (; i < end; ++i) out[i] = hearth::round_to_bf16(args.x[i]);
  });
}

void quantize_int8(Stream& stream, const QuantizeInt8Args& args) {
  CHECK(args.k % kActivationBlock == 0);
  const std::int64_t block_count = args.token_count * (args.k / kActivationBlock);
  cpu_pool(stream).run_ranges(block_count, kTaskElements / kActivationBlock, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = begin; b < end; ++b) quantize_block(args.x + b * kActivationBlock, block_of(args.out, b));
  });
}

}  // namespace hearth::HEARTH_ISA
