// Rows in two parts: every element is copied, and nothing between the rows is touched.
#include "kernels/split_rows/split_rows.h"

#include <cmath>

#include "kernels/testing/kernel_testing.h"

namespace hearth {
namespace {

using namespace kernel_testing;

class SplitRowsTest : public KernelTest {};
HEARTH_INSTANTIATE_FOR_DEVICES(SplitRowsTest);

TEST_P(SplitRowsTest, EveryPartIsWhereItBelongs) {
  struct Case {
    std::int64_t first, second, first_stride, second_stride;
  };
  for (const auto& [first, second, first_stride, second_stride] :
       {Case{16, 8, 16, 40}, {192, 64, 192, 576}, {5, 3, 7, 3}, {1, 300, 2, 301}}) {
    for (const std::int64_t rows : run.token_counts()) {
      const auto x = random_floats(rows * (first + second), 31);
      std::vector<float> one(static_cast<std::size_t>(rows * first_stride), -7),
          other(static_cast<std::size_t>(rows * second_stride), -7);
      std::vector<float> expected_one = one, expected_other = other;
      for (std::int64_t r = 0; r < rows; ++r) {
        const auto row = x.begin() + r * (first + second);
        std::copy_n(row, first, expected_one.begin() + r * first_stride);
        std::copy_n(row + first, second, expected_other.begin() + r * second_stride);
      }
      run.kernels.split_rows(*run.stream, {.x = run.in(x),
                                           .row_count = rows,
                                           .first_width = first,
                                           .second_width = second,
                                           .first = run.out(one),
                                           .first_stride = first_stride,
                                           .second = run.out(other),
                                           .second_stride = second_stride});
      run.finish();
      expect_same_bits(one, expected_one);
      expect_same_bits(other, expected_other);
    }
  }
}

// Rows of the same token grow alike, and those of the first positions not at all.
TEST_P(SplitRowsTest, RowsGrowWithThePosition) {
  const std::vector<std::int32_t> positions = {0, 6, 7, 13, 14, 700, 100000};
  constexpr std::int64_t kRowsOfToken = 3, kFirst = 5, kSecond = 4;
  const std::int64_t rows = std::ssize(positions) * kRowsOfToken;
  const auto x = random_floats(rows * (kFirst + kSecond), 33);
  std::vector<float> one(static_cast<std::size_t>(rows * kFirst)), other(static_cast<std::size_t>(rows * kSecond));
  run.kernels.split_rows(*run.stream, {.x = run.in(x),
                                       .row_count = rows,
                                       .first_width = kFirst,
                                       .second_width = kSecond,
                                       .first = run.out(one),
                                       .first_stride = kFirst,
                                       .second = run.out(other),
                                       .second_stride = kSecond,
                                       .scale = {0.1f, 7},
                                       .positions = run.in(positions),
                                       .rows_per_token = kRowsOfToken});
  run.finish();
  std::vector<double> expected_one, expected_other;
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int32_t position = positions[static_cast<std::size_t>(r / kRowsOfToken)];
    const double scale = 1 + 0.1 * std::log(1 + std::floor(position / 7.0));
    for (std::int64_t i = 0; i < kFirst + kSecond; ++i) {
      const double value = static_cast<double>(x[static_cast<std::size_t>(r * (kFirst + kSecond) + i)]) * scale;
      (i < kFirst ? expected_one : expected_other).push_back(value);
    }
  }
  expect_close(one, expected_one, 1e-6, 0);
  expect_close(other, expected_other, 1e-6, 0);
  EXPECT_EQ(std::vector<float>(one.begin(), one.begin() + kFirst), std::vector<float>(x.begin(), x.begin() + kFirst));
}

TEST_P(SplitRowsTest, NoRowsAreNoWork) {
  run.kernels.split_rows(*run.stream, {.x = nullptr,
                                       .row_count = 0,
                                       .first_width = 4,
                                       .second_width = 4,
                                       .first = nullptr,
                                       .first_stride = 4,
                                       .second = nullptr,
                                       .second_stride = 4});
  run.finish();
}

}  // namespace
}  // namespace hearth
