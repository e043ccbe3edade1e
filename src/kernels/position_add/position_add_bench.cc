// Speed of learned positions, with a float32 table and one in f16 as files have it.
#include "kernels/position_add/position_add.h"

#include <numeric>

#include "kernels/testing/roofline.h"

namespace hearth::kernel_testing {
namespace {

constexpr std::int64_t kPositions = 8192;

void position_add(BenchmarkRunner& run) {
  const std::int64_t width = run.is_gpu() ? 4096 : 1024;
  for (const Format format : {Format::kF32, Format::kF16}) {
    const auto& kernel = run.kernels.position_add[format];
    for (const std::int64_t tokens : run.token_counts()) {
      run.measure("position_add", fmt::format("{} tokens:{}", traits(format).name, tokens), [&] {
        const std::int64_t bytes = tokens * (format_bytes(format, width) + width * 8);
        const int turns = run.turn_count(tokens, bytes);
        const Turns table = weight_turns(run, turns, kernel.packing, format, kPositions, width);
        const Turns x = random_turns(run, turns, Format::kF32, tokens * width);
        std::vector<std::int32_t> positions(static_cast<std::size_t>(tokens));
        std::iota(positions.begin(), positions.end(), 100);
        const std::int32_t* const device_positions = run.in(positions);
        run.time({Traffic::kCopy, bytes}, turns, [&](int turn) {
          kernel.run(*run.stream, {.positions = device_positions,
                                   .token_count = tokens,
                                   .offset = 0,
                                   .table = {table.at(turn), format, run.device.id(), Shape{kPositions, width}},
                                   .round_to_bf16 = run.is_gpu(),
                                   .x = x.at<float>(turn)});
        });
      });
    }
  }
}
HEARTH_BENCHMARK(position_add);

}  // namespace
}  // namespace hearth::kernel_testing
