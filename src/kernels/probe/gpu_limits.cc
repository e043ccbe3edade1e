#include "kernels/probe/gpu_limits.h"

#include <algorithm>

#include "kernels/gpu/gpu_launch.h"
#include "kernels/probe/probe_gpu.h"

namespace hearth {
namespace {

constexpr std::int64_t kReadBytes = 1 << 30;
constexpr int kRepetitions = 5;

// Seconds of the fastest of some runs.
template <class Run>
double fastest(GpuDevice& device, GpuStream& stream, Run run) {
  GpuEvent start(device), end(device);
  double best = 0;
  run();
  for (int i = 0; i < kRepetitions; ++i) {
    stream.record(start);
    run();
    stream.record(end);
    end.wait();
    const double seconds = static_cast<double>(end.elapsed_ms(start)) * 1e-3;
    best = i == 0 ? seconds : std::min(best, seconds);
  }
  return best;
}

}  // namespace

GpuLimits measure_gpu_limits(GpuDevice& device, GpuStream& stream) {
  const GpuProperties& properties = device.properties();
  const std::int64_t bytes = std::min(kReadBytes, device.memory_available_bytes() / 4) / 4096 * 4096;
  const Buffer data = device.allocate(bytes + 64, "the measurement of the memory's speed");
  const std::int64_t blocks = 8 * properties.multiprocessor_count;
  const ReadProbeParams read{data.data(), bytes, reinterpret_cast<std::uint32_t*>(data.data() + bytes)};
  GpuLimits limits;
  limits.bytes_per_second = static_cast<double>(bytes) / fastest(device, stream, [&] {
                              launch(stream, GpuKernel::probe_read, {blocks}, kProbeThreads, read);
                            });

  const MatrixProbeParams matrix{2000, reinterpret_cast<float*>(data.data())};
  const bool hopper = device.target() == "sm_90a";
  // Of one product: a wave multiplies 16 x 8 or 16 x 16 by 16, a warpgroup 64 x 256 by 16.
  const bool is_amd = properties.architecture.starts_with("gfx");
  const double product = 2.0 * 16 * (hopper ? 64 * 256 : is_amd ? 16 * 16 : 16 * 8);
  const double products =
      hopper ? kProbeHopperThreads / 128 : static_cast<double>(kProbeThreads / properties.wave_size);
  const std::int64_t matrix_blocks = hopper ? properties.multiprocessor_count : 2 * properties.multiprocessor_count;
  const double flops = product * products * static_cast<double>(matrix_blocks) * matrix.steps * kMatrixProbeProducts;
  limits.flops_per_second = flops / fastest(device, stream, [&] {
                              launch(stream, hopper ? GpuKernel::probe_matrix_hopper : GpuKernel::probe_matrix,
                                     {matrix_blocks}, hopper ? kProbeHopperThreads : kProbeThreads, matrix);
                            });
  return limits;
}

}  // namespace hearth
