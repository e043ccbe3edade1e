// Rope scalings against values worked out from their published formulas by another program.
#include "model/rope_frequencies.h"

#include <gtest/gtest.h>

#include <cmath>

namespace hearth {
namespace {

RopeSpec rope(std::int64_t rotary_dim, double base, RopeScalingKind kind, double factor, std::int64_t original) {
  RopeSpec spec;
  spec.rotary_dim = rotary_dim;
  spec.base = base;
  spec.scaling.kind = kind;
  spec.scaling.factor = factor;
  spec.scaling.original_context = original;
  return spec;
}

void expect_near(const std::vector<double>& actual, const std::vector<double>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) EXPECT_NEAR(actual[i] / expected[i], 1, 1e-12) << "pair " << i;
}

TEST(RopeFrequencies, Plain) {
  const RopeFrequencies f = rope_frequencies(rope(8, 10000, RopeScalingKind::kNone, 1, 0), 4096);
  expect_near(f.inverse, {1, 0.1, 0.01, 0.001});
  EXPECT_EQ(f.scale, 1);
}

TEST(RopeFrequencies, Linear) {
  expect_near(rope_frequencies(rope(8, 10000, RopeScalingKind::kLinear, 4, 512), 4096).inverse,
              {0.25, 0.025, 0.0025, 0.00025});
}

TEST(RopeFrequencies, DynamicNtkStretchesOnlyPastTheOriginalContext) {
  const RopeSpec spec = rope(8, 10000, RopeScalingKind::kDynamicNtk, 2, 512);
  expect_near(rope_frequencies(spec, 100).inverse, {1, 0.1, 0.01, 0.001});
  expect_near(rope_frequencies(spec, 1024).inverse,
              {1, 0.06933612743506347, 0.004807498567691361, 0.0003333333333333334});
}

TEST(RopeFrequencies, Llama3) {
  RopeSpec spec = rope(16, 500000, RopeScalingKind::kLlama3, 8, 8192);
  spec.scaling.low_frequency_factor = 1;
  spec.scaling.high_frequency_factor = 4;
  expect_near(rope_frequencies(spec, 8192).inverse,
              {1.0, 0.19392274474868576, 0.03760603093086393, 0.007292664737217109, 0.0005248461609929547,
               3.428102195952591e-05, 6.647869871181235e-06, 1.2891731721515574e-06});
}

TEST(RopeFrequencies, Yarn) {
  const RopeFrequencies f = rope_frequencies(rope(16, 10000, RopeScalingKind::kYarn, 4, 2048), 8192);
  expect_near(f.inverse, {1.0, 0.31622776601683794, 0.1, 0.02569350598886808, 0.00625, 0.001383496476323666, 0.00025,
                          7.905694150420948e-05});
  EXPECT_NEAR(f.scale, 1.138629436111989, 1e-12);
}

TEST(RopeFrequencies, YarnWithoutWholeDimensionsAndWithMscale) {
  RopeSpec spec = rope(16, 150000, RopeScalingKind::kYarn, 4, 64);
  spec.scaling.truncate = false;
  spec.scaling.mscale = 1;
  spec.scaling.mscale_all_dim = 2;
  const RopeFrequencies f = rope_frequencies(spec, 256);
  expect_near(f.inverse, {1.0, 0.11690014136548772, 0.012703318703865369, 0.0028635566981650563, 0.0006454972243679028,
                          0.00014550669345351648, 3.279982785442384e-05, 7.393671601942642e-06});
  EXPECT_NEAR(f.scale, 1.138629436111989 / (0.2 * std::log(4) + 1), 1e-12);
  spec.scaling.attention_factor = 1.5;
  EXPECT_EQ(rope_frequencies(spec, 256).scale, 1.5);
}

TEST(RopeFrequencies, LongRopeChoosesItsFactorsByTheContextAskedFor) {
  RopeSpec spec = rope(8, 10000, RopeScalingKind::kLongRope, 32, 4096);
  spec.scaling.short_factors = {1, 1, 2, 2};
  spec.scaling.long_factors = {1, 4, 8, 16};
  expect_near(rope_frequencies(spec, 4096).inverse, {1, 0.1, 0.005, 0.0005});
  const RopeFrequencies f = rope_frequencies(spec, 4097);
  expect_near(f.inverse, {1, 0.025, 0.00125, 0.0000625});
  EXPECT_NEAR(f.scale, 1.1902380714238083, 1e-12);
}

TEST(RopeFrequencies, FileDivisors) {
  RopeSpec spec = rope(8, 10000, RopeScalingKind::kNone, 1, 0);
  spec.frequency_divisors = {1, 2, 4, -8};
  expect_near(rope_frequencies(spec, 10).inverse, {1, 0.05, 0.0025, -0.000125});
}

TEST(RopeTable, IsRightAtFarPositions) {
  RopeFrequencies frequencies = rope_frequencies(rope(128, 10000, RopeScalingKind::kNone, 1, 0), 4096);
  frequencies.scale = 1.25;
  for (const std::int64_t position : {0, 1, 4095, 131'072, 1'000'003}) {
    std::vector<float> table(2 * 128);
    fill_rope_table(frequencies, position, 2, table.data());
    for (std::size_t i = 0; i < table.size(); i += 2) {
      const double angle = static_cast<double>(position + (i < 128 ? 0 : 1)) * frequencies.inverse[i / 2 % 64];
      EXPECT_EQ(table[i], static_cast<float>(1.25 * std::cos(angle))) << position << ", " << i;
      EXPECT_EQ(table[i + 1], static_cast<float>(1.25 * std::sin(angle))) << position << ", " << i;
    }
  }
}

TEST(RopeTable, InPartsIsTheWhole) {
  const RopeFrequencies frequencies = rope_frequencies(rope(16, 10000, RopeScalingKind::kNone, 1, 0), 4096);
  std::vector<float> whole(100 * 16), parts(whole.size());
  fill_rope_table(frequencies, 0, 100, whole.data());
  fill_rope_table(frequencies, 0, 37, parts.data());
  fill_rope_table(frequencies, 37, 63, parts.data() + 37 * 16);
  EXPECT_EQ(whole, parts);
}

}  // namespace
}  // namespace hearth
