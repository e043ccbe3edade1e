// hearth_gpu_bench: every operator's benchmark on a real GPU, in one program that can be carried to a machine that has
// nothing but the driver.
//
//   hearth_gpu_bench [--device=cuda:0|hip:0] [--filter=REGEX] [--quick]
//
// Without --device, the first GPU that either driver opens. Where there is no GPU, and where no case was measured, the
// exit status is 1.
#include <cmath>
#include <cstdio>
#include <exception>
#include <memory>

#include "gpu/open_gpu.h"
#include "kernels/gpu/gpu_table.h"
#include "kernels/probe/gpu_limits.h"
#include "kernels/testing/roofline.h"

namespace hearth::kernel_testing {
namespace {

// More than the caches of the GPUs that there are.
constexpr std::int64_t kTurnBytes = std::int64_t{512} << 20;
constexpr std::int64_t kTurnsMax = 128;
// Launches that are timed as one: their own time is less than that of an event.
constexpr int kLaunchesMin = 20;

class GpuBenchmarkRunner final : public BenchmarkRunner {
 public:
  GpuBenchmarkRunner(GpuDevice& gpu, const BenchmarkOptions& options)
      : BenchmarkRunner(nullptr, &gpu, gpu_kernels_bf16(), gpu_kernels_f32(), options, ""),
        start_(gpu),
        end_(gpu),
        limits_(measure_gpu_limits(gpu, gpu_stream(*stream))) {}

  const GpuLimits& limits() const { return limits_; }

  using BenchmarkRunner::turn_count;
  int turn_count(std::int64_t bytes) const override {
    const std::int64_t most_bytes = std::min(kTurnBytes, device.memory_available_bytes() / 4);
    return static_cast<int>(std::clamp((most_bytes + bytes - 1) / bytes, std::int64_t{1}, kTurnsMax));
  }

 protected:
  // Launches are recorded as a graph, as those of a decode step are, so that the host's part of a launch does not
  // count. Where they are long, fewer of them.
  Timing time_launches(int turn_count, const std::function<void(int)>& launch) override {
    GpuStream& gpu = gpu_stream(*stream);
    launch(0);
    const double once_s = seconds_of([&] { launch(1); });
    const int wanted = (kLaunchesMin + turn_count - 1) / turn_count * turn_count;
    const double repetition_s = options_.quick ? 0.02 : 0.1, budget_s = options_.quick ? 0.1 : 1;
    const int count = static_cast<int>(std::clamp(repetition_s / once_s, 1.0, static_cast<double>(wanted)));
    gpu.begin_capture();
    for (int i = 0; i < count; ++i) launch(i);
    const GpuGraph graph = gpu.end_capture();
    gpu.replay(graph);
    std::vector<double> seconds;
    double total_s = 0;
    const std::size_t repetitions = options_.quick ? 5 : 25;
    while (seconds.size() < 3 || (seconds.size() < repetitions && total_s < budget_s)) {
      const double s = seconds_of([&] { gpu.replay(graph); });
      total_s += s;
      seconds.push_back(s / count);
    }
    return timing_of(std::move(seconds));
  }

  Limits limits_for(const Work&) override { return {limits_.bytes_per_second, limits_.flops_per_second}; }

 private:
  template <class Run>
  double seconds_of(Run run) {
    GpuStream& gpu = gpu_stream(*stream);
    gpu.record(start_);
    run();
    gpu.record(end_);
    end_.wait();
    return static_cast<double>(end_.elapsed_ms(start_)) * 1e-3;
  }

  GpuEvent start_, end_;
  GpuLimits limits_;
};

int run_all(int argc, char** argv) {
  const std::optional<BenchmarkOptions> options = parse_benchmark_options(argc, argv, true);
  if (!options) return 1;
  const std::unique_ptr<GpuDevice> device = open_gpu("hearth_gpu_bench", options->device);
  if (device == nullptr) return 1;
  GpuBenchmarkRunner run(*device, *options);
  fmt::print("{}: {}\nlimits: {:.0f} GB/s read, {:.0f} TFLOP/s of the matrix units in bf16\n\n",
             device->id().to_string(), device->description(), run.limits().bytes_per_second * 1e-9,
             run.limits().flops_per_second * 1e-12);
  print_benchmark_header();
  for (const Benchmark benchmark : benchmarks()) benchmark(run);
  if (run.measured_count() == 0) fmt::print(stderr, "hearth_gpu_bench: no case was measured\n");
  return run.measured_count() == 0 ? 1 : 0;
}

}  // namespace
}  // namespace hearth::kernel_testing

int main(int argc, char** argv) {
  try {
    return hearth::kernel_testing::run_all(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hearth_gpu_bench: %s\n", error.what());
    return 1;
  }
}
