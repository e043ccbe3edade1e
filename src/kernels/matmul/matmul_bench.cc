// Speed of matmul as a share of reading its weights: one token (decode) must be bound by that read; many tokens
// (prefill) report operations per second as well.
#include "kernels/testing/roofline.h"

namespace hearth {
namespace {

using namespace kernel_testing;

void matmul(benchmark::State& state, Compute compute, Format format) {
  BenchmarkRunner run(state);
  const std::int64_t tokens = state.range(1), n = state.range(2), k = state.range(3);
  const MatmulKernel& kernel = matmuls(run.kernels, compute)[format];
  const std::int64_t bytes = n * format_bytes(format, k);
  // All bytes the same: a small, ordinary number in every format; speed does not depend on the values.
  const std::vector<std::byte> weights(static_cast<std::size_t>(bytes), std::byte{0x11});
  Buffer packed;
  if (const WeightPacking* packing = kernel.packing) {
    packed = run.device.allocate(packing->bytes(n, k), "packed weights");
    packing->pack(weights.data(), n, k, 0, (n + packing->tile_rows - 1) / packing->tile_rows, packed.data());
  }
  const auto count = static_cast<std::size_t>(tokens * k);
  const std::vector<float> x(count, 0.5f);
  std::vector<std::int8_t> q(count, 3);
  std::vector<float> scale(count / 32, 0.1f), group_sum(count / 16, 1.0f), y(static_cast<std::size_t>(tokens * n));
  std::vector<std::int32_t> sum(count / 32, 96);
  const MatmulArgs args{.x = x.data(),
                        .quantized = {q.data(), scale.data(), sum.data(), group_sum.data()},
                        .token_count = tokens,
                        .k = k,
                        .n = n,
                        .weights = kernel.packing != nullptr ? packed.data() : weights.data(),
                        .format = format,
                        .bias = nullptr,
                        .scale = 1,
                        .y = y.data(),
                        .y_stride = n};
  run.time(state, Traffic::kRead, bytes, [&] { kernel.run(*run.stream, args); });
  state.counters["GFLOP/s"] =
      benchmark::Counter(static_cast<double>(2 * tokens * n * k) * static_cast<double>(state.iterations()) * 1e-9,
                         benchmark::Counter::kIsRate);
}

void shapes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"set", "tokens", "n", "k"})
      ->ArgsProduct({instruction_set_indices(), {1, 64}, {8192}, {2048}})
      ->UseRealTime();
}
BENCHMARK_CAPTURE(matmul, f32_f32, Compute::kF32, Format::kF32)->Apply(shapes);
BENCHMARK_CAPTURE(matmul, bf16_bf16, Compute::kBf16, Format::kBf16)->Apply(shapes);
BENCHMARK_CAPTURE(matmul, bf16_f16, Compute::kBf16, Format::kF16)->Apply(shapes);
BENCHMARK_CAPTURE(matmul, int8_q8_0, Compute::kInt8, Format::kQ8_0)->Apply(shapes);
BENCHMARK_CAPTURE(matmul, int8_q4_0, Compute::kInt8, Format::kQ4_0)->Apply(shapes);
BENCHMARK_CAPTURE(matmul, int8_q4_k, Compute::kInt8, Format::kQ4K)->Apply(shapes);
BENCHMARK_CAPTURE(matmul, int8_q6_k, Compute::kInt8, Format::kQ6K)->Apply(shapes);

}  // namespace
}  // namespace hearth
