// The activations' rounding to bf16 and quantization to int8 against their references.
#include "kernels/quantize/quantize.h"

#include <limits>

#include "kernels/quantize/quantize_reference.h"
#include "kernels/testing/converted_output.h"

namespace hearth {
namespace {

using namespace kernel_testing;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

struct Quantized {
  std::vector<std::int8_t> q;
  std::vector<float> scale;
  std::vector<std::int32_t> sum;
  std::vector<float> group_sum;

  void append(const Quantized& other) {
    q.insert(q.end(), other.q.begin(), other.q.end());
    scale.insert(scale.end(), other.scale.begin(), other.scale.end());
    sum.insert(sum.end(), other.sum.begin(), other.sum.end());
    group_sum.insert(group_sum.end(), other.group_sum.begin(), other.group_sum.end());
  }
};

void expect_same(const Quantized& actual, const Quantized& expected) {
  expect_same_bits(actual.q, expected.q);
  expect_same_bits(actual.scale, expected.scale);
  expect_same_bits(actual.sum, expected.sum);
  expect_same_bits(actual.group_sum, expected.group_sum);
}

Quantized quantize(Runner& run, const std::vector<float>& x, std::int64_t k) {
  const std::size_t blocks = x.size() / kActivationBlock;
  Quantized out{std::vector<std::int8_t>(x.size(), 99), std::vector<float>(blocks, -1.0f),
                std::vector<std::int32_t>(blocks, -1), std::vector<float>(2 * blocks, -1.0f)};
  run.kernels.quantize_int8(*run.stream,
                            {.x = x.data(),
                             .token_count = std::ssize(x) / k,
                             .k = k,
                             .out = {out.q.data(), out.scale.data(), out.sum.data(), out.group_sum.data()}});
  return out;
}

// What the device's matmul reads, widened where it is bf16.
std::vector<float> round_all(Runner& run, const std::vector<float>& x) {
  ConvertedOutput out(run.is_gpu() ? Format::kBf16 : Format::kF32, x.size());
  run.kernels.round_bf16(*run.stream, {.x = run.in(x), .element_count = std::ssize(x), .out = out.on(run)});
  run.finish();
  return out.values();
}

// The definition, block by block: scale, the nearest integers (of the float32 product), and the sums of those integers.
void expect_as_reference(const Quantized& out, const std::vector<float>& x) {
  for (std::size_t b = 0; b < out.scale.size(); ++b) {
    const auto block = reference::quantize_int8(std::span(x).subspan(b * kActivationBlock, kActivationBlock));
    EXPECT_NEAR(out.scale[b], block.scale, block.scale * 0x1p-24) << "block " << b;
    int sums[2] = {};
    for (std::size_t i = 0; i < kActivationBlock; ++i) {
      const int q = out.q[b * kActivationBlock + i];
      EXPECT_LE(std::abs(q - block.q[i]), 0.5 + 127 * 0x1p-22) << "block " << b << ", element " << i;
      sums[i / kActivationGroup] += q;
    }
    EXPECT_EQ(out.sum[b], sums[0] + sums[1]);
    for (std::size_t g = 0; g < 2; ++g) {
      EXPECT_EQ(out.group_sum[2 * b + g], out.scale[b] * static_cast<float>(sums[g])) << "block " << b;
    }
  }
}

// Only the CPU multiplies integers.
class QuantizeTest : public CpuKernelTest {};
HEARTH_INSTANTIATE_FOR_CPU(QuantizeTest);

class RoundBf16Test : public KernelTest {};
HEARTH_INSTANTIATE_FOR_DEVICES(RoundBf16Test);

TEST_P(QuantizeTest, Int8AsTheReference) {
  for (const std::int64_t k : {32, 64, 96, 1024, 4128}) {
    SCOPED_TRACE(k);
    for (const std::int64_t token_count : kTokenCounts) {
      const auto x = random_floats(token_count * k, 71, 5.0f);
      const auto out = quantize(run, x, k);
      expect_as_reference(out, x);
      expect_same(out, quantize(one_thread, x, k));
      Quantized one_by_one;
      for (std::int64_t at = 0; at < std::ssize(x); at += k) {
        one_by_one.append(quantize(run, std::vector<float>(x.begin() + at, x.begin() + at + k), k));
      }
      expect_same(out, one_by_one);
    }
  }
}

TEST_P(QuantizeTest, Int8OfEveryMagnitude) {
  for (int exponent = -119; exponent <= 127; ++exponent) {
    SCOPED_TRACE(exponent);
    auto x = random_floats(32, 72, 0.2f);
    for (float& value : x) value = std::ldexp(std::clamp(value, -0.9f, 0.9f), exponent);
    x[9] = -std::ldexp(1.0f, exponent);
    const auto out = quantize(run, x, 32);
    expect_as_reference(out, x);
    EXPECT_EQ(out.q[9], -127);
  }
}

TEST_P(QuantizeTest, Int8RoundsTiesToEven) {
  std::vector<float> x(32, 0.0f);
  const float values[] = {127, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 126.5f};
  const int expected[] = {127, 0, 2, 2, 0, -2, -2, 126};
  std::copy(std::begin(values), std::end(values), x.begin() + 20);
  const auto out = quantize(run, x, 32);
  for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(out.q[20 + i], expected[i]) << values[i];
  EXPECT_EQ(out.scale[0], 1.0f);
  EXPECT_EQ(out.sum[0], 127 + 2 + 2 - 2 - 2 + 126);
  EXPECT_EQ(out.group_sum[0], 0.0f);
  EXPECT_EQ(out.group_sum[1], 253.0f);
}

TEST_P(QuantizeTest, Int8OfZerosAndOfWhatIsTooSmall) {
  for (const float tiny : {0.0f, -0.0f, 1e-45f, -1e-38f, 0x1.fffffep-121f}) {
    const auto out = quantize(run, std::vector<float>(64, tiny), 64);
    expect_same(out, {std::vector<std::int8_t>(64), {0, 0}, {0, 0}, {0, 0, 0, 0}});
  }
}

TEST_P(QuantizeTest, Int8OfNanAndInfinityStaysWithinItsBlock) {
  for (const float special : {kNan, -kNan, kInfinity, -kInfinity}) {
    auto x = random_floats(96, 73);
    const auto clean = quantize(run, x, 96);
    x[32 + 13] = special;
    const auto out = quantize(run, x, 96);
    for (std::size_t i = 0; i < 96; ++i) EXPECT_EQ(out.q[i], i / 32 == 1 ? 0 : clean.q[i]) << i;
    for (const std::size_t b : {0u, 2u}) EXPECT_EQ(out.scale[b], clean.scale[b]);
    EXPECT_TRUE(std::isnan(out.scale[1]));
    EXPECT_EQ(out.sum[1], 0);
    EXPECT_TRUE(std::isnan(out.group_sum[2]) && std::isnan(out.group_sum[3]));
  }
}

TEST_P(RoundBf16Test, AsTheReference) {
  for (const std::int64_t count : {1, 5, 31, 64, 130, 2048, 129 * 1024 - 1}) {
    auto x = random_floats(count, 74, 100.0f);
    // Halfway between two bf16 values, above an even one and above an odd one.
    if (count >= 5) x[2] = 1.0f + 0x1p-8f, x[3] = 1.0f + 3 * 0x1p-8f, x[4] = -x[3];
    const auto out = round_all(run, x);
    std::vector<double> expected;
    for (const double value : x) expected.push_back(reference::round_bf16(value));
    expect_close(out, expected, 0, 0);
    expect_same_bits(out, round_all(again, x));
    if (run.is_gpu()) continue;
    auto in_place = x;
    run.kernels.round_bf16(*run.stream, {.x = in_place.data(), .element_count = count, .out = in_place.data()});
    expect_same_bits(in_place, out);
  }
}

TEST_P(RoundBf16Test, AtTheEnds) {
  constexpr float kMax = std::numeric_limits<float>::max();
  // A NaN whose payload lies in the lower half only, and one that a carry would turn into zero.
  const std::vector<float> x = {0.0f,
                                -0.0f,
                                kInfinity,
                                -kInfinity,
                                kMax,
                                -kMax,
                                0x1.fep127f,
                                1e-45f,
                                -0x1p-133f,
                                kNan,
                                std::bit_cast<float>(0x7f800001u),
                                std::bit_cast<float>(0x7fffffffu),
                                std::bit_cast<float>(0xffffffffu),
                                0x1.fep-126f,
                                1.0f,
                                2.0f};
  const float expected[] = {0.0f, -0.0f, kInfinity, -kInfinity, kInfinity, -kInfinity, 0x1.fep127f, 0.0f, -0x1p-133f};
  // Alone, an element takes the path of a range's end; together, that of the vectors.
  for (const bool together : {true, false}) {
    std::vector<float> out = round_all(run, x);
    for (std::size_t i = 0; i < x.size() && !together; ++i) out[i] = round_all(run, {x[i]})[0];
    for (std::size_t i = 0; i < std::size(expected); ++i) {
      EXPECT_EQ(std::bit_cast<std::uint32_t>(out[i]), std::bit_cast<std::uint32_t>(expected[i])) << i;
    }
    for (std::size_t i = 9; i < 13; ++i) EXPECT_TRUE(std::isnan(out[i])) << i;
    EXPECT_EQ(out[13], 0x1.fep-126f);
  }
}

TEST_P(QuantizeTest, NoTokensAreNoWork) {
  EXPECT_TRUE(quantize(run, {}, 64).q.empty());
}

TEST_P(RoundBf16Test, NoElementsAreNoWork) {
  EXPECT_TRUE(round_all(run, {}).empty());
}

}  // namespace
}  // namespace hearth
