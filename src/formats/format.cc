// The table of formats, one line each, and the look-ups in it.
#include "formats/format.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <limits>

#include "base/check.h"
#include "formats/bf16.h"
#include "formats/encode/searched_encoders.h"
#include "formats/f16.h"
#include "formats/f32.h"
#include "formats/group_fp8.h"
#include "formats/group_int4.h"
#include "formats/group_int8.h"
#include "formats/integer_block.h"
#include "formats/iq1_m.h"
#include "formats/iq1_s.h"
#include "formats/iq2_s.h"
#include "formats/iq2_xs.h"
#include "formats/iq2_xxs.h"
#include "formats/iq3_s.h"
#include "formats/iq3_xxs.h"
#include "formats/iq4_nl.h"
#include "formats/iq4_xs.h"
#include "formats/mxfp4.h"
#include "formats/mxfp6.h"
#include "formats/nvfp4.h"
#include "formats/q1_0.h"
#include "formats/q2_0.h"
#include "formats/q2_k.h"
#include "formats/q3_k.h"
#include "formats/q4_0.h"
#include "formats/q4_1.h"
#include "formats/q4_k.h"
#include "formats/q5_0.h"
#include "formats/q5_1.h"
#include "formats/q5_k.h"
#include "formats/q6_k.h"
#include "formats/q8_0.h"
#include "formats/tq1_0.h"
#include "formats/tq2_0.h"

