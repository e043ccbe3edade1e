// Sums over a row in double precision, in one order for each row length (law 2): element i goes to lane i mod 16,
// lanes add in ascending order, and one tree adds the lanes. Double, so that neither the row's length nor its mean
// costs digits; reading the row costs as much as converting it.
#pragma once

#include <cstdint>

#include "kernels/cpu/simd.h"

namespace hearth::HEARTH_ISA {

using F64x4 = double __attribute__((vector_size(32)));

HEARTH_INLINE F64x4 widen(const float* p) {
  F32x4 v;
  std::memcpy(&v, p, sizeof v);
  return __builtin_convertvector(v, F64x4);
}

// The sum of term(x[i]) over i in [0, count); `term` maps four doubles to four doubles.
template <class Term>
HEARTH_INLINE double sum_row(const float* x, std::int64_t count, Term term) {
  F64x4 sums[4] = {};
  std::int64_t i = 0;
  for (; i + 16 <= count; i += 16) {
    for (int j = 0; j < 4; ++j) sums[j] += term(widen(x + i + 4 * j));
  }
  for (; i < count; ++i) {
    const double value = x[i];
    sums[i % 16 / 4][i % 4] += term(F64x4{value, value, value, value})[0];
  }
  const F64x4 sum = (sums[0] + sums[2]) + (sums[1] + sums[3]);
  return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

}  // namespace hearth::HEARTH_ISA
