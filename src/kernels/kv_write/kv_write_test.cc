// Keys and values in the cache are those of the reference to the bit, and nothing else in the cache changes.
#include "kernels/kv_write/kv_write.h"

#include <bit>
#include <limits>

#include "kernels/attention/paged_case.h"
#include "kernels/kv_write/kv_write_reference.h"

namespace hearth::kernel_testing {
namespace {

using KvWriteTest = CpuKernelTest;

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
    for (const std::int64_t block_tokens : {8, 24, 32}) {
      const PagedShape shape{4, 2, 16, format, block_tokens};
      PagedCase actual(shape, {129, 1, 33}), expected(shape, {129, 1, 33});
      for (PagedCase* c : {&actual, &expected}) {
        add_special_values(c->k(0));
        add_special_values(c->v(2));
      }
      const std::vector<StepPart> parts = {{0, 0, 70}, {1, 0, 1}, {2, 5, 33}};
      const PagedStep step = actual.step(parts);
      actual.write(run, step);
      kv_write_reference({step.k.data(), step.v.data(), actual.kv_width(), step.view, expected.cache()});
      expect_same_bits(actual.k_bytes(), expected.k_bytes());
      expect_same_bits(actual.v_bytes(), expected.v_bytes());
    }
  }
}

// The projection's output holds q, k and v of a token in one row.
TEST_P(KvWriteTest, ReadsStridedRows) {
  const PagedShape shape{1, 1, 8, Format::kF32, 8};
  PagedCase actual(shape, {20}), expected(shape, {20});
  const PagedStep step = actual.whole_step();
  expected.write(run, step);
  std::vector<float> rows(20 * 24, -1.0f);
  for (std::size_t t = 0; t < 20; ++t) {
    std::copy_n(step.k.begin() + static_cast<std::ptrdiff_t>(t * 8), 8,
                rows.begin() + static_cast<std::ptrdiff_t>(t * 24 + 8));
    std::copy_n(step.v.begin() + static_cast<std::ptrdiff_t>(t * 8), 8,
                rows.begin() + static_cast<std::ptrdiff_t>(t * 24 + 16));
  }
  run.kernels.kv_write(*run.stream, {rows.data() + 8, rows.data() + 16, 24, step.view, actual.cache()});
  expect_same_bits(actual.k_bytes(), expected.k_bytes());
  expect_same_bits(actual.v_bytes(), expected.v_bytes());
}

TEST_P(KvWriteTest, AnEmptyStepWritesNothing) {
  PagedCase empty({4, 2, 16, Format::kBf16, 16}, {5});
  const std::vector<std::uint8_t> before = empty.k_bytes();
  empty.write(run, empty.step({}));
  expect_same_bits(empty.k_bytes(), before);
}

HEARTH_INSTANTIATE_FOR_CPU(KvWriteTest);

}  // namespace
}  // namespace hearth::kernel_testing
