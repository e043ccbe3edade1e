// Speed of learned positions, with a float32 table and one in f16 as files have it.
#include "kernels/position_add/position_add.h"

#include <numeric>

#include "kernels/testing/roofline.h"

namespace hearth {
namespace {

using namespace kernel_testing;

constexpr std::int64_t kPositions = 2048;
constexpr std::int64_t kWidth = 1024;

void position_add(benchmark::State& state) {
  BenchmarkRunner run(state);
  const auto format = static_cast<Format>(state.range(2));
  const std::int64_t token_count = state.range(1), row_bytes = format_bytes(format, kWidth);
  const std::vector<std::byte> table(static_cast<std::size_t>(kPositions * row_bytes));
  std::vector<std::int32_t> positions(static_cast<std::size_t>(token_count));
  std::iota(positions.begin(), positions.end(), 100);
  std::vector<float> x(static_cast<std::size_t>(token_count * kWidth));
  run.time(state, Traffic::kCopy, token_count * (row_bytes + kWidth * 8), [&] {
    run.kernels.position_add[format].run(*run.stream,
                                         {.positions = positions.data(),
                                          .token_count = token_count,
                                          .offset = 0,
                                          .table = {table.data(), format, run.device.id(), Shape{kPositions, kWidth}},
                                          .round_to_bf16 = false,
                                          .x = x.data()});
  });
}
BENCHMARK(position_add)
    ->ArgNames({"set", "tokens", "format"})
    ->ArgsProduct({instruction_set_indices(),
                   {1, 512},
                   {static_cast<std::int64_t>(Format::kF32), static_cast<std::int64_t>(Format::kF16)}})
    ->UseRealTime();

}  // namespace
}  // namespace hearth
