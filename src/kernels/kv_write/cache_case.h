// Steps and caches of PagedCase on any device: what the tests of the operators that read or write the paged cache pass
// to kernels. The PagedCase itself stays on the host, for the references.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "kernels/attention/paged_case.h"

namespace hearth::kernel_testing {

// The step's view with its arrays where the device reads them.
inline StepView view_on(Runner& run, const PagedStep& step) {
  StepView view = step.view;
  view.positions = run.in(step.positions);
  view.sequences = run.in(step.sequences);
  view.key_counts = run.in(step.key_counts);
  view.prefix_lengths = run.in(step.prefix_lengths);
  view.block_tables = run.in(step.block_tables);
  view.key_count_max = 0;
  for (const std::int32_t count : step.key_counts) {
    view.key_count_max = std::max<std::int64_t>(view.key_count_max, count);
  }
  return view;
}

// How the device may lay out values.
inline std::vector<bool> value_layouts(const Runner& run) {
  if (run.is_gpu()) return {false, true};
  return {false};
}

// A case's cache as it is now, with the values in one of the two layouts.
class CacheCopy {
 public:
  CacheCopy(PagedCase& data, bool v_by_dimension) : cache_(data.cache()), k_(data.k_bytes()), v_(data.v_bytes()) {
    cache_.v_by_dimension = v_by_dimension && cache_.latent_dim == 0;
    if (cache_.v_by_dimension) v_ = transposed(v_, cache_.block_tokens, cache_.head_dim);
  }

  // Written back when the run is finished.
  PagedKv on(Runner& run) {
    PagedKv cache = cache_;
    cache.k = reinterpret_cast<std::byte*>(run.out(k_));
    if (cache.latent_dim == 0) cache.v = reinterpret_cast<std::byte*>(run.out(v_));
    return cache;
  }

  const std::vector<std::uint8_t>& k_bytes() const { return k_; }
  // As rows, whatever the layout.
  std::vector<std::uint8_t> v_bytes() const {
    return cache_.v_by_dimension ? transposed(v_, cache_.head_dim, cache_.block_tokens) : v_;
  }

 private:
  // Every head of every block from [rows, columns] to [columns, rows].
  std::vector<std::uint8_t> transposed(const std::vector<std::uint8_t>& from, std::int64_t rows,
                                       std::int64_t columns) const {
    const std::int64_t size = format_bytes(cache_.format, 1);
    std::vector<std::uint8_t> to(from.size());
    for (std::int64_t head = 0; head < std::ssize(from) / (rows * columns * size); ++head) {
      for (std::int64_t r = 0; r < rows; ++r) {
        for (std::int64_t c = 0; c < columns; ++c) {
          std::memcpy(to.data() + ((head * columns + c) * rows + r) * size,
                      from.data() + ((head * rows + r) * columns + c) * size, static_cast<std::size_t>(size));
        }
      }
    }
    return to;
  }

  PagedKv cache_;
  std::vector<std::uint8_t> k_, v_;
};

// The bytes of two caches: the same bits, but that a NaN may be any NaN where `any_nan`.
inline void expect_same_cache(const std::vector<std::uint8_t>& actual, const std::vector<std::uint8_t>& expected,
                              Format format, bool any_nan) {
  ASSERT_EQ(actual.size(), expected.size());
  const auto size = static_cast<std::size_t>(format_bytes(format, 1));
  const auto value = [&](const std::vector<std::uint8_t>& bytes, std::size_t at) {
    std::uint32_t bits = 0;
    // The upper half of a float32, or all of it.
    std::memcpy(reinterpret_cast<char*>(&bits) + (4 - size), bytes.data() + at, size);
    return std::bit_cast<float>(bits);
  };
  for (std::size_t at = 0; at < actual.size(); at += size) {
    if (std::memcmp(actual.data() + at, expected.data() + at, size) == 0) continue;
    const float a = value(actual, at), e = value(expected, at);
    if (any_nan && std::isnan(a) && std::isnan(e)) continue;
    FAIL() << "element " << at / size << ": " << a << ", expected " << e;
  }
}

}  // namespace hearth::kernel_testing
