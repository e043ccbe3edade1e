// Speed of what every matrix product's input goes through: rounding to bf16, and int8 blocks.
#include "kernels/quantize/quantize.h"

#include "kernels/testing/roofline.h"

namespace hearth::kernel_testing {
namespace {

constexpr std::int64_t kWidth = 4096;

void round_bf16(BenchmarkRunner& run) {
  for (const std::int64_t tokens : run.token_counts()) {
    run.measure("round_bf16", fmt::format("tokens:{}", tokens), [&] {
      const std::int64_t count = tokens * kWidth;
      const std::int64_t out_bytes = format_bytes(run.kernels.activation_format, count);
      const int turns = run.turn_count(tokens, count * 4 + out_bytes);
      const Turns x = random_turns(run, turns, Format::kF32, count);
      const Turns out(run, turns, out_bytes);
      run.time({Traffic::kCopy, count * 4 + out_bytes}, turns, [&](int turn) {
        run.kernels.round_bf16(*run.stream, {.x = x.at<float>(turn), .element_count = count, .out = out.at(turn)});
      });
    });
  }
}
HEARTH_BENCHMARK(round_bf16);

void quantize_int8(BenchmarkRunner& run) {
  if (!run.kernels.quantize_int8) return;
  for (const std::int64_t tokens : run.token_counts()) {
    run.measure("quantize_int8", fmt::format("tokens:{}", tokens), [&] {
      const std::int64_t count = tokens * kWidth, blocks = count / kActivationBlock;
      constexpr std::int64_t kBlockBytes = kActivationBlock * 5 + 4 + 4 + 8;
      const int turns = run.turn_count(tokens, blocks * kBlockBytes);
      const Turns x = random_turns(run, turns, Format::kF32, count);
      const Turns q(run, turns, count), scale(run, turns, blocks * 4), sum(run, turns, blocks * 4);
      const Turns group_sum(run, turns, count / kActivationGroup * 4);
      run.time({Traffic::kRead, blocks * kBlockBytes}, turns, [&](int turn) {
        run.kernels.quantize_int8(*run.stream, {.x = x.at<float>(turn),
                                                .token_count = tokens,
                                                .k = kWidth,
                                                .out = {q.at<std::int8_t>(turn), scale.at<float>(turn),
                                                        sum.at<std::int32_t>(turn), group_sum.at<float>(turn)}});
      });
    });
  }
}
HEARTH_BENCHMARK(quantize_int8);

}  // namespace
}  // namespace hearth::kernel_testing
