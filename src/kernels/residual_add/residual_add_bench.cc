// Speed of the residual addition: a decode step's and a prefill's worth of tokens.
#include "kernels/testing/roofline.h"

namespace hearth {
namespace {

using namespace kernel_testing;

constexpr std::int64_t kWidth = 4096;

void residual_add(benchmark::State& state) {
  BenchmarkRunner run(state);
  const std::int64_t element_count = state.range(1) * kWidth;
  std::vector<float> x(static_cast<std::size_t>(element_count), 1.0f), delta(x.size(), 1e-6f);
  run.time(state, Traffic::kCopy, element_count * 12, [&] {
    run.kernels.residual_add(*run.stream, {.x = x.data(), .delta = delta.data(), .element_count = element_count});
  });
}
BENCHMARK(residual_add)->ArgNames({"set", "tokens"})->ArgsProduct({instruction_set_indices(), {1, 512}})->UseRealTime();

}  // namespace
}  // namespace hearth
