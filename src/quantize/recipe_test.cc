// Recipes against what their names are known to hold.
#include "quantize/recipe.h"

#include <gtest/gtest.h>

#include <map>

#include "base/error.h"

namespace hearth {
namespace {

// How often each format is chosen for a role in a model of `layers` layers.
std::map<Format, int> formats_of(std::string_view recipe, MatrixRole role, std::int64_t layers,
                                 std::int64_t heads_per_key = 1) {
  std::map<Format, int> counts;
  for (std::int64_t i = 0; i < layers; ++i) {
    const MatrixPlace place{.role = role, .index = i, .count = layers, .heads_per_key = heads_per_key};
    ++counts[recipe_by_name(recipe).format_of(place)];
  }
  return counts;
}

using Counts = std::map<Format, int>;

TEST(Recipe, MixturesHaveTheFormatsOfTheirNames) {
  // Of 32 layers: 4 at either end, and every third of the 24 between.
  EXPECT_EQ(formats_of("Q4_K_M", MatrixRole::kValue, 32), (Counts{{Format::kQ4K, 16}, {Format::kQ6K, 16}}));
  EXPECT_EQ(formats_of("Q4_K_M", MatrixRole::kFfDown, 32), (Counts{{Format::kQ4K, 16}, {Format::kQ6K, 16}}));
  EXPECT_EQ(formats_of("Q4_K_M", MatrixRole::kQuery, 32), (Counts{{Format::kQ4K, 32}}));
  EXPECT_EQ(formats_of("Q4_K_S", MatrixRole::kValue, 32), (Counts{{Format::kQ4K, 28}, {Format::kQ5K, 4}}));
  EXPECT_EQ(formats_of("Q4_K_S", MatrixRole::kFfDown, 32), (Counts{{Format::kQ4K, 28}, {Format::kQ5K, 4}}));
  EXPECT_EQ(formats_of("Q5_K_M", MatrixRole::kFfDown, 32), (Counts{{Format::kQ5K, 16}, {Format::kQ6K, 16}}));
  EXPECT_EQ(formats_of("Q3_K_M", MatrixRole::kFfDown, 32), (Counts{{Format::kQ4K, 30}, {Format::kQ5K, 2}}));
  EXPECT_EQ(formats_of("Q3_K_M", MatrixRole::kValue, 32), (Counts{{Format::kQ4K, 30}, {Format::kQ5K, 2}}));
  EXPECT_EQ(formats_of("Q2_K", MatrixRole::kValue, 32, 4), (Counts{{Format::kQ4K, 32}}));
  EXPECT_EQ(formats_of("Q2_K", MatrixRole::kValue, 32, 1), (Counts{{Format::kQ3K, 32}}));
  EXPECT_EQ(formats_of("IQ4_XS", MatrixRole::kFfDown, 32), (Counts{{Format::kIq4Xs, 28}, {Format::kQ5K, 4}}));
  EXPECT_EQ(formats_of("Q6_K", MatrixRole::kFfDown, 32), (Counts{{Format::kQ6K, 32}}));
  EXPECT_EQ(formats_of("Q4_K_M", MatrixRole::kValue, 80, 8), (Counts{{Format::kQ5K, 40}, {Format::kQ6K, 40}}));
}

TEST(Recipe, TheOutputHasMoreBits) {
  for (const char* name : {"Q2_K", "Q4_0", "Q4_K_M", "Q5_K_M", "Q6_K", "IQ4_XS", "MXFP4"}) {
    EXPECT_EQ(recipe_by_name(name).format_of({.role = MatrixRole::kOutput}), Format::kQ6K) << name;
  }
  EXPECT_EQ(recipe_by_name("Q8_0").format_of({.role = MatrixRole::kOutput}), Format::kQ8_0);
  EXPECT_EQ(recipe_by_name("F16").format_of({.role = MatrixRole::kOutput}), Format::kF16);
}

TEST(Recipe, EightExpertsKeepTheirSmallMatrices) {
  const Recipe& recipe = recipe_by_name("Q4_K_M");
  EXPECT_EQ(recipe.format_of({.role = MatrixRole::kKey, .expert_count = 8}), Format::kQ8_0);
  EXPECT_EQ(recipe.format_of({.role = MatrixRole::kKey, .expert_count = 128}), Format::kQ4K);
  const Recipe& experts_only = recipe_by_name("mxfp4_moe");
  EXPECT_EQ(experts_only.format_of({.role = MatrixRole::kExpert, .expert_count = 32}), Format::kMxfp4);
  EXPECT_EQ(experts_only.format_of({.role = MatrixRole::kFfDown, .expert_count = 32}), Format::kMxfp4);
  EXPECT_EQ(experts_only.format_of({.role = MatrixRole::kQuery, .expert_count = 32}), Format::kQ8_0);
}

TEST(Recipe, NamesAreFoundOrRefused) {
  EXPECT_EQ(recipe_by_name("q4_k_m").name, "Q4_K_M");
  EXPECT_EQ(recipe_by_name("Q5_K").name, "Q5_K_M");
  EXPECT_THROW(recipe_by_name("IQ2_M"), Unsupported);
  EXPECT_THROW(recipe_by_name("Q9_K"), InvalidInput);
  for (const Recipe& recipe : recipes()) EXPECT_NE(traits(recipe.base).encode, nullptr) << recipe.name;
}

TEST(Recipe, RolesAndLayersComeFromNames) {
  EXPECT_EQ(matrix_role("blk.11.attn_v.weight"), MatrixRole::kValue);
  EXPECT_EQ(matrix_role("blk.0.ffn_down_exps.weight"), MatrixRole::kFfDown);
  EXPECT_EQ(matrix_role("blk.0.attn_v.bias"), MatrixRole::kOther);
  EXPECT_EQ(layer_of("blk.11.attn_v.weight"), 11);
  EXPECT_EQ(layer_of("output.weight"), std::nullopt);
  EXPECT_EQ(layer_of("blk.x.attn_v.weight"), std::nullopt);
}

TEST(Recipe, SmallAndFeltTensorsStayFloat) {
  EXPECT_TRUE(stays_float("blk.0.attn_norm.weight", 1));
  EXPECT_TRUE(stays_float("blk.0.attn_q.bias", 1));
  EXPECT_TRUE(stays_float("blk.0.ffn_gate_inp.weight", 2));
  EXPECT_TRUE(stays_float("blk.0.ssm_conv1d.weight", 2));
  EXPECT_TRUE(stays_float("position_embd.weight", 2));
  EXPECT_FALSE(stays_float("blk.0.ffn_gate.weight", 2));
  EXPECT_FALSE(stays_float("token_embd.weight", 2));
}

TEST(Recipe, RowsThatFitNoBlockGetANeighbour) {
  EXPECT_EQ(format_for_columns(Format::kQ4K, 512), Format::kQ4K);
  EXPECT_EQ(format_for_columns(Format::kQ4K, 96), Format::kQ5_0);
  EXPECT_EQ(format_for_columns(Format::kQ5K, 96), Format::kQ5_1);
  EXPECT_EQ(format_for_columns(Format::kQ6K, 96), Format::kQ8_0);
  EXPECT_EQ(format_for_columns(Format::kQ3K, 96), Format::kIq4Nl);
  EXPECT_EQ(format_for_columns(Format::kQ6K, 33), Format::kF16);
}

}  // namespace
}  // namespace hearth
