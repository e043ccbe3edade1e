// Root mean square normalization against its reference: whole rows, heads within strided rows, in place.
#include "kernels/rms_norm/rms_norm.h"

#include <limits>

#include "kernels/rms_norm/rms_norm_reference.h"
#include "kernels/testing/converted_output.h"

namespace hearth {
namespace {

using namespace kernel_testing;

constexpr float kEpsilon = 1e-5f;

// The factor, and two products: three roundings. A GPU adds the squares in float32 as well.
double tolerance(const Runner& run, Format format = Format::kF32) {
  return (run.is_gpu() ? 10 : 3) * 0x1p-24 + rounding_of(format);
}

struct NormShape {
  std::int64_t row_count, group_count, width;
  std::int64_t padding = 0;  // elements between two rows

  std::int64_t row_elements() const { return group_count * width; }
  std::int64_t row_stride() const { return row_elements() + padding; }
};

// From rows `row_stride` apart to rows without gaps.
std::vector<float> normalize(Runner& run, const NormShape& shape, const std::vector<float>& x,
                             const std::vector<float>& weight, float epsilon = kEpsilon, Format format = Format::kF32) {
  ConvertedOutput out(format, static_cast<std::size_t>(shape.row_count * shape.row_elements()));
  run.kernels.rms_norm(*run.stream, {.x = run.in(x),
                                     .row_count = shape.row_count,
                                     .row_stride = shape.row_stride(),
                                     .group_count = shape.group_count,
                                     .width = shape.width,
                                     .weight = run.in(weight),
                                     .epsilon = epsilon,
                                     .out = out.on(run),
                                     .out_stride = shape.row_elements(),
                                     .out_format = format});
  run.finish();
  return out.values();
}

std::vector<double> expected_rows(const NormShape& shape, const std::vector<float>& x, const std::vector<float>& weight,
                                  float epsilon = kEpsilon) {
  std::vector<double> out;
  for (std::int64_t r = 0; r < shape.row_count; ++r) {
    for (std::int64_t g = 0; g < shape.group_count; ++g) {
      const auto at = static_cast<std::size_t>(r * shape.row_stride() + g * shape.width);
      const auto row =
          reference::rms_norm(std::span(x).subspan(at, static_cast<std::size_t>(shape.width)), weight, epsilon);
      out.insert(out.end(), row.begin(), row.end());
    }
  }
  return out;
}

class RmsNormTest : public KernelTest {
 protected:
  void check(const NormShape& shape) {
    const auto x = random_floats(shape.row_count * shape.row_stride(), 21, 3.0f);
    const auto weight = random_floats(shape.width, 22);
    const auto expected = expected_rows(shape, x, weight);
    for (const Format format : output_formats(run)) {
      const auto out = normalize(run, shape, x, weight, kEpsilon, format);
      expect_close(out, expected, tolerance(run, format), 0);
      expect_same_bits(out, normalize(again, shape, x, weight, kEpsilon, format));
    }
    const auto out = normalize(run, shape, x, weight);
    std::vector<float> one_by_one;
    NormShape one = shape;
    one.row_count = 1;
    for (std::int64_t r = 0; r < shape.row_count; ++r) {
      const auto start = x.begin() + r * shape.row_stride();
      const auto row = normalize(run, one, std::vector<float>(start, start + shape.row_stride()), weight);
      one_by_one.insert(one_by_one.end(), row.begin(), row.end());
    }
    expect_same_bits(out, one_by_one);
  }
};
HEARTH_INSTANTIATE_FOR_DEVICES(RmsNormTest);

TEST_P(RmsNormTest, Rows) {
  for (const std::int64_t width : {1, 5, 31, 64, 130, 256, 1027, 4096}) {
    SCOPED_TRACE(width);
    for (const std::int64_t row_count : run.token_counts()) {
      if (!run.is_slow() || row_count * width <= 20'000) check({row_count, 1, width});
    }
  }
}

TEST_P(RmsNormTest, LongRows) {
  for (const std::int64_t width : {4100, 5003, 8192, 16384, 16388, 20001}) {
    SCOPED_TRACE(width);
    check({2, 1, width});
  }
}

TEST_P(RmsNormTest, HeadsOfALongerRow) {
  for (const std::int64_t head_dim : {8, 16, 32, 64, 80, 96, 128, 192, 256}) {
    SCOPED_TRACE(head_dim);
    check({run.tokens(33, 3), 6, head_dim, 2 * head_dim});
  }
}

TEST_P(RmsNormTest, InPlace) {
  const NormShape shape{9, 2, 130};
  auto x = random_floats(9 * 260, 23);
  const auto weight = random_floats(130, 24);
  const auto expected = normalize(run, shape, x, weight);
  float* rows = run.out(x);
  run.kernels.rms_norm(*run.stream, {.x = rows,
                                     .row_count = 9,
                                     .row_stride = 260,
                                     .group_count = 2,
                                     .width = 130,
                                     .weight = run.in(weight),
                                     .epsilon = kEpsilon,
                                     .out = rows,
                                     .out_stride = 260});
  run.finish();
  expect_same_bits(x, expected);
}

// The same as an addition and a norm of the sum, to the bit.
TEST_P(RmsNormTest, AddsToTheResidualFirst) {
  for (const std::int64_t width : {7, 128, 260, 1027, 4500, 17000}) {
    SCOPED_TRACE(width);
    const NormShape shape{3, 1, width, 12};
    const auto x = random_floats(3 * shape.row_stride(), 30), weight = random_floats(width, 31);
    const auto before = random_floats(3 * width, 32);
    auto sum = before;
    for (std::size_t r = 0; r < 3; ++r) {
      for (std::size_t i = 0; i < static_cast<std::size_t>(width); ++i) {
        sum[r * static_cast<std::size_t>(width) + i] += x[r * static_cast<std::size_t>(shape.row_stride()) + i];
      }
    }
    for (const Format format : output_formats(run)) {
      auto residual = before;
      ConvertedOutput out(format, before.size());
      run.kernels.rms_norm(*run.stream, {.x = run.in(x),
                                         .row_count = 3,
                                         .row_stride = shape.row_stride(),
                                         .group_count = 1,
                                         .width = width,
                                         .weight = run.in(weight),
                                         .epsilon = kEpsilon,
                                         .out = out.on(run),
                                         .out_stride = width,
                                         .residual = run.out(residual),
                                         .out_format = format});
      run.finish();
      expect_same_bits(residual, sum);
      expect_same_bits(out.values(), normalize(run, {3, 1, width}, sum, weight, kEpsilon, format));
    }
  }
}

TEST_P(RmsNormTest, SmallLargeAndZeroRows) {
  for (const float deviation : {0.0f, 1e-20f, 1e-3f, 1e4f, 1e25f, 1e37f}) {
    SCOPED_TRACE(deviation);
    for (const std::int64_t width : {100, 300, 5000, 17000}) {
      const NormShape shape{3, 1, width};
      const auto x = random_floats(3 * width, 25, deviation == 0 ? 1.0f : deviation);
      const auto rows = deviation == 0 ? std::vector<float>(x.size()) : x;
      const auto weight = random_floats(width, 26);
      expect_close(normalize(run, shape, rows, weight), expected_rows(shape, rows, weight), tolerance(run), 0);
    }
  }
}

TEST_P(RmsNormTest, NanStaysWithinItsRow) {
  const NormShape shape{3, 1, 20};
  auto x = random_floats(60, 27);
  const auto weight = random_floats(20, 28);
  const auto clean = normalize(run, shape, x, weight);
  x[25] = std::numeric_limits<float>::quiet_NaN();
  const auto out = normalize(run, shape, x, weight);
  for (std::size_t i = 0; i < 60; ++i) {
    if (i / 20 == 1) {
      EXPECT_TRUE(std::isnan(out[i])) << i;
    } else {
      EXPECT_EQ(out[i], clean[i]) << i;
    }
  }
}

TEST_P(RmsNormTest, NoRowsAreNoWork) {
  EXPECT_TRUE(normalize(run, {0, 1, 8}, {}, random_floats(8, 29)).empty());
}

}  // namespace
}  // namespace hearth
