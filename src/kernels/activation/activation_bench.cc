// Speed of the nonlinearities: all kinds plain, and gated as feed-forward blocks use them.
#include "kernels/activation/activation.h"

#include "kernels/testing/roofline.h"

namespace hearth::kernel_testing {
namespace {

constexpr std::string_view kNames[] = {"silu", "gelu", "gelu_tanh", "gelu_quick", "relu", "relu_squared", "xielu"};

std::int64_t width_of(const BenchmarkRunner& run) {
  return run.is_gpu() ? 14336 : 8192;
}

std::string shape_of(std::int64_t tokens, Activation kind) {
  return fmt::format("tokens:{} {}", tokens, kNames[static_cast<std::size_t>(kind)]);
}

void measure_plain(BenchmarkRunner& run, std::int64_t tokens, Activation kind) {
  run.measure("activation", shape_of(tokens, kind), [&] {
    const std::int64_t count = tokens * width_of(run);
    const Format out_format = run.kernels.activation_format;
    const std::int64_t bytes = count * 4 + format_bytes(out_format, count);
    const int turns = run.turn_count(tokens, bytes);
    const Turns x = random_turns(run, turns, Format::kF32, count);
    const Turns out(run, turns, format_bytes(out_format, count));
    run.time({Traffic::kCopy, bytes}, turns, [&](int turn) {
      run.kernels.activation(*run.stream, {.activation = kind,
                                           .x = x.at<float>(turn),
                                           .element_count = count,
                                           .out = out.at(turn),
                                           .out_format = out_format});
    });
  });
}

void measure_gated(BenchmarkRunner& run, std::int64_t tokens, Activation kind) {
  run.measure("gated_activation", shape_of(tokens, kind), [&] {
    const std::int64_t width = width_of(run), count = tokens * width;
    const Format out_format = run.kernels.activation_format;
    const std::int64_t bytes = count * 8 + format_bytes(out_format, count);
    const int turns = run.turn_count(tokens, bytes);
    const Turns gate = random_turns(run, turns, Format::kF32, count);
    const Turns up = random_turns(run, turns, Format::kF32, count);
    const Turns out(run, turns, format_bytes(out_format, count));
    run.time({Traffic::kCopy, bytes}, turns, [&](int turn) {
      run.kernels.gated_activation(*run.stream, {.activation = kind,
                                                 .gate = gate.at<float>(turn),
                                                 .up = up.at<float>(turn),
                                                 .row_count = tokens,
                                                 .width = width,
                                                 .row_stride = width,
                                                 .out = out.at(turn),
                                                 .out_format = out_format});
    });
  });
}

void activation(BenchmarkRunner& run) {
  const std::int64_t many = run.token_counts().back();
  for (std::size_t kind = 0; kind < std::size(kNames); ++kind) measure_plain(run, many, static_cast<Activation>(kind));
  for (const std::int64_t tokens : run.token_counts()) {
    for (const Activation kind : {Activation::kSilu, Activation::kGeluTanh}) measure_gated(run, tokens, kind);
  }
}
HEARTH_BENCHMARK(activation);

}  // namespace
}  // namespace hearth::kernel_testing
