// Speed of splitting rows: the heads' queries of a decoding step and of a prompt.
#include "kernels/split_rows/split_rows.h"

#include "kernels/testing/roofline.h"

namespace hearth::kernel_testing {
namespace {

constexpr std::int64_t kHeads = 128, kFirst = 128, kSecond = 64, kSecondStride = 576;

void split_rows(BenchmarkRunner& run) {
  for (const std::int64_t tokens : run.token_counts()) {
    run.measure("split_rows", fmt::format("tokens:{}", tokens), [&] {
      const std::int64_t rows = tokens * kHeads, elements = rows * (kFirst + kSecond);
      const int turns = run.turn_count(tokens, elements * 8);
      const Turns x = random_turns(run, turns, Format::kF32, elements);
      const Turns first = random_turns(run, turns, Format::kF32, rows * kFirst);
      const Turns second = random_turns(run, turns, Format::kF32, rows * kSecondStride);
      run.time({Traffic::kCopy, elements * 8}, turns, [&](int turn) {
        run.kernels.split_rows(*run.stream, {.x = x.at<float>(turn),
                                             .row_count = rows,
                                             .first_width = kFirst,
                                             .second_width = kSecond,
                                             .first = first.at<float>(turn),
                                             .first_stride = kFirst,
                                             .second = second.at<float>(turn),
                                             .second_stride = kSecondStride});
      });
    });
  }
}
HEARTH_BENCHMARK(split_rows);

}  // namespace
}  // namespace hearth::kernel_testing
