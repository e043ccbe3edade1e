// What the operators' benchmarks are measured against: a plain copy, or a plain read, of memory in the same process on
// the same threads. An operator that moves its bytes once and computes little should come close to 100 %.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "device/cpu/cpu_device.h"
#include "kernels/cpu/cpu_kernels.h"

namespace hearth::kernel_testing {

enum class Traffic : std::uint8_t { kCopy, kRead };

inline double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Bytes per second when `bytes` are moved again and again (reads and writes both count), the best of many short trials.
// A working set that fits a cache is measured in that cache.
inline double measure_bandwidth(ThreadPool& pool, Traffic traffic, std::int64_t bytes) {
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
        } else {
          std::uint64_t sums[16] = {};
          for (std::int64_t i = begin; i + 16 <= end; i += 16) {
            for (int lane = 0; lane < 16; ++lane) sums[lane] += from[static_cast<std::size_t>(i + lane)];
          }
          benchmark::DoNotOptimize(sums);
        }
        benchmark::ClobberMemory();
      });
    }
    best = std::max(best, static_cast<double>(moved_bytes * pass_count) / seconds_since(start));
  }
  return best;
}

// A device with all cores, and its kernels for the instruction set that the benchmark's first argument numbers.
struct BenchmarkRunner {
  explicit BenchmarkRunner(benchmark::State& state)
      : set(usable_instruction_sets()[static_cast<std::size_t>(state.range(0))]),
        device(0, set),
        stream(device.open_stream()),
        kernels(cpu_kernels(set)) {
    state.SetLabel(std::string(hearth::to_string(set)));
  }

  // Times launch() and reports bytes per second and `roofline_pct`: the bandwidth of the fastest launch as a share of
  // that of a plain copy or read of as many bytes, so that other programs on the machine disturb neither side. `bytes`
  // is what one launch moves at least.
  template <class Launch>
  void time(benchmark::State& state, Traffic traffic, std::int64_t bytes, Launch launch) {
    const double roofline = measure_bandwidth(device.pool(), traffic, bytes);
    launch();
    double fastest_s = std::numeric_limits<double>::infinity();
    for (auto _ : state) {
      const auto start = std::chrono::steady_clock::now();
      launch();
      benchmark::ClobberMemory();
      fastest_s = std::min(fastest_s, seconds_since(start));
    }
    state.counters["roofline_pct"] = 100 * static_cast<double>(bytes) / fastest_s / roofline;
    state.SetBytesProcessed(bytes * state.iterations());
  }

  InstructionSet set;
  CpuDevice device;
  std::unique_ptr<Stream> stream;
  const KernelTable& kernels;
};

// The first argument of every benchmark: an index into usable_instruction_sets().
inline std::vector<std::int64_t> instruction_set_indices() {
  std::vector<std::int64_t> indices;
  for (std::size_t i = 0; i < usable_instruction_sets().size(); ++i) indices.push_back(static_cast<std::int64_t>(i));
  return indices;
}

}  // namespace hearth::kernel_testing
