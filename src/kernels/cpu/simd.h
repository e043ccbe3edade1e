// Eight float32 lanes, the unit in which CPU kernels sum: one AVX2 register, two SSE or NEON ones. Included only by
// kernel bodies, which are compiled once for each instruction set; HEARTH_ISA keeps their symbols apart.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace hearth::HEARTH_ISA {

using F32x4 = float __attribute__((vector_size(16)));
using F32x8 = float __attribute__((vector_size(32)));
using I32x8 = std::int32_t __attribute__((vector_size(32)));

#define HEARTH_INLINE inline __attribute__((always_inline))

HEARTH_INLINE F32x8 broadcast(float x) {
  return F32x8{x, x, x, x, x, x, x, x};
}

// Unaligned on purpose: rows of a mapped file start anywhere.
HEARTH_INLINE F32x8 load(const float* p) {
  F32x8 v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

HEARTH_INLINE void store(float* p, F32x8 v) {
  std::memcpy(p, &v, sizeof v);
}

// The first `count` lanes from memory, zeros in the others; 0 <= count < 8.
HEARTH_INLINE F32x8 load_first(const float* p, std::int64_t count) {
  F32x8 v{};
  std::memcpy(&v, p, static_cast<std::size_t>(count) * sizeof(float));
  return v;
}

// a * b + c: fused where the instruction set has it, else rounded twice.
HEARTH_INLINE F32x8 multiply_add(F32x8 a, F32x8 b, F32x8 c) {
#if defined(__FMA__)
  return reinterpret_cast<F32x8>(
      _mm256_fmadd_ps(reinterpret_cast<__m256>(a), reinterpret_cast<__m256>(b), reinterpret_cast<__m256>(c)));
#else
  return a * b + c;
#endif
}

// ((0+4)+(2+6))+((1+5)+(3+7)): the one tree in which lanes are added.
HEARTH_INLINE float sum_lanes(F32x8 v) {
  const float a0 = v[0] + v[4], a1 = v[1] + v[5], a2 = v[2] + v[6], a3 = v[3] + v[7];
  return (a0 + a2) + (a1 + a3);
}

HEARTH_INLINE F32x4 low_half(F32x8 v) {
  return __builtin_shufflevector(v, v, 0, 1, 2, 3);
}
HEARTH_INLINE F32x4 high_half(F32x8 v) {
  return __builtin_shufflevector(v, v, 4, 5, 6, 7);
}

// sum_lanes of four vectors at once.
HEARTH_INLINE F32x4 sum_lanes_of_4(const F32x8* v) {
  F32x4 a[4];
  for (int i = 0; i < 4; ++i) a[i] = low_half(v[i]) + high_half(v[i]);
  const F32x4 b01 = __builtin_shufflevector(a[0], a[1], 0, 1, 4, 5) + __builtin_shufflevector(a[0], a[1], 2, 3, 6, 7);
  const F32x4 b23 = __builtin_shufflevector(a[2], a[3], 0, 1, 4, 5) + __builtin_shufflevector(a[2], a[3], 2, 3, 6, 7);
  return __builtin_shufflevector(b01, b23, 0, 2, 4, 6) + __builtin_shufflevector(b01, b23, 1, 3, 5, 7);
}

HEARTH_INLINE F32x8 max(F32x8 a, F32x8 b) {
  return a > b ? a : b;
}

}  // namespace hearth::HEARTH_ISA
