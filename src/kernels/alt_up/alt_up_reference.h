// The scalar reference of alternating updates, in double precision.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/alt_up/alt_up.h"

namespace hearth::reference {

// [streams, tokens, width] after the operator, and what else it writes, [tokens, width].
struct AltUpResult {
  std::vector<double> streams, other;
};

// sum of coefficients[row][j] * tanh(products[token][j])
inline double alt_up_coefficient(const AltUpStreams& s, const float* coefficients, std::int64_t row,
                                 std::int64_t token) {
  double sum = 0;
  for (std::int64_t j = 0; j < s.count; ++j) {
    sum += static_cast<double>(coefficients[row * s.count + j]) *
           std::tanh(static_cast<double>(s.products[token * s.count + j]));
  }
  return sum;
}

inline AltUpResult alt_up_predict(const AltUpPredictArgs& args) {
  const AltUpStreams& s = args.streams;
  const std::int64_t size = s.token_count * s.width;
  AltUpResult result{std::vector<double>(s.data, s.data + s.count * size), {}};
  for (std::int64_t o = 0; o < s.count; ++o) {
    for (std::int64_t at = 0; at < size; ++at) {
      for (std::int64_t i = 0; i < s.count; ++i) {
        result.streams[static_cast<std::size_t>(o * size + at)] +=
            alt_up_coefficient(s, args.coefficients, o * s.count + i, at / s.width) *
            static_cast<double>(s.data[i * size + at]);
      }
    }
  }
  const auto active = result.streams.begin() + s.active * size;
  result.other.assign(active, active + size);
  return result;
}

inline AltUpResult alt_up_correct(const AltUpCorrectArgs& args) {
  const AltUpStreams& s = args.streams;
  const std::int64_t size = s.token_count * s.width;
  AltUpResult result{std::vector<double>(s.data, s.data + s.count * size), {}};
  for (std::int64_t at = 0; at < size; ++at) {
    const double change = static_cast<double>(args.x[at]) - static_cast<double>(s.data[s.active * size + at]);
    for (std::int64_t i = 0; i < s.count; ++i) {
      result.streams[static_cast<std::size_t>(i * size + at)] +=
          (1 + alt_up_coefficient(s, args.coefficients, i, at / s.width)) * change;
    }
    const double scale = args.scale == nullptr ? 1 : static_cast<double>(args.scale[at % s.width]);
    result.other.push_back(scale * result.streams[static_cast<std::size_t>(s.active * size + at)]);
  }
  return result;
}

}  // namespace hearth::reference
