// Speed of a selective state space with the heads of Granite 4: decoding steps, whose limit is reading and writing the
// states, and a prompt, which goes token by token.
#include "kernels/testing/roofline.h"

namespace hearth::kernel_testing {
namespace {

constexpr std::int64_t kHeads = 128, kHeadDim = 64, kStateSize = 128, kInner = kHeads * kHeadDim;
constexpr std::int64_t kRow = kInner + 2 * kStateSize, kState = kInner * kStateSize;

void measure_step(BenchmarkRunner& run, std::int64_t sequences, std::int64_t tokens) {
  run.measure("selective_scan", fmt::format("sequences:{} tokens:{}", sequences, tokens), [&] {
    std::vector<std::int32_t> positions, starts, slots;
    for (std::int32_t s = 0; s < sequences; ++s) {
      starts.push_back(static_cast<std::int32_t>(positions.size()));
      slots.push_back(s);
      for (std::int32_t t = 1; t <= tokens; ++t) positions.push_back(t);
    }
    starts.push_back(static_cast<std::int32_t>(positions.size()));
    StepView view;
    view.token_count = std::ssize(positions);
    view.sequence_count = sequences;
    view.positions = run.in(positions);
    view.token_starts = run.in(starts);
    view.state_slots = run.in(slots);
    const std::int64_t count = sequences * tokens, bytes = 4 * (2 * sequences * kState + count * (kRow + kInner));
    const int turns = run.turn_count(bytes);
    const Turns states = random_turns(run, turns, Format::kF32, sequences * kState);
    const Turns rows = random_turns(run, turns, Format::kF32, count * kRow);
    const Turns out(run, turns, 4 * count * kInner);
    const auto steps = random_floats(count * kHeads, 1);
    const std::vector<float> a(kHeads, -0.1f);
    const float *const dt = run.in(steps), *const of_head = run.in(a);
    run.time({Traffic::kCopy, bytes}, turns, [&](int turn) {
      const float* x = rows.at<float>(turn);
      run.kernels.selective_scan(*run.stream, {.x = x,
                                               .x_stride = kRow,
                                               .b = x + kInner,
                                               .c = x + kInner + kStateSize,
                                               .bc_stride = kRow,
                                               .dt = dt,
                                               .dt_stride = kHeads,
                                               .dt_bias = of_head,
                                               .a = of_head,
                                               .a_of_states = false,
                                               .d = of_head,
                                               .delta_min = 0.0f,
                                               .delta_max = 100.0f,
                                               .heads = kHeads,
                                               .head_dim = kHeadDim,
                                               .groups = 1,
                                               .state_size = kStateSize,
                                               .step = view,
                                               .states = {states.at<float>(turn), kState},
                                               .out = out.at<float>(turn),
                                               .out_stride = kInner});
    });
  });
}

void selective_scan(BenchmarkRunner& run) {
  for (const std::int64_t sequences : {1, 32}) measure_step(run, sequences, 1);
  measure_step(run, 1, run.token_counts().back());
}
HEARTH_BENCHMARK(selective_scan);

}  // namespace
}  // namespace hearth::kernel_testing
