// One row of a selective state space of one sequence in double precision, as its formula says.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace hearth::reference {

// One token's inputs for one row.
struct ScanToken {
  double x = 0, dt = 0;  // dt: with its bias
  std::vector<double> b, c;
};

// `a`: of every element of the state, or one for all.
inline std::vector<double> selective_scan(const std::vector<ScanToken>& tokens, const std::vector<double>& a, double d,
                                          double delta_min, double delta_max) {
  std::vector<double> out;
  std::vector<double> s(tokens.empty() ? 0 : tokens[0].b.size());
  for (const ScanToken& token : tokens) {
    const double softplus = token.dt > 30 ? token.dt : std::log1p(std::exp(token.dt));
    const double delta = std::clamp(softplus, delta_min, delta_max);
    double y = d * token.x;
    for (std::size_t n = 0; n < s.size(); ++n) {
      s[n] = std::exp(delta * a[a.size() == 1 ? 0 : n]) * s[n] + delta * token.x * token.b[n];
      y += s[n] * token.c[n];
    }
    out.push_back(y);
  }
  return out;
}

}  // namespace hearth::reference
