// Speed of rotary position embedding, both pairings, and of its table.
#include "kernels/rope/rope.h"

#include <numeric>

#include "kernels/testing/roofline.h"

namespace hearth {
namespace {

using namespace kernel_testing;

constexpr std::int64_t kHeads = 40;  // 32 of the queries, 8 of the keys
constexpr std::int64_t kPairs = 64;

void rope(benchmark::State& state) {
  BenchmarkRunner run(state);
  const std::int64_t token_count = state.range(1);
  const std::int64_t element_count = token_count * kHeads * kPairs * 2;
  const std::vector<float> table(static_cast<std::size_t>(token_count * kPairs * 2), 0.5f);
  std::vector<float> x(static_cast<std::size_t>(element_count));
  run.time(state, Traffic::kCopy, element_count * 8, [&] {
    run.kernels.rope(*run.stream, {.table = table.data(),
                                   .token_count = token_count,
                                   .pair_count = kPairs,
                                   .pairs = static_cast<RopePairs>(state.range(2)),
                                   .head_dim = 2 * kPairs,
                                   .head_count = kHeads,
                                   .x = x.data(),
                                   .row_stride = kHeads * kPairs * 2});
  });
}
BENCHMARK(rope)
    ->ArgNames({"set", "tokens", "half_split"})
    ->ArgsProduct({instruction_set_indices(), {1, 512}, {0, 1}})
    ->UseRealTime();

// Bound by sines and cosines, not by memory: the percentage is small, and the work is done once a step.
void rope_table(benchmark::State& state) {
  BenchmarkRunner run(state);
  const std::int64_t token_count = state.range(1);
  std::vector<std::int32_t> positions(static_cast<std::size_t>(token_count));
  std::iota(positions.begin(), positions.end(), 1000);
  const std::vector<double> inverse_frequencies(kPairs, 0.01);
  std::vector<float> table(static_cast<std::size_t>(token_count * kPairs * 2));
  run.time(state, Traffic::kCopy, std::ssize(table) * 4, [&] {
    run.kernels.rope_table(*run.stream, {.positions = positions.data(),
                                         .token_count = token_count,
                                         .inverse_frequencies = inverse_frequencies.data(),
                                         .pair_count = kPairs,
                                         .scale = 1,
                                         .table = table.data()});
  });
}
BENCHMARK(rope_table)->ArgNames({"set", "tokens"})->ArgsProduct({instruction_set_indices(), {1, 512}})->UseRealTime();

}  // namespace
}  // namespace hearth
