#include "commands/measure/log_probability.h"

#include <algorithm>
#include <cmath>

namespace hearth {

double log_normalizer(std::span<const float> logits) {
  const double largest = logits[likeliest(logits)];
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - largest);
  return largest + std::log(sum);
}

std::size_t likeliest(std::span<const float> logits) {
  return static_cast<std::size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

}  // namespace hearth
