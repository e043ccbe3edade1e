// The encoders that search for their scales: for every block, the scale (and minimum) under which the sum of weighted
// squared errors is smallest. `importance` may be null, or holds one number >= 0 for each weight: the mean square of
// what the weight is multiplied with, as an importance matrix measures it.
#pragma once

#include <cstddef>
#include <cstdint>

// HEARTH_EACH_SEARCHED(ENCODER) is the list.
#define HEARTH_EACH_SEARCHED(ENCODER) \
  ENCODER(q4_0)                       \
  ENCODER(q4_1)                       \
  ENCODER(q5_0)                       \
  ENCODER(q5_1)                       \
  ENCODER(iq4_nl)                     \
  ENCODER(iq4_xs)                     \
  ENCODER(q2_k)                       \
  ENCODER(q3_k)                       \
  ENCODER(q4_k)                       \
  ENCODER(q5_k)                       \
  ENCODER(q6_k)

#define HEARTH_DECLARE_SEARCHED(name) \
  void encode_##name(const float* in, const float* importance, std::byte* blocks, std::int64_t element_count);

// Each is compiled for every instruction set, and `searched` takes the one that the machine has; all write the same
// bytes.
namespace hearth::portable {
HEARTH_EACH_SEARCHED(HEARTH_DECLARE_SEARCHED)
}
namespace hearth::avx2 {
HEARTH_EACH_SEARCHED(HEARTH_DECLARE_SEARCHED)
}
namespace hearth::searched {
HEARTH_EACH_SEARCHED(HEARTH_DECLARE_SEARCHED)
}
#undef HEARTH_DECLARE_SEARCHED
