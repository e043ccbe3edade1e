#include "commands/devices.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>

#include "base/error.h"
#include "commands/device_choice.h"
#include "device/cpu/cpu_device.h"
#include "kernels/gpu/gpu_code.h"

namespace hearth {
namespace {

double gib(std::int64_t bytes) {
  return static_cast<double>(bytes) / (1 << 30);
}

// Opens what looks usable; a refusal, or the memory that is free, becomes known.
void probe(GpuCandidate& gpu) {
  if (!gpu.usable()) return;
  try {
    gpu.properties.memory_available_bytes = open_gpu(gpu)->memory_available_bytes();
  } catch (const Error& error) {
    gpu.refusal = without_id(error.what(), gpu);
  }
}

// The targets of a vendor that this program has kernels for.
std::vector<std::string_view> targets_of(DeviceKind kind, const GpuCode& code) {
  std::vector<std::string_view> targets = code.targets();
  std::erase_if(targets,
                [&](std::string_view target) { return target.starts_with("sm_") != (kind == DeviceKind::kCuda); });
  return targets;
}

boost::json::array names(const auto& list) {
  boost::json::array result;
  for (const std::string_view name : list) result.emplace_back(boost::json::string_view(name.data(), name.size()));
  return result;
}

std::vector<std::string_view> instruction_sets() {
  std::vector<std::string_view> result;
  for (const InstructionSet set : usable_instruction_sets()) result.push_back(to_string(set));
  return result;
}

boost::json::object to_json(const GpuCandidate& gpu, const GpuCode& code) {
  boost::json::object object{{"id", gpu.id()}, {"usable", gpu.usable()}};
  const GpuProperties& properties = gpu.properties;
  if (gpu.present()) {
    object["description"] = gpu.description();
    object["name"] = properties.name;
    object["architecture"] = properties.architecture;
    object["driver_version"] = properties.driver_version;
    object["pci_bus_id"] = properties.pci_bus_id;
    object["integrated"] = properties.integrated;
    object["memory_bytes"] = properties.memory_bytes;
    // A device that nobody could open may keep it to itself.
    if (properties.memory_available_bytes > 0) object["memory_available_bytes"] = properties.memory_available_bytes;
  }
  if (!gpu.usable()) object["reason"] = gpu.refusal;
  const std::vector<std::string_view> targets = targets_of(gpu.kind, code);
  object["built_for"] = names(targets);
  if (targets.empty()) object["missing"] = boost::json::string_view(code.missing.data(), code.missing.size());
  return object;
}

void print(const GpuCandidate& gpu) {
  fmt::print("{:<6} {}: {}", gpu.id(), gpu.usable() ? "usable" : "not usable", gpu.description());
  if (!gpu.usable() && !gpu.description().empty()) fmt::print("; ");
  if (gpu.usable()) {
    fmt::print(", {:.1f} GiB of memory available", gib(gpu.properties.memory_available_bytes));
  } else {
    fmt::print("{}", gpu.refusal);
  }
  fmt::print("\n");
}

}  // namespace

void devices(bool json) {
  const CpuDevice cpu;
  const GpuCode code = embedded_gpu_code();
  std::vector<GpuCandidate> gpus = find_gpus();
  for (GpuCandidate& gpu : gpus) probe(gpu);
  if (json) {
    boost::json::array list{boost::json::object{{"id", "cpu"},
                                                {"usable", true},
                                                {"description", cpu.description()},
                                                {"memory_available_bytes", cpu.memory_available_bytes()},
                                                {"built_for", names(instruction_sets())}}};
    for (const GpuCandidate& gpu : gpus) list.push_back(to_json(gpu, code));
    std::puts(boost::json::serialize(list).c_str());
    return;
  }
  fmt::print("cpu    usable: {}, {:.1f} GiB of memory available\n", cpu.description(),
             gib(cpu.memory_available_bytes()));
  for (const GpuCandidate& gpu : gpus) print(gpu);
  const std::vector<std::string_view> targets = code.targets();
  fmt::print("kernels for: cpu {}{}{}\n", fmt::join(instruction_sets(), " "), targets.empty() ? "" : "; GPU ",
             fmt::join(targets, " "));
  if (!code.missing.empty()) fmt::print("{}\n", code.missing);
}

}  // namespace hearth
