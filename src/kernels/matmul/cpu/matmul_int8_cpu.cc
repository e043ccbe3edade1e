// Matmul with int8 activations on the CPU, straight from the file's blocks: a chunk of a row is unpacked to 8-bit
// integers, scales and minimums, then multiplied with every token.
//
// Order: chunks of 256 columns, ascending. In a chunk, for each block of 32 columns: lane l takes the exact integer sum
// of columns 4 l to 4 l + 3, times the weight's scale (lanes 0-3: the first group of 16, 4-7: the second), and is added
// times the activation's scale. Then, where the format has minimums, lane g mod 8 subtracts minimum g times the
// activations' sum over group g. Last, the lanes are added by sum_lanes.
#include <algorithm>
#include <cstddef>
#include <type_traits>

#include "formats/integer_block.h"
#include "kernels/cpu/simd.h"
#include "kernels/matmul/cpu/matmul_int8.h"

namespace hearth::HEARTH_ISA {
namespace {

constexpr std::int64_t kChunk = 256;
constexpr std::int64_t kChunkGroups = kChunk / kActivationGroup;
constexpr std::int64_t kTokenBlock = 64;  // tokens whose lanes are kept while a row is unpacked once

struct Chunk {
  alignas(32) std::int8_t q[kChunk];
  alignas(32) float scale[kChunkGroups];
  alignas(32) float min[kChunkGroups];
};

#if defined(__AVX2__)
// The integers of 24 bytes of codes: what Mxfp6E2m3Block::unpack() writes, at once in place of one after the other. The
// bytes are read where they lie: loads of a copy would wait for the stores that made it.
HEARTH_INLINE void unpack_e2m3(const std::byte* bytes, std::int8_t* q) {
  const auto half = [&](int first) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes + first)); };
  // Four codes are three bytes; then two are 12 bits in 16, and each is a byte.
  const __m256i fours = _mm256_shuffle_epi8(_mm256_set_m128i(half(8), half(0)),
                                            _mm256_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1,  //
                                                             4, 5, 6, -1, 7, 8, 9, -1, 10, 11, 12, -1, 13, 14, 15, -1));
  const auto bits = [](__m256i v, int mask) { return _mm256_and_si256(v, _mm256_set1_epi32(mask)); };
  const __m256i pairs = _mm256_or_si256(bits(fours, 0xfff), _mm256_slli_epi32(bits(fours, 0xfff000), 4));
  const __m256i codes = _mm256_or_si256(bits(pairs, 0x3f003f), _mm256_slli_epi32(bits(pairs, 0xfc00fc0), 2));
  // Below 16 the code is the magnitude; bit 4 and bit 5, the sign, are moved to where instructions look.
  const __m256i large = _mm256_shuffle_epi8(
      _mm256_broadcastsi128_si256(_mm_setr_epi8(16, 18, 20, 22, 24, 26, 28, 30, 32, 36, 40, 44, 48, 52, 56, 60)),
      codes);
  const __m256i magnitude = _mm256_blendv_epi8(bits(codes, 0x0f0f0f0f), large, _mm256_slli_epi16(codes, 3));
  const __m256i sign = _mm256_or_si256(_mm256_slli_epi16(codes, 2), _mm256_set1_epi8(1));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(q), _mm256_sign_epi8(magnitude, sign));
}
#endif

template <class Block>
HEARTH_INLINE void unpack_block(const std::byte* blocks, std::int64_t b, std::int8_t* q, float* scale, float* min) {
#if defined(__AVX2__)
  if constexpr (std::is_same_v<Block, Mxfp6E2m3Block>) {
    const std::byte* block = blocks + b * std::int64_t{sizeof(Block)};
    scale[0] = scale[1] = e8m0_to_f32(static_cast<std::uint8_t>(*block), E2m3::kUnitExponent);
    return unpack_e2m3(block + offsetof(Block, codes), q);
  }
#endif
  load_block<Block>(blocks, b).unpack(q, scale, min);
}

template <class Block>
HEARTH_INLINE void unpack_chunk(const std::byte* blocks, std::int64_t columns, Chunk& chunk) {
  constexpr int kGroups = Block::kElements / kInt8GroupElements;
  for (std::int64_t b = 0; b < columns / Block::kElements; ++b) {
    unpack_block<Block>(blocks, b, chunk.q + b * Block::kElements, chunk.scale + b * kGroups, chunk.min + b * kGroups);
  }
}

