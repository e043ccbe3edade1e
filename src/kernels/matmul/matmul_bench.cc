// Speed of matmul. One token (decode) must be bound by reading the weights, whose bytes in the file's format are what
// counts; many tokens (prefill) by the matrix units.
#include <algorithm>
#include <array>

#include "kernels/testing/roofline.h"

namespace hearth::kernel_testing {
namespace {

// What a matmul of `tokens` reads besides the weights, and where it writes.
struct Activations {
  Activations(BenchmarkRunner& run, Compute compute, std::int64_t tokens, std::int64_t n, std::int64_t k)
      : x(random_turns(run, 1, compute == Compute::kBf16 ? run.kernels.activation_format : Format::kF32, tokens * k)),
        y(run, 1, tokens * n * 4) {
    if (compute != Compute::kInt8) return;
    const auto count = static_cast<std::size_t>(tokens * k);
    q.assign(count, 3);
    scale.assign(count / kActivationBlock, 0.1f);
    sum.assign(scale.size(), 96);
    group_sum.assign(count / kActivationGroup, 1.0f);
    quantized = {run.out(q), run.out(scale), run.out(sum), run.out(group_sum)};
  }

  Turns x, y;
  std::vector<std::int8_t> q;
  std::vector<float> scale, group_sum;
  std::vector<std::int32_t> sum;
  QuantizedActivations quantized;
};

// One matrix with all its numbers of tokens.
void measure_matrix(BenchmarkRunner& run, Compute compute, Format format, std::int64_t n, std::int64_t k,
                    const std::vector<std::int64_t>& token_counts) {
  const KernelTable& table = compute == Compute::kF32 ? run.kernels_f32 : run.kernels;
  const MatmulKernel& kernel = matmuls(table, compute)[format];
  const std::int64_t bytes = n * format_bytes(format, k);
  const int turns = run.turn_count(bytes);
  std::optional<Turns> weights;  // packing and uploading take longer than the measurements
  for (const std::int64_t tokens : token_counts) {
    const std::string shape =
        fmt::format("{} {} {}x{} tokens:{}", to_string(compute), traits(format).name, n, k, tokens);
    run.measure("matmul", shape, [&] {
      if (!weights) weights.emplace(weight_turns(run, turns, kernel.packing, format, n, k));
      const Activations a(run, compute, tokens, n, k);
      const std::int64_t workspace_bytes = run.is_gpu() ? matmul_workspace_reserve(tokens, n, k) : 0;
      const Turns workspace(run, 1, workspace_bytes);
      MatmulArgs args{.x = a.x.at(0),
                      .quantized = a.quantized,
                      .token_count = tokens,
                      .k = k,
                      .n = n,
                      .weights = nullptr,
                      .format = format,
                      .bias = nullptr,
                      .scale = 1,
                      .y = a.y.at<float>(0),
                      .y_stride = n,
                      .workspace = workspace.at(0),
                      .workspace_bytes = workspace_bytes};
      const double flops = 2.0 * static_cast<double>(tokens) * static_cast<double>(n * k);
      run.time({Traffic::kRead, bytes, flops}, turns, [&](int turn) {
        args.weights = weights->at(turn);
        kernel.run(*run.stream, args);
      });
    });
  }
}

void matmul_on_gpu(BenchmarkRunner& run) {
  struct Matrix {
    std::int64_t n, k;
  };
  constexpr std::array kEveryday = {Format::kBf16, Format::kQ8_0, Format::kQ4K, Format::kQ6K,
                                    Format::kQ4_0, Format::kQ2K,  Format::kQ3K, Format::kIq2Xxs};
  // Of an 8B model: query, key and value; output; gate and up; down; logits.
  for (const Matrix m : {Matrix{6144, 4096}, {4096, 4096}, {28672, 4096}, {4096, 14336}, {128256, 4096}}) {
    for (const FormatTraits& t : all_formats()) {
      const bool is_everyday = std::ranges::find(kEveryday, t.format) != kEveryday.end();
      const auto token_counts =
          is_everyday ? std::vector<std::int64_t>{1, 8, 16, 32, 64, 128, 512, 4096} : std::vector<std::int64_t>{1};
      measure_matrix(run, Compute::kBf16, t.format, m.n, m.k, token_counts);
    }
  }
  measure_matrix(run, Compute::kF32, Format::kF32, 4096, 4096, {1, 64, 512});
}

void matmul_on_cpu(BenchmarkRunner& run) {
  const auto measure = [&](Compute compute, Format format) {
    measure_matrix(run, compute, format, 8192, 2048, {1, 64});
  };
  measure(Compute::kF32, Format::kF32);
  measure(Compute::kBf16, Format::kBf16);
  measure(Compute::kBf16, Format::kF16);
  for (const Format format : {Format::kQ8_0, Format::kQ4_0, Format::kQ4K, Format::kQ6K}) {
    measure(Compute::kInt8, format);
  }
  // Decode of every format with integers: matrices that no cache holds.
  for (const FormatTraits& format : all_formats()) {
    if (matmuls(run.kernels, Compute::kInt8)[format.format]) {
      measure_matrix(run, Compute::kInt8, format.format, 32768, 4096, {1});
    }
  }
}

void matmul(BenchmarkRunner& run) {
  run.is_gpu() ? matmul_on_gpu(run) : matmul_on_cpu(run);
}
HEARTH_BENCHMARK(matmul);

}  // namespace
}  // namespace hearth::kernel_testing
