// Log-probabilities of logits, in double.
#pragma once

#include <cstddef>
#include <span>

namespace hearth {

// The logarithm of the sum of the logits' exponentials: a token's log-probability is its logit less this. Not a number
// where the logits are none.
double log_normalizer(std::span<const float> logits);

// The first of the greatest. `logits` is not empty.
std::size_t likeliest(std::span<const float> logits);

}  // namespace hearth
