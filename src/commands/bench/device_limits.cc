#include "commands/bench/device_limits.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "device/cpu/cpu_device.h"
#include "kernels/probe/gpu_limits.h"

namespace hearth {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Arithmetic loops: as many independent chains as hide the latency, all in registers. They return a value that depends
// on every chain, so that none is optimized away.
struct ArithmeticLoop {
  std::int64_t (*run)(std::int64_t turns);
  double flops_per_turn;
};

std::int64_t run_portable(std::int64_t turns) {
  using Floats = float __attribute__((vector_size(16)));
  Floats a0{1}, a1{2}, a2{3}, a3{4}, a4{5}, a5{6}, a6{7}, a7{8};
  const Floats factor = Floats{} + 0.5f, addend = Floats{} + 1.0f;  // the chains tend to 2
  for (std::int64_t i = 0; i < turns; ++i) {
    a0 = a0 * factor + addend, a1 = a1 * factor + addend, a2 = a2 * factor + addend, a3 = a3 * factor + addend;
    a4 = a4 * factor + addend, a5 = a5 * factor + addend, a6 = a6 * factor + addend, a7 = a7 * factor + addend;
  }
  const Floats sum = a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7;
  return static_cast<std::int64_t>(sum[0] + sum[1] + sum[2] + sum[3]);
}
constexpr ArithmeticLoop kPortable{run_portable, 8 * 4 * 2};

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) std::int64_t run_avx2_f32(std::int64_t turns) {
  const __m256 factor = _mm256_set1_ps(0.5f), addend = _mm256_set1_ps(1.0f);
  __m256 a0 = _mm256_set1_ps(3), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0, a8 = a0, a9 = a0;
  for (std::int64_t i = 0; i < turns; ++i) {
    // Equal chains would be computed once: what the compiler cannot see through keeps them apart.
    asm("" : "+x"(a0), "+x"(a1), "+x"(a2), "+x"(a3), "+x"(a4), "+x"(a5), "+x"(a6), "+x"(a7), "+x"(a8), "+x"(a9));
    a0 = _mm256_fmadd_ps(a0, factor, addend), a1 = _mm256_fmadd_ps(a1, factor, addend);
    a2 = _mm256_fmadd_ps(a2, factor, addend), a3 = _mm256_fmadd_ps(a3, factor, addend);
    a4 = _mm256_fmadd_ps(a4, factor, addend), a5 = _mm256_fmadd_ps(a5, factor, addend);
    a6 = _mm256_fmadd_ps(a6, factor, addend), a7 = _mm256_fmadd_ps(a7, factor, addend);
    a8 = _mm256_fmadd_ps(a8, factor, addend), a9 = _mm256_fmadd_ps(a9, factor, addend);
  }
  a0 = _mm256_add_ps(_mm256_add_ps(_mm256_add_ps(a0, a1), _mm256_add_ps(a2, a3)),
                     _mm256_add_ps(_mm256_add_ps(a4, a5), _mm256_add_ps(a6, a7)));
  return static_cast<std::int64_t>(_mm256_cvtss_f32(_mm256_add_ps(a0, _mm256_add_ps(a8, a9))));
}
constexpr ArithmeticLoop kAvx2F32{run_avx2_f32, 10 * 8 * 2};

// Products of bytes, added in pairs to 16 bits and then to their sums: what integer kernels do most of.
__attribute__((target("avx2"))) std::int64_t run_avx2_int8(std::int64_t turns) {
  __m256i x = _mm256_set1_epi8(1);
  const __m256i b0 = _mm256_set1_epi8(1), b1 = _mm256_set1_epi8(2), b2 = _mm256_set1_epi8(3);
  const __m256i b3 = _mm256_set1_epi8(4), b4 = _mm256_set1_epi8(5), b5 = _mm256_set1_epi8(6);
  __m256i a0 = _mm256_setzero_si256(), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0;
  for (std::int64_t i = 0; i < turns; ++i) {
    asm("" : "+x"(x));  // else the products would be the same in every turn
    a0 = _mm256_add_epi16(a0, _mm256_maddubs_epi16(x, b0)), a1 = _mm256_add_epi16(a1, _mm256_maddubs_epi16(x, b1));
    a2 = _mm256_add_epi16(a2, _mm256_maddubs_epi16(x, b2)), a3 = _mm256_add_epi16(a3, _mm256_maddubs_epi16(x, b3));
    a4 = _mm256_add_epi16(a4, _mm256_maddubs_epi16(x, b4)), a5 = _mm256_add_epi16(a5, _mm256_maddubs_epi16(x, b5));
  }
  a0 = _mm256_add_epi16(_mm256_add_epi16(_mm256_add_epi16(a0, a1), _mm256_add_epi16(a2, a3)), _mm256_add_epi16(a4, a5));
  return _mm256_extract_epi64(a0, 0);
}
constexpr ArithmeticLoop kAvx2Int8{run_avx2_int8, 6 * 32 * 2};
#endif

