// hearth_amd_counts: how many instructions AMD's GPUs run for the cases of the operators' benchmarks. There is no AMD
// GPU to measure on; what an inner loop costs beside the bytes that must be read is seen here.
//
//   hearth_amd_counts gfx1100 --filter='q4_k 6144x4096 tokens:1$'
//
// A case takes as long as the emulator takes for it: seconds for a token, minutes and more for thousands.
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <iterator>

#include "amd/amd_driver.h"
#include "device/gpu/gpu_device.h"
#include "kernels/gpu/gpu_table.h"
#include "kernels/testing/roofline.h"

namespace hearth::kernel_testing {
namespace {

class CountingRunner : public BenchmarkRunner {
 public:
  CountingRunner(GpuDevice& gpu, const BenchmarkOptions& options)
      : BenchmarkRunner(nullptr, &gpu, gpu_kernels_bf16(), gpu_kernels_f32(), options, ""),
        wave_size_(gpu.properties().wave_size) {}

  int turn_count(std::int64_t) const override { return 1; }

  void time(const Work& work, int, const std::function<void(int)>& launch) override {
    launch(0);
    stream->synchronize();
    for (const auto& [kernel, counts] : amd::take_counts()) {
      const auto count = [&, &counts = counts](amd::Unit unit) { return counts[static_cast<std::size_t>(unit)]; };
      const double lanes = static_cast<double>(count(amd::Unit::kVector) * wave_size_);
      fmt::print("{:18} {:36} {:26} {:10} {:8.2f} {:10} {:9} {:9} {:9} {:9}\n", name_, shape_, kernel, work.bytes,
                 lanes / static_cast<double>(work.bytes), count(amd::Unit::kVector), count(amd::Unit::kMatrix),
                 count(amd::Unit::kGlobal), count(amd::Unit::kShared), count(amd::Unit::kScalar));
    }
    ++measured_count_;
  }

 protected:
  Timing time_launches(int, const std::function<void(int)>&) override { return {}; }
  Limits limits_for(const Work&) override { return {}; }

 private:
  int wave_size_;
};

int count_all(int argc, char** argv) {
  const auto end = std::end(amd::kTargets);
  const auto target = argc > 1 ? std::find(std::begin(amd::kTargets), end, argv[1]) : end;
  if (target == end) {
    fmt::print(stderr, "usage: hearth_amd_counts TARGET [--filter=REGEX]; targets: {}\n",
               fmt::join(amd::kTargets, " "));
    return 2;
  }
  const std::optional<BenchmarkOptions> options = parse_benchmark_options(argc - 1, argv + 1, false);
  if (!options) return 2;
  GpuDevice gpu(amd::driver(), static_cast<int>(target - std::begin(amd::kTargets)), amd::code());
  CountingRunner run(gpu, *options);
  fmt::print("Instructions of waves of {}, and lanes of vector instructions for each byte that must be moved.\n",
             gpu.properties().wave_size);
  fmt::print("{:18} {:36} {:26} {:>10} {:>8} {:>10} {:>9} {:>9} {:>9} {:>9}\n", "operator", "case", "kernel", "bytes",
             "per byte", "vector", "matrix", "global", "shared", "scalar");
  for (const Benchmark benchmark : benchmarks()) benchmark(run);
  if (run.measured_count() == 0) fmt::print(stderr, "hearth_amd_counts: no such case\n");
  return run.measured_count() == 0 ? 1 : 0;
}

}  // namespace
}  // namespace hearth::kernel_testing

int main(int argc, char** argv) {
  try {
    return hearth::kernel_testing::count_all(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hearth_amd_counts: %s\n", error.what());
    return 1;
  }
}
