// What the operators' benchmarks are written with: one source, *_bench.cc, for the CPU (cpu_bench_main.cc, a program
// for each operator) and for GPUs (hearth_gpu_bench, in tests/gpu). A benchmark is a function that goes through its
// cases; residual_add_bench.cc is the shortest example. Each case is one line of a table: the time of a launch, the
// rates of what it must move and multiply at least, and the share of the roofline: of the time that the device's
// limits, measured in the same run, would allow.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "kernels/testing/device_run.h"
#include "kernels/testing/random_data.h"

namespace hearth::kernel_testing {

// Which limit of the CPU's memory a case is compared with. A GPU has one for both, a read.
enum class Traffic : std::uint8_t { kCopy, kRead };

// What one launch does at least.
struct Work {
  Traffic traffic = Traffic::kCopy;
  std::int64_t bytes = 0;  // of memory, read and written; of weights as files have them
  double flops = 0;        // of matrix products: a multiplication and an addition are two
};

struct Timing {
  double median_s;
  double fastest_s;
};

struct Limits {
  double bytes_per_second;
  double flops_per_second = 0;  // 0: not measured
};

struct BenchmarkOptions {
  std::optional<std::regex> filter;  // of "name shape"
  std::string device;                // as --device has it; empty: the first
  bool quick = false;                // fewer repetitions
};

// A device with its kernels, which times cases and prints their lines.
class BenchmarkRunner : public DeviceRun {
 public:
  // `kernels` is the table of everyday use, and `kernels_f32` the one that rounds nothing: on the CPU the same.
  BenchmarkRunner(std::unique_ptr<CpuDevice> own, Device* other, const KernelTable& table, const KernelTable& table_f32,
                  const BenchmarkOptions& options, std::string label)
      : DeviceRun(std::move(own), other, table), kernels_f32(table_f32), options_(options), label_(std::move(label)) {}
  virtual ~BenchmarkRunner() = default;

  // A step's numbers of tokens: decoding and prefill.
  std::vector<std::int64_t> token_counts() const {
    return is_gpu() ? std::vector<std::int64_t>{1, 4096} : std::vector<std::int64_t>{1, 512};
  }

  // How many copies of a launch's `bytes` the launches should take in turns, so that they come from memory and not
  // from a cache. One on the CPU, where the limit is measured with as many bytes, in whatever cache they fit.
  virtual int turn_count(std::int64_t bytes) const = 0;
  // The same for activations, which are in a cache when there is one token: that is as it should be.
  int turn_count(std::int64_t token_count, std::int64_t bytes) const {
    return token_count == 1 ? 1 : turn_count(bytes);
  }

  // A case: `body` prepares what it needs, calls time(), and what it made is gone when it returns. Nothing happens
  // where the filter leaves the case out, and a line says so where it does not fit in memory.
  template <class Body>
  void measure(std::string_view name, const std::string& shape, Body body) {
    name_ = name;
    shape_ = shape + (shape.empty() || label_.empty() ? "" : " ") + label_;
    if (options_.filter && !std::regex_search(name_ + " " + shape_, *options_.filter)) return;
    try {
      body();
    } catch (const OutOfMemory& error) {
      fmt::print("{:24} {:44} left out: {}\n", name_, shape_, error.what());
    }
    free_copies();
    std::fflush(stdout);
  }

  // Times launch(turn), for turns that count up from 0 and begin again at `turn_count`, and prints the case's line.
  virtual void time(const Work& work, int turn_count, const std::function<void(int turn)>& launch) {
    const Timing timing = time_launches(turn_count, launch);
    const Limits limits = limits_for(work);
    const double bytes = static_cast<double>(work.bytes), s = timing.fastest_s;
    const double compute_s = limits.flops_per_second > 0 ? work.flops / limits.flops_per_second : 0;
    const double least_s = std::max(bytes / limits.bytes_per_second, compute_s);
    fmt::print("{:24} {:44} {:10.2f} {:10.2f} {:9.1f} {:>9} {:9.1f}\n", name_, shape_, timing.median_s * 1e6, s * 1e6,
               bytes / s * 1e-9, work.flops > 0 ? fmt::format("{:.2f}", work.flops / s * 1e-12) : "-",
               100 * least_s / s);
    ++measured_count_;
  }
  // For launches that move so little that they need no turns.
  void time(const Work& work, const std::function<void()>& launch) {
    time(work, 1, [&](int) { launch(); });
  }

  int measured_count() const { return measured_count_; }

  const KernelTable& kernels_f32;

