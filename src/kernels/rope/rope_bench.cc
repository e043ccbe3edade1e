// Speed of rotary position embedding, both pairings, without and with the cache that it writes to.
#include "kernels/rope/rope.h"

#include <cstring>

#include "kernels/attention/paged_bench.h"

namespace hearth::kernel_testing {
namespace {

constexpr std::int64_t kHeads = 32, kKvHeads = 8, kHeadDim = 128;
constexpr std::int64_t kRow = (kHeads + 2 * kKvHeads) * kHeadDim;

// Cosines and sines of one angle: what is rotated in place again and again keeps its size.
std::vector<std::byte> table_piece() {
  const float pair[] = {0.6f, 0.8f};
  std::vector<std::byte> piece(1 << 16);
  for (std::size_t at = 0; at < piece.size(); at += sizeof pair) std::memcpy(piece.data() + at, pair, sizeof pair);
  return piece;
}

void measure_shape(BenchmarkRunner& run, std::int64_t tokens, RopePairs pairs, bool writes) {
  const std::string shape = fmt::format("tokens:{} {}{}", tokens, pairs == RopePairs::kAdjacent ? "adjacent" : "halves",
                                        writes ? " +cache" : "");
  run.measure("rope", shape, [&] {
    // Rotated in place; and what goes to the cache is written once more, in bf16, with v read for it.
    const std::int64_t rotated = (kHeads + kKvHeads) * kHeadDim, cached = kKvHeads * kHeadDim;
    const std::int64_t bytes = tokens * (rotated * 8 + (writes ? cached * (4 + 2 * 2) : 0));
    const int turns = run.turn_count(tokens, bytes);
    const PagedBench data(run, {kHeads, kKvHeads, kHeadDim, Format::kBf16, 1, tokens, tokens}, turns);
    const Turns table(run, 1, tokens * kHeadDim * 4, table_piece());
    const Turns x = random_turns(run, turns, Format::kF32, tokens * kRow);
    run.time({Traffic::kCopy, bytes}, turns, [&](int turn) {
      run.kernels.rope(*run.stream, {.table = table.at<float>(0),
                                     .positions = data.view.positions,
                                     .token_count = tokens,
                                     .pair_count = kHeadDim / 2,
                                     .pairs = pairs,
                                     .head_dim = kHeadDim,
                                     .q_head_count = kHeads,
                                     .kv_head_count = kKvHeads,
                                     .x = x.at<float>(turn),
                                     .row_stride = kRow,
                                     .step = data.view,
                                     .cache = writes ? data.cache(turn) : PagedKv()});
    });
  });
}

void rope(BenchmarkRunner& run) {
  for (const std::int64_t tokens : run.token_counts()) {
    for (const RopePairs pairs : {RopePairs::kAdjacent, RopePairs::kHalfSplit}) {
      for (const bool writes : {false, true}) measure_shape(run, tokens, pairs, writes);
    }
  }
}
HEARTH_BENCHMARK(rope);

}  // namespace
}  // namespace hearth::kernel_testing
