#include "formats/encode/searched_encoders.h"

namespace hearth::searched {

#if defined(HEARTH_ENCODES_AVX2)
#define HEARTH_DEFINE_SEARCHED(name)                                                                            \
  void encode_##name(const float* in, const float* importance, std::byte* blocks, std::int64_t element_count) { \
    const auto encode = __builtin_cpu_supports("avx2") ? avx2::encode_##name : portable::encode_##name;         \
    encode(in, importance, blocks, element_count);                                                              \
  }
#else
#define HEARTH_DEFINE_SEARCHED(name)                                                                            \
  void encode_##name(const float* in, const float* importance, std::byte* blocks, std::int64_t element_count) { \
    portable::encode_##name(in, importance, blocks, element_count);                                             \
  }
#endif

HEARTH_EACH_SEARCHED(HEARTH_DEFINE_SEARCHED)

}  // namespace hearth::searched
