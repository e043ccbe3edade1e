// The gated delta rule of one value head of one sequence in double precision, as its formula says.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace hearth::reference {

inline double softplus(double x) {
  return x > 30 ? x : std::log1p(std::exp(x));
}

// One token's inputs for one value head.
struct DeltaToken {
  std::vector<double> q, k, v;
  std::vector<double> decay;  // with its bias: of every row, or one for all
  double beta = 0;
};

// out [tokens][v_dim].
inline std::vector<std::vector<double>> gated_delta(const std::vector<DeltaToken>& tokens, double rate,
                                                    double length_epsilon, double scale) {
  std::vector<std::vector<double>> out;
  if (tokens.empty()) return out;
  const std::size_t rows = tokens[0].k.size(), columns = tokens[0].v.size();
  std::vector<std::vector<double>> s(rows, std::vector<double>(columns));
  for (const DeltaToken& token : tokens) {
    double q_square = length_epsilon, k_square = length_epsilon;
    for (std::size_t i = 0; i < rows; ++i) {
      q_square += token.q[i] * token.q[i];
      k_square += token.k[i] * token.k[i];
    }
    const double q_factor = scale / std::sqrt(q_square), k_factor = 1 / std::sqrt(k_square);
    for (std::size_t i = 0; i < rows; ++i) {
      const double forget = std::exp(rate * softplus(token.decay[token.decay.size() == 1 ? 0 : i]));
      for (double& value : s[i]) value *= forget;
    }
    const double beta = 1 / (1 + std::exp(-token.beta));
    out.emplace_back(columns);
    for (std::size_t c = 0; c < columns; ++c) {
      double said = 0;
      for (std::size_t i = 0; i < rows; ++i) said += s[i][c] * token.k[i] * k_factor;
      const double u = beta * (token.v[c] - said);
      for (std::size_t i = 0; i < rows; ++i) s[i][c] += token.k[i] * k_factor * u;
      for (std::size_t i = 0; i < rows; ++i) out.back()[c] += s[i][c] * token.q[i] * q_factor;
    }
  }
  return out;
}

}  // namespace hearth::reference
