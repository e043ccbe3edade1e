// hearth_amd_counts: how many instructions AMD's GPUs run for a weight of a matmul, by target, format and number of
// tokens. There is no AMD GPU to measure on; what a kernel's inner loop costs beside the weights' bytes is seen here.
//
//   hearth_amd_counts [TARGET …]
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "amd/amd_driver.h"
#include "device/gpu/gpu_device.h"
#include "kernels/gpu/gpu_table.h"
#include "kernels/testing/device_run.h"
#include "kernels/testing/random_data.h"

namespace hearth::kernel_testing {
namespace {

constexpr std::int64_t kRows = 512, kColumns = 4096;

class CountingRun : public DeviceRun {
 public:
  explicit CountingRun(GpuDevice& gpu)
      : DeviceRun(nullptr, &gpu, gpu_kernels_bf16()), wave_size_(gpu.properties().wave_size) {}

  void count(std::string_view target, Format format, std::int64_t tokens) {
    const MatmulKernel& kernel = kernels.matmul_bf16[format];
    const std::vector<std::byte> rows = random_weights(format, kRows, kColumns, 1, 0.05f);
    std::vector<std::byte> packed(static_cast<std::size_t>(kernel.packing->bytes(kRows, kColumns)));
    kernel.packing->pack(rows.data(), kRows, kColumns, 0, kRows / kernel.packing->tile_rows, packed.data());
    const std::vector<std::byte> x = random_weights(kernels.activation_format, tokens, kColumns, 2);
    std::vector<float> y(static_cast<std::size_t>(tokens * kRows));
    const std::int64_t workspace_bytes = matmul_workspace_reserve(tokens, kRows, kColumns);
    std::vector<std::byte> workspace(static_cast<std::size_t>(workspace_bytes));
    kernel.run(*stream, {.x = in(x),
                         .quantized = {},
                         .token_count = tokens,
                         .k = kColumns,
                         .n = kRows,
                         .weights = in(packed),
                         .format = format,
                         .bias = nullptr,
                         .scale = 1,
                         .y = out(y),
                         .y_stride = kRows,
                         .workspace = out(workspace),
                         .workspace_bytes = workspace_bytes});
    bring_back();
    for (const auto& [name, counts] : amd::take_counts()) {
      const auto per_weight = [&, &counts = counts](amd::Unit unit) {
        return static_cast<double>(counts[static_cast<std::size_t>(unit)] * wave_size_) / (kRows * kColumns);
      };
      fmt::print("{:8} {:6} {:6} {:28} {:8.2f} {:8.3f} {:8.3f} {:8.3f} {:8.3f}\n", target, traits(format).name, tokens,
                 name, per_weight(amd::Unit::kVector), per_weight(amd::Unit::kMatrix), per_weight(amd::Unit::kGlobal),
                 per_weight(amd::Unit::kShared), per_weight(amd::Unit::kScalar));
    }
  }

 private:
  int wave_size_;
};

void count_all(const std::vector<std::string>& wanted) {
  fmt::print("{:8} {:6} {:>6} {:28} {:>8} {:>8} {:>8} {:>8} {:>8}\n", "target", "format", "tokens", "kernel", "vector",
             "matrix", "global", "shared", "scalar");
  for (std::size_t i = 0; i < amd::targets().size(); ++i) {
    const std::string_view target = amd::targets()[i];
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), target) == wanted.end()) continue;
    GpuDevice gpu(amd::driver(), static_cast<int>(i), amd::code());
    CountingRun run(gpu);
    for (const Format format :
         {Format::kBf16, Format::kQ8_0, Format::kQ4_0, Format::kQ4K, Format::kQ5K, Format::kQ6K}) {
      for (const std::int64_t tokens : {1, 8, 16, 128}) run.count(target, format, tokens);
    }
  }
}

}  // namespace
}  // namespace hearth::kernel_testing

int main(int argc, char** argv) {
  try {
    hearth::kernel_testing::count_all({argv + 1, argv + argc});
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hearth_amd_counts: %s\n", error.what());
    return 1;
  }
}
