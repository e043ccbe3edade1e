// The weight formats: what a block of each holds, and how it is decoded and encoded. A format is one header
// (`q4_0.h`, …) that defines its block and two decodings, and one line of the table in format.cc.
//
// Layouts follow ggml's file format (GGUF) and the OCP Microscaling (MX) specification v1.0. Rows are cut into blocks;
// a row never shares a block with another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace hearth {

enum class Format : std::uint8_t {
  kF32,
  kF16,
  kBf16,
  kQ4_0,
  kQ4_1,
  kQ5_0,
  kQ5_1,
  kQ8_0,
  kQ2K,
  kQ3K,
  kQ4K,
  kQ5K,
  kQ6K,
  kIq4Nl,
  kIq4Xs,
  kMxfp4,
  kMxfp6E2m3,
  kMxfp6E3m2,
  kIq2Xxs,
  kIq2Xs,
  kIq2S,
  kIq3Xxs,
  kIq3S,
  kIq1S,
  kIq1M,
  kTq1_0,
  kTq2_0,
  kQ1_0,
  kQ2_0,
  kNvfp4,
  kInt4,
  kInt8,
  kFp8E4m3,
};
inline constexpr int kFormatCount = 33;

// Elements that share one scale in `decode_int8`.
inline constexpr int kInt8GroupElements = 16;

// What is known of a format. All counts of elements passed to the functions are multiples of `block_elements`.
struct FormatTraits {
  Format format;
  std::string_view name;  // as users write it: "q4_0", "q4_k", "mxfp4"
  int block_elements;
  int block_bytes;
  int ggml_type;  // the type number in a GGUF file, from 1000 on Hearth's extensions; -1: none

  // The reference decoding, float32.
  void (*decode_f32)(const std::byte* blocks, float* out, std::int64_t element_count);
  // What matrix units multiply: bf16 bit patterns. A weight with scale s, minimum m and integer q is defined as
  // fma_bf16(q, bf16(s), -bf16(m)), one rounding; every device reproduces it to the bit.
  void (*decode_bf16)(const std::byte* blocks, std::uint16_t* out, std::int64_t element_count);
  // Integers for the CPU's dot products: weight i = scale[i / 16] * q[i] - min[i / 16]. Null where the format has no
  // such form (floating-point formats, and values that do not fit 8 bits).
  void (*decode_int8)(const std::byte* blocks, std::int8_t* q, float* scale, float* min, std::int64_t element_count);
  // Null where Hearth cannot write the format.
  void (*encode)(const float* in, std::byte* blocks, std::int64_t element_count);
  // The same where errors count by `importance`: for each weight a number >= 0, the mean square of what it is
  // multiplied with. Null where the format's blocks leave nothing to choose.
  void (*encode_weighted)(const float* in, const float* importance, std::byte* blocks,
                          std::int64_t element_count) = nullptr;

  bool is_quantized() const { return block_elements > 1; }
};

const FormatTraits& traits(Format format);
std::span<const FormatTraits> all_formats();
std::optional<Format> format_by_name(std::string_view name);
std::optional<Format> format_by_ggml_type(std::uint32_t ggml_type);

// Bytes of `element_count` elements (a multiple of the block's); CHECKs that it is one.
std::int64_t format_bytes(Format format, std::int64_t element_count);

}  // namespace hearth
