// Keys and values in the cache are those of the reference to the bit, and nothing else in the cache changes.
#include "kernels/kv_write/kv_write.h"

#include <bit>
#include <limits>

#include "kernels/kv_write/cache_case.h"
#include "kernels/kv_write/kv_write_reference.h"

namespace hearth::kernel_testing {
namespace {

using KvWriteTest = KernelTest;

// Writes rows of k and v, `row_stride` elements apart, into a copy of the case's cache, and expects there what the
// reference writes into the case's own. A device's NaN may be another than the reference's, but it is one.
void check_write(Runner& run, PagedCase& data, const PagedStep& step, const std::vector<float>& rows, std::int64_t k,
                 std::int64_t v, std::int64_t row_stride) {
  std::vector<CacheCopy> copies;
  for (const bool v_by_dimension : value_layouts(run)) copies.emplace_back(data, v_by_dimension);
  kv_write_reference({rows.data() + k, rows.data() + v, row_stride, step.view, data.cache()});
  for (CacheCopy& copy : copies) {
    const float* x = run.in(rows);
    run.kernels.kv_write(*run.stream, {x + k, x + v, row_stride, view_on(run, step), copy.on(run)});
    run.finish();
    expect_same_cache(copy.k_bytes(), data.k_bytes(), data.shape().format, run.is_gpu());
    expect_same_cache(copy.v_bytes(), data.v_bytes(), data.shape().format, run.is_gpu());
  }
}

// The rows of a step's k and v, one after the other.
std::vector<float> rows_of(const PagedStep& step) {
  std::vector<float> rows = step.k;
  rows.insert(rows.end(), step.v.begin(), step.v.end());
  return rows;
}

// Values between bf16 neighbours, ties, and what is not a number.
void add_special_values(std::vector<float>& values) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const float special[] = {0.0f,
                           -0.0f,
                           kInfinity,
                           -kInfinity,
                           std::numeric_limits<float>::quiet_NaN(),
                           std::bit_cast<float>(0x7f800001u),  // a NaN that a plain cut turns into infinity
                           std::bit_cast<float>(0xffffffffu),  // one that a plain rounding turns into zero
                           std::bit_cast<float>(0x3f808000u),  // a tie that goes down
                           std::bit_cast<float>(0x3f818000u),  // a tie that goes up
                           std::bit_cast<float>(0x3f808001u),
                           std::numeric_limits<float>::max(),
                           std::numeric_limits<float>::denorm_min()};
  std::copy(std::begin(special), std::end(special), values.begin() + 3);
}

TEST_P(KvWriteTest, WritesWhatTheReferenceWritesAndNothingElse) {
  for (const Format format : {Format::kF32, Format::kBf16}) {
    for (const std::int64_t head_dim : {8, 16, 80}) {
      for (const std::int64_t block_tokens : {8, 24, 32}) {
        PagedCase data({4, 2, head_dim, format, block_tokens}, {129, 1, 33});
        add_special_values(data.k(0));
        add_special_values(data.v(2));
        const PagedStep step = data.step({{0, 0, 70}, {1, 0, 1}, {2, 5, 33}});
        check_write(run, data, step, rows_of(step), 0, std::ssize(step.k), data.kv_width());
      }
    }
  }
}

// The projection's output holds q, k and v of a token in one row.
TEST_P(KvWriteTest, ReadsStridedRows) {
  PagedCase data({1, 1, 8, Format::kF32, 8}, {20});
  const PagedStep step = data.whole_step();
  std::vector<float> rows(20 * 24, -1.0f);
  for (std::ptrdiff_t t = 0; t < 20; ++t) {
    std::copy_n(step.k.begin() + t * 8, 8, rows.begin() + t * 24 + 8);
    std::copy_n(step.v.begin() + t * 8, 8, rows.begin() + t * 24 + 16);
  }
  check_write(run, data, step, rows, 8, 16, 24);
}

TEST_P(KvWriteTest, AnEmptyStepWritesNothing) {
  PagedCase data({4, 2, 16, Format::kBf16, 16}, {5});
  const std::vector<std::uint8_t> before = data.k_bytes();
  const PagedStep step = data.step({});
  check_write(run, data, step, {}, 0, 0, data.kv_width());
  expect_same_bits(data.k_bytes(), before);
}

TEST_P(KvWriteTest, LatentsHaveNoValues) {
  for (const Format format : {Format::kF32, Format::kBf16}) {
    PagedCase data({4, 1, 40, format, 32, 24}, {70, 3});
    const PagedStep step = data.whole_step();
    check_write(run, data, step, rows_of(step), 0, std::ssize(step.k), data.kv_width());
  }
}

HEARTH_INSTANTIATE_FOR_DEVICES(KvWriteTest);

}  // namespace
}  // namespace hearth::kernel_testing
