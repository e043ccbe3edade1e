// What the Linux kernel says of AMD's GPUs, which goes before HIP's own answers: the struct that holds a device's
// architecture changes between versions, and its figure for free memory leaves out other processes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace hearth {

// The name of a `gfx_target_version`: 110000 is "gfx1100", 90402 "gfx942", 90010 "gfx90a" (major, minor and stepping in
// two decimal digits each; the stepping is written as a hexadecimal one).
std::string amd_architecture(std::int64_t gfx_target_version);

// The architecture of the GPU at a PCI address ("0000:03:00.0"), from the compute driver's topology; empty if the
// kernel does not list it. All partitions of a GPU have one architecture, so the address's function does not count.
std::string amd_architecture_at(std::string_view pci_bus_id,
                                const std::filesystem::path& nodes = "/sys/class/kfd/kfd/topology/nodes");

// Whether only processors with built-in graphics have this architecture; older HIP does not tell.
bool amd_is_integrated(std::string_view architecture);

struct AmdMemory {
  std::int64_t total_bytes = 0;
  std::int64_t available_bytes = 0;
};
// Of the GPU at a PCI address: its own memory; of an integrated one the larger of what the firmware set aside for it
// and what it may use of the host's, from which the kernel then allocates. Empty if the kernel does not say.
std::optional<AmdMemory> amd_memory_at(std::string_view pci_bus_id, bool integrated,
                                       const std::filesystem::path& pci_devices = "/sys/bus/pci/devices");

}  // namespace hearth
