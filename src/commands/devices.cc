#include "commands/devices.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>
#include <filesystem>

#include "device/cpu/cpu_device.h"

namespace hearth {
namespace {

struct GpuFinding {
  const char* vendor;
  const char* device_file;  // there when the vendor's kernel driver has found a card
};
constexpr GpuFinding kGpus[] = {{"cuda", "/dev/nvidia0"}, {"hip", "/dev/kfd"}};

std::string gpu_reason(const GpuFinding& gpu) {
  const bool present = std::filesystem::exists(gpu.device_file);
  return fmt::format("{}; this build has no {} kernels",
                     present ? "a card is present" : fmt::format("no card found ({} is absent)", gpu.device_file),
                     gpu.vendor);
}

}  // namespace

void devices(bool json) {
  CpuDevice cpu;
  if (json) {
    boost::json::array list{boost::json::object{{"id", "cpu"},
                                                {"usable", true},
                                                {"description", cpu.description()},
                                                {"memory_available_bytes", cpu.memory_available_bytes()}}};
    for (const GpuFinding& gpu : kGpus) {
      list.push_back(boost::json::object{{"id", gpu.vendor}, {"usable", false}, {"reason", gpu_reason(gpu)}});
    }
    std::puts(boost::json::serialize(list).c_str());
    return;
  }
  fmt::print("cpu    usable: {}, {:.1f} GiB of memory available\n", cpu.description(),
             static_cast<double>(cpu.memory_available_bytes()) / (1 << 30));
  for (const GpuFinding& gpu : kGpus) fmt::print("{:<6} not usable: {}\n", gpu.vendor, gpu_reason(gpu));
}

}  // namespace hearth
