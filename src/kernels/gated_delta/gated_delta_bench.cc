// Speed of the gated delta rule with the heads of Qwen3-Next: decoding steps, whose limit is reading and writing the
// states, and a prompt, which goes token by token.
#include "kernels/testing/roofline.h"

namespace hearth::kernel_testing {
namespace {

constexpr std::int64_t kKeyHeads = 16, kValueHeads = 32, kDim = 128, kRow = (2 * kKeyHeads + kValueHeads) * kDim;
constexpr std::int64_t kState = gated_delta_state_size(kValueHeads, kDim, kDim);

void measure_step(BenchmarkRunner& run, std::int64_t sequences, std::int64_t tokens) {
  run.measure("gated_delta", fmt::format("sequences:{} tokens:{}", sequences, tokens), [&] {
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
    const std::int64_t count = sequences * tokens,
                       bytes = 4 * (2 * sequences * kState + count * (kRow + kValueHeads * kDim));
    const int turns = run.turn_count(bytes);
    const Turns states = random_turns(run, turns, Format::kF32, sequences * kState);
    const Turns rows = random_turns(run, turns, Format::kF32, count * kRow);
    const Turns out(run, turns, 4 * count * kValueHeads * kDim);
    const auto gates = random_floats(count * kValueHeads, 1);
    const std::vector<float> rate(kValueHeads, -0.1f);
    const float *const gate = run.in(gates), *const of_head = run.in(rate);
    run.time({Traffic::kCopy, bytes}, turns, [&](int turn) {
      const float* q = rows.at<float>(turn);
      run.kernels.gated_delta(*run.stream, {.q = q,
                                            .k = q + kKeyHeads * kDim,
                                            .v = q + 2 * kKeyHeads * kDim,
                                            .row_stride = kRow,
                                            .decay = gate,
                                            .decay_stride = kValueHeads,
                                            .beta = gate,
                                            .beta_stride = kValueHeads,
                                            .rate = of_head,
                                            .decay_bias = of_head,
                                            .channel_decay = false,
                                            .k_heads = kKeyHeads,
                                            .v_heads = kValueHeads,
                                            .key_heads = KeyHeadOrder::kGrouped,
                                            .k_dim = kDim,
                                            .v_dim = kDim,
                                            .length_epsilon = 1e-6f,
                                            .scale = 0.088f,
                                            .step = view,
                                            .states = {states.at<float>(turn), kState},
                                            .out = out.at<float>(turn)});
    });
  });
}

void gated_delta(BenchmarkRunner& run) {
  for (const std::int64_t sequences : {1, 32}) measure_step(run, sequences, 1);
  measure_step(run, 1, run.token_counts().back());
}
HEARTH_BENCHMARK(gated_delta);

}  // namespace
}  // namespace hearth::kernel_testing