ArithmeticLoop arithmetic_loop(InstructionSet set, Compute compute) {
#if defined(__x86_64__)
  if (set == InstructionSet::kAvx2) return compute == Compute::kInt8 ? kAvx2Int8 : kAvx2F32;
#endif
  static_cast<void>(set), static_cast<void>(compute);
  return kPortable;
}

double cpu_flops_per_second(CpuDevice& device, Compute compute) {
  constexpr std::int64_t kTurns = 1 << 20;  // milliseconds
  constexpr int kTrials = 20;
  const ArithmeticLoop loop = arithmetic_loop(device.instruction_set(), compute);
  ThreadPool& pool = device.pool();
  std::vector<std::int64_t> results(static_cast<std::size_t>(pool.thread_count()));
  double best = std::numeric_limits<double>::infinity();
  for (int trial = 0; trial < kTrials; ++trial) {
    const auto start = std::chrono::steady_clock::now();
    pool.run(pool.thread_count(), [&](std::int64_t i) { results[static_cast<std::size_t>(i)] = loop.run(kTurns); });
    best = std::min(best, seconds_since(start));
  }
  return loop.flops_per_turn * static_cast<double>(kTurns) * pool.thread_count() / best;
}

double cpu_bytes_per_second(CpuDevice& device) {
  // Several times what a cache holds, where there is as much.
  const std::int64_t bytes = std::min(std::int64_t{1} << 30, device.memory_available_bytes() / 4);
  constexpr int kTrials = 6;
  Buffer buffer = device.allocate(bytes, "bandwidth measurement");
  std::fill_n(buffer.data(), buffer.bytes(), std::byte{1});
  double best = std::numeric_limits<double>::infinity();
  for (int trial = 0; trial < kTrials; ++trial) best = std::min(best, read_seconds(device.pool(), buffer));
  return static_cast<double>(bytes) / best;
}

}  // namespace

double read_seconds(ThreadPool& pool, const Buffer& buffer) {
  constexpr std::int64_t kPieceBytes = 1 << 20;
  constexpr std::int64_t kReadAheadBytes = 2048;  // the fastest of those tried
  std::vector<std::uint64_t> sums(static_cast<std::size_t>(buffer.bytes() / kPieceBytes + 1));
  const auto start = std::chrono::steady_clock::now();
  pool.run_ranges(buffer.bytes(), kPieceBytes, [&](std::int64_t begin, std::int64_t end) {
    using Words = std::uint64_t __attribute__((vector_size(16)));
    const auto* words = reinterpret_cast<const Words*>(buffer.data() + begin);
    Words lanes[4] = {};  // one cache line a turn
    for (std::int64_t i = 0; i + 4 <= (end - begin) / 16; i += 4) {
      __builtin_prefetch(words + i + kReadAheadBytes / 16);
      for (int lane = 0; lane < 4; ++lane) lanes[lane] += words[i + lane];
    }
    const Words sum = lanes[0] + lanes[1] + lanes[2] + lanes[3];
    sums[static_cast<std::size_t>(begin / kPieceBytes)] = sum[0] + sum[1];
  });
  const double seconds = seconds_since(start);
  asm volatile("" : : "r"(sums.data()) : "memory");  // the sums are needed
  return seconds;
}

DeviceLimits measure_limits(Device& device, Stream& stream, Compute compute) {
  auto* cpu = dynamic_cast<CpuDevice*>(&device);
  if (cpu == nullptr) {
    const GpuLimits limits = measure_gpu_limits(static_cast<GpuDevice&>(device), gpu_stream(stream));
    return {limits.bytes_per_second, limits.flops_per_second};
  }
  return {cpu_bytes_per_second(*cpu), cpu_flops_per_second(*cpu, compute)};
}

}  // namespace hearth
