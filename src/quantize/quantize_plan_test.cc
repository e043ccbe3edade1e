// Plans for made-up files: what the recipe says, what the user says otherwise, and what does not fit.
#include "quantize/quantize_plan.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace hearth {
namespace {

ContentTensor tensor_of(std::string name, Shape shape, Format format = Format::kF16) {
  return {std::move(name), shape, format, {}, {}, {}};
}

ModelContents two_layers(std::int64_t columns = 256, Format format = Format::kF16) {
  ModelContents contents;
  contents.tensors = {tensor_of("token_embd.weight", {64, columns}, format),
                      tensor_of("blk.0.attn_norm.weight", {columns}, Format::kF32),
                      tensor_of("blk.0.attn_v.weight", {64, columns}, format),
                      tensor_of("blk.0.ffn_up.weight", {64, columns}, format),
                      tensor_of("blk.1.attn_v.weight", {64, columns}, format),
                      tensor_of("blk.1.ffn_gate_inp.weight", {8, columns}, Format::kF32)};
  return contents;
}

TEST(QuantizePlan, FollowsTheRecipe) {
  const QuantizePlan plan = plan_quantize(two_layers(), {.recipe = &recipe_by_name("Q4_K_S")});
  // Without an output of its own the embedding is the output.
  EXPECT_EQ(plan.formats,
            (std::vector<Format>{Format::kQ6K, Format::kF32, Format::kQ5K, Format::kQ4K, Format::kQ5K, Format::kF32}));
  EXPECT_TRUE(plan.notes.empty());
  EXPECT_EQ(plan.bytes, 64 * 210 + 1024 + 2 * 64 * 176 + 64 * 144 + 8 * 1024);
}

TEST(QuantizePlan, TheUsersFormatsGoFirst) {
  const QuantizePlan plan =
      plan_quantize(two_layers(), {.recipe = &recipe_by_name("Q4_K_S"),
                                   .tensor_types = {parse_tensor_type("blk\\.0\\.attn=Q8_0"),
                                                    parse_tensor_type("attn_v=q2_k"), parse_tensor_type("none=f16")}});
  EXPECT_EQ(plan.formats[1], Format::kF32);  // a norm is no matrix
  EXPECT_EQ(plan.formats[2], Format::kQ8_0);
  EXPECT_EQ(plan.formats[4], Format::kQ2K);
  ASSERT_EQ(plan.notes.size(), 1u);
  EXPECT_NE(plan.notes[0].find("'none'"), std::string::npos) << plan.notes[0];
}

TEST(QuantizePlan, WhatDoesNotFitIsSaid) {
  const QuantizePlan plan = plan_quantize(two_layers(96), {.recipe = &recipe_by_name("Q4_K_S")});
  EXPECT_EQ(plan.formats[3], Format::kQ5_0);
  ASSERT_EQ(plan.notes.size(), 3u);
  std::string all;
  for (const std::string& note : plan.notes) all += note + "\n";
  EXPECT_NE(all.find("blk.0.attn_v.weight and 1 more: rows of 96"), std::string::npos) << all;
  EXPECT_NE(all.find("q5_0 instead"), std::string::npos) << all;
}

TEST(QuantizePlan, QuantizingAgainIsSaid) {
  const ModelContents contents = two_layers(256, Format::kQ8_0);
  EXPECT_EQ(plan_quantize(contents, {.recipe = &recipe_by_name("Q4_K_S")}).notes.size(), 1u);
  EXPECT_TRUE(plan_quantize(contents, {.recipe = &recipe_by_name("Q8_0")}).notes.empty());
  EXPECT_TRUE(plan_quantize(contents, {.recipe = &recipe_by_name("F16")}).notes.empty());
}

TEST(QuantizePlan, MalformedTypesAreRefused) {
  for (const char* text : {"", "=q8_0", "attn_v", "attn_v=", "attn_v=q9_0", "attn_v=iq2_xs", "attn_v=int4"}) {
    EXPECT_THROW(parse_tensor_type(text), InvalidInput) << text;
  }
  EXPECT_THROW(
      plan_quantize(two_layers(), {.recipe = &recipe_by_name("Q8_0"), .tensor_types = {parse_tensor_type("(=q8_0")}}),
      Unsupported);
}

}  // namespace
}  // namespace hearth
