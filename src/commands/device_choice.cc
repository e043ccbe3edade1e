#include "commands/device_choice.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>

#include "base/error.h"
#include "device/cpu/cpu_device.h"
#include "kernels/gpu/gpu_code.h"

namespace hearth {
namespace {

constexpr int kGpuMissing = -2;

std::string_view vendor_name(DeviceKind kind) {
  return kind == DeviceKind::kCuda ? "cuda" : "hip";
}

std::string call_failed(const DriverApi& driver, const char* call, int status) {
  return fmt::format("{} failed: {}", call, describe_error(driver, status));
}

GpuCandidate candidate_at(const DriverApi& driver, DeviceKind kind, int index, const GpuCode& code) {
  GpuCandidate gpu{.kind = kind, .index = index, .driver = &driver, .properties = {}, .refusal = {}};
  if (const int status = driver.properties(index, &gpu.properties); status != 0) {
    gpu.refusal = call_failed(driver, driver.properties.name(), status);
  } else if (code.target_for(gpu.properties.architecture).empty()) {
    gpu.refusal = code.refusal(gpu.properties.architecture);
  }
  return gpu;
}

bool discrete_exists(std::span<const GpuCandidate> gpus) {
  return std::any_of(gpus.begin(), gpus.end(),
                     [](const GpuCandidate& gpu) { return gpu.present() && !gpu.properties.integrated; });
}

// The candidate that `gpu` stands for, or kGpuMissing. Of equals the first: drivers list the fastest first.
int best_gpu(std::span<const GpuCandidate> gpus) {
  const bool discrete_only = discrete_exists(gpus);
  int best = kGpuMissing;
  for (int i = 0; i < static_cast<int>(gpus.size()); ++i) {
    const GpuCandidate& gpu = gpus[static_cast<std::size_t>(i)];
    if (!gpu.present() || !gpu.usable() || (discrete_only && gpu.properties.integrated)) continue;
    if (best == kGpuMissing ||
        gpu.properties.memory_bytes > gpus[static_cast<std::size_t>(best)].properties.memory_bytes) {
      best = i;
    }
  }
  return best;
}

// "cuda:1" as a device's id; nothing for a name of another form.
std::optional<DeviceId> parse_gpu_name(std::string_view name) {
  for (const DeviceKind kind : {DeviceKind::kCuda, DeviceKind::kHip}) {
    const std::string prefix = fmt::format("{}:", vendor_name(kind));
    if (!name.starts_with(prefix)) continue;
    const std::string_view digits = name.substr(prefix.size());
    int index = 0;
    const auto [rest, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
    if (error == std::errc() && rest == digits.data() + digits.size() && index >= 0) return DeviceId{kind, index};
  }
  return std::nullopt;
}

// The candidates' refusals, of one vendor or all.
std::string refusals(std::span<const GpuCandidate> gpus, std::optional<DeviceKind> kind) {
  std::vector<std::string> reasons;
  for (const GpuCandidate& gpu : gpus) {
    if (kind && gpu.kind != *kind) continue;
    if (!gpu.usable()) {
      reasons.push_back(fmt::format("{}: {}", gpu.id(), gpu.refusal));
    } else if (gpu.properties.integrated) {
      reasons.push_back(fmt::format("{} is integrated, which is used only when asked for by name", gpu.id()));
    }
  }
  return fmt::format("{}", fmt::join(reasons, "; "));
}

int choose_named(const std::string& name, const DeviceId& id, std::span<const GpuCandidate> gpus) {
  for (int i = 0; i < static_cast<int>(gpus.size()); ++i) {
    const GpuCandidate& gpu = gpus[static_cast<std::size_t>(i)];
    if (gpu.kind != id.kind || gpu.index != id.index) continue;
    if (gpu.usable()) return i;
    throw DeviceError(fmt::format("device '{}' cannot be used: {} (`hearth devices` lists all)", name, gpu.refusal));
  }
  const std::string reasons = refusals(gpus, id.kind);
  throw DeviceError(fmt::format("device '{}' is not there{}{}; `hearth devices` lists all", name,
                                reasons.empty() ? "" : ": ", reasons));
}

}  // namespace

std::string GpuCandidate::id() const {
  return present() ? DeviceId{kind, index}.to_string() : std::string(vendor_name(kind));
}

std::string GpuCandidate::description() const {
  if (!present() || properties.name.empty()) return "";
  return fmt::format("{}, {}, driver {}, {:.1f} GiB{}", properties.name,
                     properties.architecture.empty() ? "architecture not known" : properties.architecture,
                     properties.driver_version, static_cast<double>(properties.memory_bytes) / (1 << 30),
                     properties.integrated ? ", integrated" : "");
}

std::vector<GpuCandidate> find_gpus(std::span<const VendorDriver> drivers, const GpuCode& code) {
  std::vector<GpuCandidate> gpus;
  for (const VendorDriver& vendor : drivers) {
    GpuCandidate none{.kind = vendor.kind, .index = -1, .driver = nullptr, .properties = {}, .refusal = {}};
    int count = 0;
    if (vendor.lookup.api == nullptr) {
      none.refusal = vendor.lookup.reason;
    } else if (const int status = vendor.lookup.api->device_count(&count); status != 0) {
      none.refusal = call_failed(*vendor.lookup.api, vendor.lookup.api->device_count.name(), status);
      count = 0;
    } else if (count == 0) {
      none.refusal = "the driver lists no device";
    }
    if (count == 0) gpus.push_back(none);
    for (int i = 0; i < count; ++i) gpus.push_back(candidate_at(*vendor.lookup.api, vendor.kind, i, code));
  }
  return gpus;
}

std::vector<GpuCandidate> find_gpus() {
  const VendorDriver drivers[] = {{DeviceKind::kCuda, cuda_driver()}, {DeviceKind::kHip, hip_driver()}};
  return find_gpus(drivers, embedded_gpu_code());
}

int choose_device(const std::string& name, std::span<const GpuCandidate> gpus) {
  if (name == "cpu") return kCpuChosen;
  if (name == "auto") {
    const int best = best_gpu(gpus);
    return best != kGpuMissing ? best : kCpuChosen;
  }
  if (name == "gpu") {
    const int best = best_gpu(gpus);
    if (best != kGpuMissing) return best;
    throw DeviceError(fmt::format("device 'gpu': there is no GPU that can be used: {}; `hearth devices` lists all",
                                  refusals(gpus, std::nullopt)));
  }
  if (const std::optional<DeviceId> id = parse_gpu_name(name)) return choose_named(name, *id, gpus);
  throw InvalidInput(fmt::format("device '{}' is not one of auto, cpu, gpu, cuda:N, hip:N", name));
}

std::string reasons_against_others(std::span<const GpuCandidate> gpus, int chosen) {
  const GpuCandidate* taken = chosen == kCpuChosen ? nullptr : &gpus[static_cast<std::size_t>(chosen)];
  std::vector<std::string> reasons;
  for (const GpuCandidate& gpu : gpus) {
    if (&gpu == taken) continue;
    if (!gpu.usable()) {
      reasons.push_back(fmt::format("{}: {}", gpu.id(), gpu.refusal));
    } else if (gpu.properties.integrated && (taken == nullptr || !taken->properties.integrated)) {
      reasons.push_back(fmt::format("{} is integrated and used only when asked for", gpu.id()));
    } else if (taken == nullptr) {
      reasons.push_back(fmt::format("{} was not asked for", gpu.id()));
    } else {
      const bool less = gpu.properties.memory_bytes < taken->properties.memory_bytes;
      reasons.push_back(fmt::format("{} {}", gpu.id(), less ? "has less memory" : "was not asked for"));
    }
  }
  return fmt::format("{}", fmt::join(reasons, "; "));
}

std::unique_ptr<GpuDevice> open_gpu(const GpuCandidate& gpu) {
  return std::make_unique<GpuDevice>(*gpu.driver, gpu.index, embedded_gpu_code());
}

std::string without_id(std::string_view error, const GpuCandidate& gpu) {
  const std::string prefix = gpu.id() + ": ";
  if (error.starts_with(prefix)) error.remove_prefix(prefix.size());
  return std::string(error);
}

OpenedDevice open_device(const std::string& name, int threads) {
  std::vector<GpuCandidate> gpus;
  if (name != "cpu") gpus = find_gpus();
  while (true) {
    const int chosen = choose_device(name, gpus);
    if (chosen == kCpuChosen) {
      // Machines without a GPU are told nothing of drivers; `hearth devices` does.
      std::vector<GpuCandidate> present;
      std::copy_if(gpus.begin(), gpus.end(), std::back_inserter(present),
                   [](const GpuCandidate& g) { return g.present(); });
      const std::string against_present = reasons_against_others(present, kCpuChosen);
      auto cpu = std::make_unique<CpuDevice>(threads);
      std::string line = fmt::format("device: cpu ({})", cpu->description());
      if (!against_present.empty()) line += fmt::format("; no GPU: {}", against_present);
      return {std::move(cpu), std::move(line)};
    }
    const std::string against = reasons_against_others(gpus, chosen);
    GpuCandidate& gpu = gpus[static_cast<std::size_t>(chosen)];
    try {
      auto device = open_gpu(gpu);
      std::string line = fmt::format("device: {} ({})", gpu.id(), gpu.description());
      if (!against.empty()) line += fmt::format("; not {}", against);
      return {std::move(device), std::move(line)};
    } catch (const DeviceError& error) {
      if (name != "auto") throw;
      gpu.refusal = without_id(error.what(), gpu);
    }
  }
}

}  // namespace hearth
