#include "commands/doctor.h"

#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/escape.h"
#include "commands/bundled_model.h"
#include "commands/device_choice.h"
#include "commands/devices.h"
#include "commands/verify.h"
#include "hub/hub_cache.h"
#include "hub/hub_options.h"

namespace hearth {
namespace {

// A new driver or a tired memory shows in the numbers: the bundled model on the device against the CPU in float32.
bool check_device(const std::string& device, const std::string& compute) {
  VerifyOptions options;
  options.model.path = model_or_bundled({});
  options.model.device = device;
  options.model.compute = compute;
  try {
    const VerifyResult result = compare_with_cpu(options);
    fmt::print("  {:<16} {}: the logits differ by {:.1e} from the CPU's in float32; {:.0e} would be too much\n",
               printable_text(result.device), result.agrees ? "right" : "WRONG", result.relative, result.tolerance);
    return result.agrees;
  } catch (const Error& error) {
    fmt::print("  {:<16} FAILED: {}\n", fmt::format("{} ({})", device, compute), printable_text(error.what()));
    return false;
  }
}

// What the user could do, in plain words.
std::vector<std::string> advice(const std::vector<GpuCandidate>& gpus, bool all_right) {
  std::vector<std::string> lines;
  if (!all_right) {
    lines.emplace_back(
        "do not trust a device that is wrong: look at its temperature and memory (ECC), and go back to the driver that "
        "was there before; `--device cpu` computes on the CPU meanwhile, and `hearth verify` shows layer by layer "
        "where it goes wrong");
  }
  bool has_gpu = false;
  for (const GpuCandidate& gpu : gpus) {
    has_gpu = has_gpu || gpu.usable();
    if (gpu.present() && !gpu.usable()) {
      lines.push_back(fmt::format("{} could be used but for this: {}", gpu.id(), gpu.refusal));
    }
  }
  if (!has_gpu) {
    lines.emplace_back(
        "models run on the CPU: how fast is bound by its memory, so small and quantized ones (Q4_K_M) are best");
  }
  return lines;
}

}  // namespace

int doctor() {
  fmt::print("devices\n");
  devices(/*json=*/false);
  const HubOptions hub = hub_options_from_environment();
  const auto free = free_disk_bytes(hub.cache);
  fmt::print("models\n  in {}, with room for {}; from {}{}\n", printable_text(hub.cache.string()),
             free ? bytes_text(*free) : "nobody knows how much", printable_text(hub.endpoint),
             hub.offline ? ", but offline" : "");
  fmt::print("chosen where nothing is said\n  {}\n", printable_text(open_device("auto", 0).choice));
  fmt::print("numbers\n");
  std::fflush(stdout);
  const std::vector<GpuCandidate> gpus = find_gpus();
  bool all_right = check_device("cpu", "auto");
  for (const GpuCandidate& gpu : gpus) {
    if (!gpu.usable()) continue;
    for (const char* compute : {"f32", "bf16"}) all_right = check_device(gpu.id(), compute) && all_right;
  }
  const std::vector<std::string> lines = advice(gpus, all_right);
  if (!lines.empty()) fmt::print("what to do\n");
  for (const std::string& line : lines) fmt::print("  {}\n", printable_text(line));
  return all_right ? 0 : 1;
}

}  // namespace hearth
