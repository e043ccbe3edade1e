// Speed of what every matrix product's input goes through: rounding to bf16, and int8 blocks.
#include "kernels/quantize/quantize.h"

#include "kernels/testing/roofline.h"

namespace hearth {
namespace {

using namespace kernel_testing;

constexpr std::int64_t kWidth = 4096;

void round_bf16(benchmark::State& state) {
  BenchmarkRunner run(state);
  const std::int64_t element_count = state.range(1) * kWidth;
  const std::vector<float> x(static_cast<std::size_t>(element_count), 1.2345f);
  std::vector<float> out(x.size());
  run.time(state, Traffic::kCopy, element_count * 8, [&] {
    run.kernels.round_bf16(*run.stream, {.x = x.data(), .element_count = element_count, .out = out.data()});
  });
}
BENCHMARK(round_bf16)->ArgNames({"set", "tokens"})->ArgsProduct({instruction_set_indices(), {1, 512}})->UseRealTime();

void quantize_int8(benchmark::State& state) {
  BenchmarkRunner run(state);
  const std::int64_t element_count = state.range(1) * kWidth;
  const std::vector<float> x(static_cast<std::size_t>(element_count), 1.2345f);
  std::vector<std::int8_t> q(x.size());
  std::vector<float> scale(x.size() / kActivationBlock), group_sum(x.size() / kActivationGroup);
  std::vector<std::int32_t> sum(x.size() / kActivationBlock);
  const std::int64_t block_bytes = kActivationBlock * 5 + 4 + 4 + 8;
  run.time(state, Traffic::kRead, element_count / kActivationBlock * block_bytes, [&] {
    run.kernels.quantize_int8(*run.stream, {.x = x.data(),
                                            .token_count = state.range(1),
                                            .k = kWidth,
                                            .out = {q.data(), scale.data(), sum.data(), group_sum.data()}});
  });
}
BENCHMARK(quantize_int8)
    ->ArgNames({"set", "tokens"})
    ->ArgsProduct({instruction_set_indices(), {1, 512}})
    ->UseRealTime();

}  // namespace
}  // namespace hearth