 protected:
  virtual Timing time_launches(int turn_count, const std::function<void(int)>& launch) = 0;
  virtual Limits limits_for(const Work& work) = 0;

  static Timing timing_of(std::vector<double> seconds) {
    std::sort(seconds.begin(), seconds.end());
    return {seconds[seconds.size() / 2], seconds.front()};
  }

  const BenchmarkOptions& options_;
  std::string name_, shape_;  // of the case
  int measured_count_ = 0;

 private:
  std::string label_;
};

// As many arrays in the device's memory as launches take in turns: zeros, or `piece` again and again.
class Turns {
 public:
  Turns(BenchmarkRunner& run, int count, std::int64_t bytes, const std::vector<std::byte>& piece = {})
      : count_(count),
        stride_((bytes + 255) / 256 * 256),
        buffer_(run.device.allocate(count * stride_, "a benchmark's data")) {
    for (int turn = 0; turn < count && !piece.empty(); ++turn) {
      for (std::int64_t done = 0; done < bytes; done += std::ssize(piece)) {
        run.stream->upload(at(turn) + done, piece.data(), std::min(std::ssize(piece), bytes - done));
      }
    }
    run.stream->synchronize();
  }

  template <class T = std::byte>
  T* at(int turn) const {
    return reinterpret_cast<T*>(buffer_.data() + turn % count_ * stride_);
  }

 private:
  std::int64_t count_, stride_;
  Buffer buffer_;
};

// Elements that are made one by one, before they are repeated.
inline constexpr std::int64_t kPieceElements = 1 << 18;

// Random elements, float32 or bf16.
inline Turns random_turns(BenchmarkRunner& run, int count, Format format, std::int64_t element_count) {
  const std::int64_t piece = std::min(element_count, kPieceElements);
  return Turns(run, count, format_bytes(format, element_count), random_weights(format, 1, piece, 1));
}

// Random weights [n, k] in the form that the kernel reads.
inline Turns weight_turns(BenchmarkRunner& run, int count, const WeightPacking* packing, Format format, std::int64_t n,
                          std::int64_t k) {
  const std::int64_t tile = packing == nullptr ? 1 : packing->tile_rows;
  const std::int64_t tiles = std::max<std::int64_t>(1, std::min((n + tile - 1) / tile, kPieceElements / (tile * k)));
  const std::vector<std::byte> rows = random_weights(format, tiles * tile, k, 1, 0.05f);
  if (packing == nullptr) return Turns(run, count, n * format_bytes(format, k), rows);
  std::vector<std::byte> packed(static_cast<std::size_t>(packing->bytes(tiles * tile, k)));
  packing->pack(rows.data(), tiles * tile, k, 0, tiles, packed.data());
  return Turns(run, count, packing->bytes(n, k), packed);
}

// The program's benchmarks, in the order of its sources.
using Benchmark = void (*)(BenchmarkRunner&);
inline std::vector<Benchmark>& benchmarks() {
  static std::vector<Benchmark> list;
  return list;
}
#define HEARTH_BENCHMARK(function)                             \
  [[maybe_unused]] const bool function##_is_a_benchmark = [] { \
    benchmarks().push_back(function);                          \
    return true;                                               \
  }()

// What programs of benchmarks share: their options and their table.

// Empty after a message on standard error where they are wrong.
inline std::optional<BenchmarkOptions> parse_benchmark_options(int argc, char** argv, bool takes_device) {
  BenchmarkOptions options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const std::string value(argument.substr(std::min(argument.find('=') + 1, argument.size())));
    try {
      if (argument.starts_with("--filter=")) {
        options.filter = std::regex(value, std::regex::ECMAScript);
      } else if (argument.starts_with("--device=") && takes_device) {
        options.device = value;
      } else if (argument == "--quick") {
        options.quick = true;
      } else {
        fmt::print(stderr, "{}: unknown option {}; there are --filter=REGEX, --quick{}\n", argv[0], argument,
                   takes_device ? ", --device=cuda:0|hip:0" : "");
        return {};
      }
    } catch (const std::regex_error& error) {
      fmt::print(stderr, "{}: --filter={}: {}\n", argv[0], value, error.what());
      return {};
    }
  }
  return options;
}

inline void print_benchmark_header() {
  fmt::print("{:24} {:44} {:>10} {:>10} {:>9} {:>9} {:>9}\n", "operator", "case", "median us", "best us", "GB/s",
             "TFLOP/s", "roofline%");
}

}  // namespace hearth::kernel_testing