namespace hearth {
namespace {

static_assert(std::endian::native == std::endian::little, "blocks are read from files as they stand");

template <class Block>
constexpr FormatTraits decoded(Format format, std::string_view name, int ggml_type) {
  return {format,
          name,
          Block::kElements,
          int{sizeof(Block)},
          ggml_type,
          decode_blocks_f32<Block>,
          decode_blocks_bf16<Block>,
          decode_blocks_int8<Block>,
          nullptr};
}

template <class Block>
constexpr FormatTraits encoded(Format format, std::string_view name, int ggml_type) {
  FormatTraits traits = decoded<Block>(format, name, ggml_type);
  traits.encode = encode_blocks<Block>;
  return traits;
}

// Of a format whose encoder is one of searched_encoders.h.
template <class Block, auto kEncode>
constexpr FormatTraits searched_traits(Format format, std::string_view name, int ggml_type) {
  FormatTraits traits = decoded<Block>(format, name, ggml_type);
  traits.encode = [](const float* in, std::byte* blocks, std::int64_t element_count) {
    kEncode(in, nullptr, blocks, element_count);
  };
  traits.encode_weighted = kEncode;
  return traits;
}

// ggml's reference rounding where nothing is known of the importance.
constexpr FormatTraits q4_0_traits() {
  FormatTraits traits = encoded<Q4_0Block>(Format::kQ4_0, "q4_0", 2);
  traits.encode_weighted = searched::encode_q4_0;
  return traits;
}

// The numbers from 1000 on are Hearth's own: files that have any say so (weights/gguf_reader.h).
constexpr std::array<FormatTraits, kFormatCount> kFormats = {{
    {Format::kF32, "f32", 1, 4, 0, decode_f32_to_f32, decode_f32_to_bf16, nullptr, encode_f32},
    {Format::kF16, "f16", 1, 2, 1, decode_f16_to_f32, decode_f16_to_bf16, nullptr, encode_f16},
    {Format::kBf16, "bf16", 1, 2, 30, decode_bf16_to_f32, decode_bf16_to_bf16, nullptr, encode_bf16},
    q4_0_traits(),
    searched_traits<Q4_1Block, searched::encode_q4_1>(Format::kQ4_1, "q4_1", 3),
    searched_traits<Q5_0Block, searched::encode_q5_0>(Format::kQ5_0, "q5_0", 6),
    searched_traits<Q5_1Block, searched::encode_q5_1>(Format::kQ5_1, "q5_1", 7),
    encoded<Q8_0Block>(Format::kQ8_0, "q8_0", 8),
    searched_traits<Q2KBlock, searched::encode_q2_k>(Format::kQ2K, "q2_k", 10),
    searched_traits<Q3KBlock, searched::encode_q3_k>(Format::kQ3K, "q3_k", 11),
    searched_traits<Q4KBlock, searched::encode_q4_k>(Format::kQ4K, "q4_k", 12),
    searched_traits<Q5KBlock, searched::encode_q5_k>(Format::kQ5K, "q5_k", 13),
    searched_traits<Q6KBlock, searched::encode_q6_k>(Format::kQ6K, "q6_k", 14),
    searched_traits<Iq4NlBlock, searched::encode_iq4_nl>(Format::kIq4Nl, "iq4_nl", 20),
    searched_traits<Iq4XsBlock, searched::encode_iq4_xs>(Format::kIq4Xs, "iq4_xs", 23),
    encoded<Mxfp4Block>(Format::kMxfp4, "mxfp4", 39),
    encoded<Mxfp6E2m3Block>(Format::kMxfp6E2m3, "mxfp6_e2m3", 1000),
    {Format::kMxfp6E3m2, "mxfp6_e3m2", 32, 25, 1001, decode_mxfp6_e3m2_to_f32, decode_mxfp6_e3m2_to_bf16, nullptr,
     encode_blocks<Mxfp6E3m2Block>},
    decoded<Iq2XxsBlock>(Format::kIq2Xxs, "iq2_xxs", 16),
    decoded<Iq2XsBlock>(Format::kIq2Xs, "iq2_xs", 17),
    decoded<Iq2SBlock>(Format::kIq2S, "iq2_s", 22),
    decoded<Iq3XxsBlock>(Format::kIq3Xxs, "iq3_xxs", 18),
    decoded<Iq3SBlock>(Format::kIq3S, "iq3_s", 21),
    decoded<Iq1SBlock>(Format::kIq1S, "iq1_s", 19),
    decoded<Iq1MBlock>(Format::kIq1M, "iq1_m", 29),
    decoded<Tq1_0Block>(Format::kTq1_0, "tq1_0", 34),
    decoded<Tq2_0Block>(Format::kTq2_0, "tq2_0", 35),
    decoded<Q1_0Block>(Format::kQ1_0, "q1_0", 41),
    decoded<Q2_0Block>(Format::kQ2_0, "q2_0", 42),
    decoded<Nvfp4Block>(Format::kNvfp4, "nvfp4", 40),
    decoded<Int4Block>(Format::kInt4, "int4", -1),
    decoded<Int8Block>(Format::kInt8, "int8", -1),
    {Format::kFp8E4m3, "fp8_e4m3", 32, 36, -1, decode_fp8_to_f32, decode_fp8_to_bf16, nullptr, nullptr},
}};

constexpr bool in_enumeration_order() {
  for (std::size_t i = 0; i < kFormats.size(); ++i) {
    if (static_cast<std::size_t>(kFormats[i].format) != i) return false;
  }
  return true;
}
static_assert(in_enumeration_order());

template <class Predicate>
std::optional<Format> find_format(Predicate predicate) {
  const auto found = std::find_if(kFormats.begin(), kFormats.end(), predicate);
  return found == kFormats.end() ? std::nullopt : std::optional(found->format);
}

}  // namespace

const FormatTraits& traits(Format format) {
  const auto index = static_cast<std::size_t>(format);
  CHECK(index < kFormats.size());
  return kFormats[index];
}

std::span<const FormatTraits> all_formats() {
  return kFormats;
}

std::optional<Format> format_by_name(std::string_view name) {
  return find_format([&](const FormatTraits& t) { return t.name == name; });
}

std::optional<Format> format_by_ggml_type(std::uint32_t ggml_type) {
  return find_format([&](const FormatTraits& t) { return std::int64_t{t.ggml_type} == std::int64_t{ggml_type}; });
}

std::int64_t format_bytes(Format format, std::int64_t element_count) {
  const FormatTraits& t = traits(format);
  CHECK(element_count >= 0 && element_count % t.block_elements == 0);
  const std::int64_t block_count = element_count / t.block_elements;
  CHECK(block_count <= std::numeric_limits<std::int64_t>::max() / t.block_bytes);
  return block_count * t.block_bytes;
}

}  // namespace hearth
