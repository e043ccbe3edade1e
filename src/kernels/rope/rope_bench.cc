// Speed of rotary position embedding, both pairings, without and with the cache that it writes to.
#include "kernels/rope/rope.h"

#include "kernels/attention/paged_case.h"
#include "kernels/testing/roofline.h"

namespace hearth {
namespace {

using namespace kernel_testing;

constexpr std::int64_t kHeads = 32, kKvHeads = 8;
constexpr std::int64_t kPairs = 64;
constexpr std::int64_t kRow = (kHeads + 2 * kKvHeads) * kPairs * 2;

void rope(benchmark::State& state) {
  BenchmarkRunner run(state);
  const auto token_count = static_cast<std::int32_t>(state.range(1));
  const bool writes = state.range(3) != 0;
  PagedCase data({kHeads, kKvHeads, 2 * kPairs, Format::kBf16, 32}, {token_count});
  const PagedStep step = data.whole_step();
  const std::vector<float> table(static_cast<std::size_t>(token_count * kPairs * 2), 0.5f);
  std::vector<float> x(static_cast<std::size_t>(token_count * kRow));
  // Rotated in place; and what goes to the cache is written once more, in bf16, with v read for it.
  const std::int64_t rotated = (kHeads + kKvHeads) * kPairs * 2, cached = kKvHeads * kPairs * 2;
  const std::int64_t bytes = token_count * (rotated * 8 + (writes ? cached * (4 + 2 * 2) : 0));
  run.time(state, Traffic::kCopy, bytes, [&] {
    run.kernels.rope(*run.stream, {.table = table.data(),
                                   .positions = step.positions.data(),
                                   .token_count = token_count,
                                   .pair_count = kPairs,
                                   .pairs = static_cast<RopePairs>(state.range(2)),
                                   .head_dim = 2 * kPairs,
                                   .q_head_count = kHeads,
                                   .kv_head_count = kKvHeads,
                                   .x = x.data(),
                                   .row_stride = kRow,
                                   .step = step.view,
                                   .cache = writes ? data.cache() : PagedKv()});
  });
}
BENCHMARK(rope)
    ->ArgNames({"set", "tokens", "half_split", "cache"})
    ->ArgsProduct({instruction_set_indices(), {1, 512}, {0, 1}, {0, 1}})
    ->UseRealTime();

}  // namespace
}  // namespace hearth
