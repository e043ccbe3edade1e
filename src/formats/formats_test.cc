// The table: the sizes and type numbers that files depend on, and the look-ups.
#include <gtest/gtest.h>

#include "formats/format.h"

namespace hearth {
namespace {

TEST(Formats, PublishedSizesAndNumbers) {
  const struct {
    Format format;
    std::string_view name;
    int elements, bytes, ggml_type;
  } published[] = {
      {Format::kF32, "f32", 1, 4, 0},
      {Format::kF16, "f16", 1, 2, 1},
      {Format::kBf16, "bf16", 1, 2, 30},
      {Format::kQ4_0, "q4_0", 32, 18, 2},
      {Format::kQ4_1, "q4_1", 32, 20, 3},
      {Format::kQ5_0, "q5_0", 32, 22, 6},
      {Format::kQ5_1, "q5_1", 32, 24, 7},
      {Format::kQ8_0, "q8_0", 32, 34, 8},
      {Format::kQ2K, "q2_k", 256, 84, 10},
      {Format::kQ3K, "q3_k", 256, 110, 11},
      {Format::kQ4K, "q4_k", 256, 144, 12},
      {Format::kQ5K, "q5_k", 256, 176, 13},
      {Format::kQ6K, "q6_k", 256, 210, 14},
      {Format::kIq4Nl, "iq4_nl", 32, 18, 20},
      {Format::kIq4Xs, "iq4_xs", 256, 136, 23},
      {Format::kMxfp4, "mxfp4", 32, 17, 39},
      {Format::kMxfp6E2m3, "mxfp6_e2m3", 32, 25, 1000},
      {Format::kMxfp6E3m2, "mxfp6_e3m2", 32, 25, 1001},
      {Format::kIq2Xxs, "iq2_xxs", 256, 66, 16},
      {Format::kIq2Xs, "iq2_xs", 256, 74, 17},
      {Format::kIq2S, "iq2_s", 256, 82, 22},
      {Format::kIq3Xxs, "iq3_xxs", 256, 98, 18},
      {Format::kIq3S, "iq3_s", 256, 110, 21},
      {Format::kIq1S, "iq1_s", 256, 50, 19},
      {Format::kIq1M, "iq1_m", 256, 56, 29},
      {Format::kTq1_0, "tq1_0", 256, 54, 34},
      {Format::kTq2_0, "tq2_0", 256, 66, 35},
      {Format::kQ1_0, "q1_0", 128, 18, 41},
      {Format::kQ2_0, "q2_0", 64, 18, 42},
      {Format::kNvfp4, "nvfp4", 64, 36, 40},
      {Format::kInt4, "int4", 32, 24, -1},
      {Format::kInt8, "int8", 32, 36, -1},
      {Format::kFp8E4m3, "fp8_e4m3", 32, 36, -1},
  };
  ASSERT_EQ(std::size(published), all_formats().size());
  for (const auto& expected : published) {
    const FormatTraits& actual = traits(expected.format);
    EXPECT_EQ(actual.format, expected.format);
    EXPECT_EQ(actual.name, expected.name);
    EXPECT_EQ(actual.block_elements, expected.elements) << expected.name;
    EXPECT_EQ(actual.block_bytes, expected.bytes) << expected.name;
    EXPECT_EQ(actual.ggml_type, expected.ggml_type) << expected.name;
    EXPECT_EQ(actual.is_quantized(), expected.elements > 1);
    EXPECT_EQ(format_by_name(expected.name), expected.format);
    if (expected.ggml_type >= 0) {
      EXPECT_EQ(format_by_ggml_type(static_cast<std::uint32_t>(expected.ggml_type)), expected.format);
    }
    EXPECT_EQ(format_bytes(expected.format, 3 * expected.elements), 3 * expected.bytes);
    EXPECT_EQ(format_bytes(expected.format, 0), 0);
  }
}

TEST(Formats, UnknownNamesAndNumbers) {
  EXPECT_EQ(format_by_name(""), std::nullopt);
  EXPECT_EQ(format_by_name("q4"), std::nullopt);
  EXPECT_EQ(format_by_name("q4_0 "), std::nullopt);
  EXPECT_EQ(format_by_ggml_type(4), std::nullopt);            // a number that ggml retired
  EXPECT_EQ(format_by_ggml_type(0xffffffffu), std::nullopt);  // -1 as a file would have it
}

TEST(FormatsDeathTest, PartialBlocks) {
  EXPECT_DEATH(format_bytes(Format::kQ4_0, 33), "broken invariant");
  EXPECT_DEATH(format_bytes(Format::kQ4_0, -32), "broken invariant");
  EXPECT_DEATH(format_bytes(Format::kF32, std::int64_t{1} << 62), "broken invariant");
}

}  // namespace
}  // namespace hearth
