// mxfp6 (OCP MX v1.0; in GGUF Hearth's extension): 32 weights, one E8M0 scale byte, then 32 six-bit codes, packed
// without gaps, the first in the lowest bits of the first byte. Two element types: E2M3 and E3M2. Minus zero decodes to
// zero; a scale byte of 0xff makes the whole block NaN. Values times scale are exact in bf16.
//
// E2M3 has an integer form: q is eight times the value (at most 60) and the scale an eighth. E3M2 has none: sixteen
// times its value reaches 448.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "formats/always_inline.h"
#include "formats/float16.h"
#include "formats/integer_block.h"
#include "formats/microscaling.h"
#include "formats/rounding.h"

namespace hearth {

template <class Element>
struct Mxfp6Block {
  static constexpr int kElements = 32;
  static constexpr bool kHasMin = false;
  static constexpr std::array<std::int16_t, 64> kUnits = [] {
    std::array<std::int16_t, 64> units{};
    for (int code = 0; code < 64; ++code) {
      units[static_cast<std::size_t>(code)] = static_cast<std::int16_t>(Element::units(code));
    }
    return units;
  }();

  std::uint8_t scale_exponent;  // E8M0
  std::uint8_t codes[24];

  HEARTH_ALWAYS_INLINE int code(int i) const {
    const int byte = 6 * i / 8;
    const int next = byte + 1 < 24 ? codes[byte + 1] : 0;  // the last code ends with the last byte
    return ((codes[byte] | next << 8) >> (6 * i % 8)) & 63;
  }

  // The value of an element in units of `unit()`.
  HEARTH_ALWAYS_INLINE int units(int i) const { return kUnits[static_cast<std::size_t>(code(i))]; }

  HEARTH_ALWAYS_INLINE float unit() const { return e8m0_to_f32(scale_exponent, Element::kUnitExponent); }

  HEARTH_ALWAYS_INLINE void unpack(std::int8_t* q, float* scale, float*) const requires(Element::units(31) <= 127) {
    scale[0] = scale[1] = unit();
    for (int i = 0; i < kElements; ++i) q[i] = static_cast<std::int8_t>(units(i));
  }

  // The scale as the specification proposes: the power of two of the largest magnitude, less the element type's largest
  // exponent. Values go to the nearest, ties to an even code, and above the largest to that.
  static Mxfp6Block encode(const float* in) {
    float largest = 0.0f;
    for (int i = 0; i < kElements; ++i) largest = std::max(largest, std::fabs(to_finite(in[i])));
    const int exponent = largest > 0.0f ? std::ilogb(largest) - Element::kExponentMax + 127 : 0;
    Mxfp6Block block{};
    block.scale_exponent = static_cast<std::uint8_t>(std::max(exponent, 0));
    for (int i = 0; i < kElements; ++i) {
      const int code = nearest_code(to_finite(in[i]), block.unit()) << (6 * i % 8), byte = 6 * i / 8;
      block.codes[byte] = static_cast<std::uint8_t>(block.codes[byte] | code);
      if (code > 255) block.codes[byte + 1] = static_cast<std::uint8_t>(code >> 8);
    }
    return block;
  }

 private:
  static int nearest_code(float value, float unit) {
    const auto units_of = [](int code) { return static_cast<double>(kUnits[static_cast<std::size_t>(code)]); };
    const double magnitude = std::fabs(value) / double{unit};
    int code = 0;
    while (code < 31) {
      const double middle = 0.5 * (units_of(code) + units_of(code + 1));
      if (magnitude < middle || (magnitude == middle && code % 2 == 0)) break;
      ++code;
    }
    return value < 0.0f && code != 0 ? code | 32 : code;
  }
};

using Mxfp6E2m3Block = Mxfp6Block<E2m3>;
using Mxfp6E3m2Block = Mxfp6Block<E3m2>;
static_assert(sizeof(Mxfp6E2m3Block) == 25);
static_assert(sizeof(Mxfp6E3m2Block) == 25);

inline void decode_mxfp6_e3m2_to_f32(const std::byte* blocks, float* out, std::int64_t element_count) {
  for (std::int64_t b = 0; b < element_count / Mxfp6E3m2Block::kElements; ++b) {
    const auto block = load_block<Mxfp6E3m2Block>(blocks, b);
    for (int i = 0; i < Mxfp6E3m2Block::kElements; ++i) *out++ = block.unit() * static_cast<float>(block.units(i));
  }
}

inline void decode_mxfp6_e3m2_to_bf16(const std::byte* blocks, std::uint16_t* out, std::int64_t element_count) {
  for (std::int64_t b = 0; b < element_count / Mxfp6E3m2Block::kElements; ++b) {
    const auto block = load_block<Mxfp6E3m2Block>(blocks, b);
    for (int i = 0; i < Mxfp6E3m2Block::kElements; ++i) {
      *out++ = f32_to_bf16(block.unit() * static_cast<float>(block.units(i)));
    }
  }
}

}  // namespace hearth
