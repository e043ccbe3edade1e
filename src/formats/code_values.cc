#include "formats/code_values.h"

#include <algorithm>
#include <cstddef>

#include "formats/iq4_nl.h"
#include "formats/mxfp4.h"

namespace hearth {
namespace {

// The values and their opposites, ascending.
template <std::size_t kCount>
constexpr CodeValues of_both_signs(const std::int8_t (&magnitudes)[kCount]) {
  CodeValues values{};
  for (std::size_t i = 0; i < kCount; ++i) {
    values[kCount - 1 - i] = static_cast<std::int8_t>(-magnitudes[i]);
    values[kCount + i] = magnitudes[i];
  }
  return values;
}

constexpr CodeValues kNone{};
constexpr CodeValues kIq4 = std::to_array(kIq4Values);
constexpr CodeValues kIq3Xxs = of_both_signs({4, 12, 20, 28, 36, 44, 52, 62});
constexpr CodeValues kIq3S = of_both_signs({1, 3, 5, 7, 9, 11, 13, 15});
constexpr CodeValues kIq2 = of_both_signs({8, 25, 43});
constexpr CodeValues kIq1 = of_both_signs({1, 7, 9});
constexpr CodeValues kFromMinusOne{-1, 0, 1, 2};
constexpr CodeValues kThreeBits{-4, -3, -2, -1, 0, 1, 2, 3};

}  // namespace

const CodeValues& code_values(Format format) {
  switch (format) {
    case Format::kIq4Nl:
    case Format::kIq4Xs:
      return kIq4;
    case Format::kMxfp4:
    case Format::kNvfp4:
      return kMxfp4Units;
    case Format::kIq3Xxs:
      return kIq3Xxs;
    case Format::kIq3S:
      return kIq3S;
    case Format::kIq2Xxs:
    case Format::kIq2Xs:
    case Format::kIq2S:
      return kIq2;
    case Format::kIq1S:
    case Format::kIq1M:
      return kIq1;
    case Format::kTq1_0:
    case Format::kTq2_0:
    case Format::kQ1_0:
    case Format::kQ2_0:
      return kFromMinusOne;
    case Format::kQ3K:
      return kThreeBits;
    default:
      return kNone;
  }
}

}  // namespace hearth