// Lane l: the sum of w[4 l + i] * x[4 l + i], i from 0 to 3.
HEARTH_INLINE I32x8 dot4_lanes(const std::int8_t* w, const std::int8_t* x) {
#if defined(__AVX2__)
  // The product of an unsigned and a signed byte is what the instruction set has; |w| <= 128 and |x| <= 127, so a pair
  // of products fits 16 bits.
  const __m256i wv = _mm256_load_si256(reinterpret_cast<const __m256i*>(w));
  const __m256i xv = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x));
  const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(wv), _mm256_sign_epi8(xv, wv));
  return reinterpret_cast<I32x8>(_mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
#else
  I32x8 sums{};
  for (int l = 0; l < 8; ++l) {
    for (int i = 0; i < 4; ++i) sums[l] += w[4 * l + i] * x[4 * l + i];
  }
  return sums;
#endif
}

template <class Block>
HEARTH_INLINE F32x8 add_chunk(const Chunk& chunk, std::int64_t blocks, const std::int8_t* x, const float* x_scale,
                              const float* x_group_sum, F32x8 lanes) {
  for (std::int64_t b = 0; b < blocks; ++b) {
    const float s0 = chunk.scale[2 * b], s1 = chunk.scale[2 * b + 1];
    const F32x8 scale{s0, s0, s0, s0, s1, s1, s1, s1};
    const I32x8 dot = dot4_lanes(chunk.q + b * kActivationBlock, x + b * kActivationBlock);
    lanes = multiply_add(__builtin_convertvector(dot, F32x8) * scale, broadcast(x_scale[b]), lanes);
  }
  if constexpr (Block::kHasMin) {
    std::int64_t g = 0;
    for (; g + 8 <= 2 * blocks; g += 8) lanes = multiply_add(-load(chunk.min + g), load(x_group_sum + g), lanes);
    if (g < 2 * blocks) {
      const std::int64_t rest = 2 * blocks - g;
      lanes = multiply_add(-load_first(chunk.min + g, rest), load_first(x_group_sum + g, rest), lanes);
    }
  }
  return lanes;
}

template <class Block>
HEARTH_INLINE void one_row(const MatmulArgs& a, std::int64_t n, std::int64_t row_bytes, std::int64_t t0,
                           std::int64_t t1) {
  F32x8 lanes[kTokenBlock];
  for (std::int64_t t = t0; t < t1; ++t) lanes[t - t0] = F32x8{};
  Chunk chunk;
  for (std::int64_t k = 0; k < a.k; k += kChunk) {
    const std::int64_t columns = std::min(kChunk, a.k - k);
    unpack_chunk<Block>(a.weights + n * row_bytes + k / Block::kElements * std::int64_t{sizeof(Block)}, columns, chunk);
    for (std::int64_t t = t0; t < t1; ++t) {
      const QuantizedActivations& x = a.quantized;
      lanes[t - t0] = add_chunk<Block>(chunk, columns / kActivationBlock, x.q + t * a.k + k,
                                       x.scale + (t * a.k + k) / kActivationBlock,
                                       x.group_sum + (t * a.k + k) / kActivationGroup, lanes[t - t0]);
    }
  }
  for (std::int64_t t = t0; t < t1; ++t) {
    a.y[t * a.y_stride + n] = sum_lanes(lanes[t - t0]) * a.scale + (a.bias != nullptr ? a.bias[n] : 0.0f);
  }
}

}  // namespace

template <class Block>
void matmul_int8(Stream& stream, const MatmulArgs& a) {
  if (a.token_count == 0) return;
  ThreadPool& pool = cpu_pool(stream);
  const std::int64_t row_bytes = a.k / Block::kElements * static_cast<std::int64_t>(sizeof(Block));
  const std::int64_t grain = std::max<std::int64_t>(1, a.n / (8 * pool.thread_count()));
  pool.run_ranges(a.n, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = 0; t < a.token_count; t += kTokenBlock) {
      const std::int64_t t1 = std::min(t + kTokenBlock, a.token_count);
      for (std::int64_t n = begin; n < end; ++n) one_row<Block>(a, n, row_bytes, t, t1);
    }
  });
}

template void matmul_int8<Q4_1Block>(Stream&, const MatmulArgs&);
template void matmul_int8<Q5_0Block>(Stream&, const MatmulArgs&);
template void matmul_int8<Q5_1Block>(Stream&, const MatmulArgs&);
template void matmul_int8<Q2KBlock>(Stream&, const MatmulArgs&);
template void matmul_int8<Q5KBlock>(Stream&, const MatmulArgs&);
template void matmul_int8<Mxfp6E2m3Block>(Stream&, const MatmulArgs&);

}  // namespace hearth::HEARTH_ISA
