// Alternating updates (AltUp, Baykal et al. 2023), as Gemma 3n has them: the residual stream is several streams wide. A
// layer predicts all of them, computes one, and corrects the others by what it changed there. How is a function of the
// token: the tanh of a small router's products.
#pragma once

#include <cstdint>

namespace hearth {

inline constexpr std::int64_t kAltUpStreamsMax = 8;

// The streams of a step, [streams, tokens, width], and of each token one product of the router for every stream.
struct AltUpStreams {
  float* data;
  std::int64_t count;   // at most kAltUpStreamsMax
  std::int64_t active;  // the one that layers compute
  std::int64_t token_count;
  std::int64_t width;
  const float* products;  // [tokens, streams]
};

// With m[t] = tanh(products[t]): streams[o][t][:] += sum over i of c[o][i] * streams[i][t][:], c[o][i] = coefficients[o
// * streams + i] . m[t], in place, each sum over i or m ascending from zero by multiply-add; and x = streams[active].
struct AltUpPredictArgs {
  AltUpStreams streams;
  const float* coefficients;  // [streams * streams, streams]
  float* x;                   // [tokens, width]
};

// With m as above, of other products, and what the layer changed, d = x - streams[active]: streams[i][t][:] += (1 +
// coefficients[i] . m[t]) * d[t][:], in place; and scaled = streams[active] * scale.
struct AltUpCorrectArgs {
  AltUpStreams streams;
  const float* coefficients;  // [streams, streams]
  const float* x;             // [tokens, width]
  const float* scale;         // [width]; null: ones
  float* scaled;              // [tokens, width]
};

}  // namespace hearth
