// The program of an operator's benchmarks on the CPU, with all cores and every instruction set of the machine:
//
//   rms_norm_bench [--filter=REGEX] [--quick]
//
// The limit is a plain copy, or a plain read, of as many bytes in the same process on the same threads. Arithmetic has
// no limit here: what is bound by it stays below.
#include <chrono>
#include <exception>
#include <memory>

#include "kernels/cpu/cpu_kernels.h"
#include "kernels/testing/roofline.h"

namespace hearth::kernel_testing {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Keeps the compiler from leaving out what nobody looks at.
void use(const void* data) {
  asm volatile("" : : "g"(data) : "memory");
}

// Bytes per second when `bytes` are moved again and again (reads and writes both count), the best of many short trials.
// A working set that fits a cache is measured in that cache.
double measure_bandwidth(ThreadPool& pool, Traffic traffic, std::int64_t bytes) {
  const std::int64_t element_count = std::max<std::int64_t>(bytes / (traffic == Traffic::kCopy ? 16 : 8), 64);
  const std::int64_t moved_bytes = element_count * (traffic == Traffic::kCopy ? 16 : 8);
  const std::int64_t pass_count = std::max<std::int64_t>(1, (std::int64_t{1} << 23) / moved_bytes);
  std::vector<std::uint64_t> from(static_cast<std::size_t>(element_count), 1), to(from);
  double best = 0;
  for (int trial = 0; trial < 40; ++trial) {
    const auto start = std::chrono::steady_clock::now();
    for (std::int64_t pass = 0; pass < pass_count; ++pass) {
      pool.run_ranges(element_count, 8192, [&](std::int64_t begin, std::int64_t end) {
        if (traffic == Traffic::kCopy) {
          // Adding keeps the compiler from calling memcpy, which on some processors is ten times slower for some pairs
          // of addresses than for others.
          const std::uint64_t* source = from.data();
          std::uint64_t* target = to.data();
          for (std::int64_t i = begin; i < end; ++i) target[i] = source[i] + 1;
          use(target);
        } else {
          std::uint64_t sums[16] = {};
          for (std::int64_t i = begin; i + 16 <= end; i += 16) {
            for (int lane = 0; lane < 16; ++lane) sums[lane] += from[static_cast<std::size_t>(i + lane)];
          }
          use(sums);
        }
      });
    }
    best = std::max(best, static_cast<double>(moved_bytes * pass_count) / seconds_since(start));
  }
  return best;
}

class CpuBenchmarkRunner final : public BenchmarkRunner {
 public:
  CpuBenchmarkRunner(InstructionSet set, const BenchmarkOptions& options)
      : BenchmarkRunner(std::make_unique<CpuDevice>(0, set), nullptr, cpu_kernels(set), cpu_kernels(set), options,
                        std::string(to_string(set))) {}

  using BenchmarkRunner::turn_count;
  int turn_count(std::int64_t) const override { return 1; }

 protected:
  Timing time_launches(int, const std::function<void(int)>& launch) override {
    const double least_s = options_.quick ? 0.1 : 0.5;
    launch(0);
    std::vector<double> seconds;
    for (double total_s = 0; total_s < least_s || seconds.size() < 5; total_s += seconds.back()) {
      const auto start = std::chrono::steady_clock::now();
      launch(0);
      seconds.push_back(seconds_since(start));
    }
    return timing_of(std::move(seconds));
  }

  Limits limits_for(const Work& work) override {
    return {measure_bandwidth(static_cast<CpuDevice&>(device).pool(), work.traffic, work.bytes)};
  }
};

int run_all(int argc, char** argv) {
  const std::optional<BenchmarkOptions> options = parse_benchmark_options(argc, argv, false);
  if (!options) return 1;
  print_benchmark_header();
  int measured_count = 0;
  for (const InstructionSet set : usable_instruction_sets()) {
    CpuBenchmarkRunner run(set, *options);
    for (const Benchmark benchmark : benchmarks()) benchmark(run);
    measured_count += run.measured_count();
  }
  if (measured_count == 0) fmt::print(stderr, "{}: no case was measured\n", argv[0]);
  return measured_count == 0 ? 1 : 0;
}

}  // namespace
}  // namespace hearth::kernel_testing

int main(int argc, char** argv) {
  try {
    return hearth::kernel_testing::run_all(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: {}\n", argv[0], error.what());
    return 1;
  }
}
