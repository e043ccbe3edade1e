// Root mean square normalization against its reference: whole rows, heads within strided rows, in place.
#include "kernels/rms_norm/rms_norm.h"

#include <limits>

#include "kernels/rms_norm/rms_norm_reference.h"
#include "kernels/testing/kernel_testing.h"

namespace hearth {
namespace {

using namespace kernel_testing;

// The factor, and two products: three roundings.
constexpr double kTolerance = 3 * 0x1p-24;
constexpr float kEpsilon = 1e-5f;

struct NormShape {
  std::int64_t row_count, group_count, width;
  std::int64_t padding = 0;  // elements between two rows

  std::int64_t row_elements() const { return group_count * width; }
  std::int64_t row_stride() const { return row_elements() + padding; }
};

// From rows `row_stride` apart to rows without gaps.
std::vector<float> normalize(CpuRunner& run, const NormShape& shape, const std::vector<float>& x,
                             const std::vector<float>& weight, float epsilon = kEpsilon) {
  std::vector<float> out(static_cast<std::size_t>(shape.row_count * shape.row_elements()), -1.0f);
  run.kernels.rms_norm(*run.stream, {.x = x.data(),
                                     .row_count = shape.row_count,
                                     .row_stride = shape.row_stride(),
                                     .group_count = shape.group_count,
                                     .width = shape.width,
                                     .weight = weight.data(),
                                     .epsilon = epsilon,
                                     .out = out.data(),
                                     .out_stride = shape.row_elements()});
  return out;
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

class RmsNormTest : public CpuKernelTest {
 protected:
  void check(const NormShape& shape) {
    const auto x = random_floats(shape.row_count * shape.row_stride(), 21, 3.0f);
    const auto weight = random_floats(shape.width, 22);
    const auto out = normalize(run, shape, x, weight);
    expect_close(out, expected_rows(shape, x, weight), kTolerance, 0);
    expect_same_bits(out, normalize(one_thread, shape, x, weight));

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
HEARTH_INSTANTIATE_FOR_CPU(RmsNormTest);

TEST_P(RmsNormTest, Rows) {
  for (const std::int64_t width : {1, 5, 31, 64, 130, 1027, 4096}) {
    SCOPED_TRACE(width);
    for (const std::int64_t row_count : kTokenCounts) check({row_count, 1, width});
  }
}

TEST_P(RmsNormTest, HeadsOfALongerRow) {
  for (const std::int64_t head_dim : {8, 16, 32, 64, 80, 96, 128, 192, 256}) {
    SCOPED_TRACE(head_dim);
    check({33, 6, head_dim, 2 * head_dim});
  }
}

TEST_P(RmsNormTest, InPlace) {
  const NormShape shape{9, 2, 130};
  auto x = random_floats(9 * 260, 23);
  const auto weight = random_floats(130, 24);
  const auto expected = normalize(run, shape, x, weight);
  run.kernels.rms_norm(*run.stream, {.x = x.data(),
                                     .row_count = 9,
                                     .row_stride = 260,
                                     .group_count = 2,
                                     .width = 130,
                                     .weight = weight.data(),
                                     .epsilon = kEpsilon,
                                     .out = x.data(),
                                     .out_stride = 260});
  expect_same_bits(x, expected);
}

TEST_P(RmsNormTest, SmallLargeAndZeroRows) {
  for (const float deviation : {0.0f, 1e-20f, 1e-3f, 1e4f, 1e25f}) {
    SCOPED_TRACE(deviation);
    const NormShape shape{3, 1, 100};
    const auto x = random_floats(300, 25, deviation == 0 ? 1.0f : deviation);
    const auto rows = deviation == 0 ? std::vector<float>(300) : x;
    const auto weight = random_floats(100, 26);
    expect_close(normalize(run, shape, rows, weight), expected_rows(shape, rows, weight), kTolerance, 0);
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
