#include "device/gpu/amd_sysfs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <fstream>
#include <system_error>

#include "device/gpu/driver_library.h"

namespace hearth {
namespace {

std::optional<std::int64_t> parse_number(std::string_view text, int base = 10) {
  std::int64_t value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || rest == text.data() || value < 0) return std::nullopt;
  return value;
}

// "0000:03:00.0" as the topology has it: the domain, and bus and device in the bits above the function's three.
struct PciAddress {
  std::int64_t domain = 0;
  std::int64_t slot = 0;
  bool operator==(const PciAddress&) const = default;
};

std::optional<PciAddress> parse_pci(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || text.size() < colon + 6) return std::nullopt;
  const auto domain = parse_number(text.substr(0, colon), 16);
  const auto bus = parse_number(text.substr(colon + 1, 2), 16);
  const auto device = parse_number(text.substr(colon + 4, 2), 16);
  if (!domain || !bus || !device) return std::nullopt;
  return PciAddress{*domain, *bus << 5 | *device};
}

// The kernel's folders are named in lower case, and HIP writes either.
std::string lower_case(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

std::optional<AmdMemory> read_pool(const std::filesystem::path& device, std::string_view pool) {
  const auto value = [&](std::string_view which) {
    return parse_number(first_line((device / fmt::format("mem_info_{}_{}", pool, which)).string()));
  };
  const auto total = value("total"), used = value("used");
  if (!total || !used) return std::nullopt;
  return AmdMemory{*total, std::max<std::int64_t>(0, *total - *used)};
}

}  // namespace

std::string amd_architecture(std::int64_t gfx_target_version) {
  return fmt::format("gfx{}{}{:x}", gfx_target_version / 10000, gfx_target_version / 100 % 100,
                     gfx_target_version % 100);
}

std::string amd_architecture_at(std::string_view pci_bus_id, const std::filesystem::path& nodes) {
  const std::optional<PciAddress> wanted = parse_pci(pci_bus_id);
  if (!wanted) return "";
  std::error_code error;
  for (const auto& node : std::filesystem::directory_iterator(nodes, error)) {
    std::ifstream properties(node.path() / "properties");
    PciAddress address;
    std::int64_t version = 0;
    std::string key;
    for (std::uint64_t value = 0; properties >> key >> value;) {
      if (key == "domain") address.domain = static_cast<std::int64_t>(value);
      if (key == "location_id") address.slot = static_cast<std::int64_t>(value >> 3 & 0x1fff);
      if (key == "gfx_target_version") version = static_cast<std::int64_t>(value);
    }
    if (version > 0 && address == *wanted) return amd_architecture(version);
  }
  return "";
}

bool amd_is_integrated(std::string_view architecture) {
  static constexpr std::array<std::string_view, 13> kIntegrated{"gfx902",  "gfx909",  "gfx90c",  "gfx1013", "gfx1033",
                                                                "gfx1035", "gfx1036", "gfx1037", "gfx1103", "gfx1150",
                                                                "gfx1151", "gfx1152", "gfx1153"};
  return std::find(kIntegrated.begin(), kIntegrated.end(), architecture) != kIntegrated.end();
}

std::optional<AmdMemory> amd_memory_at(std::string_view pci_bus_id, bool integrated,
                                       const std::filesystem::path& pci_devices) {
  const std::filesystem::path device = pci_devices / lower_case(pci_bus_id);
  std::optional<AmdMemory> memory = read_pool(device, "vram");
  if (!integrated) return memory;
  const std::optional<AmdMemory> host = read_pool(device, "gtt");
  return host && (!memory || host->total_bytes > memory->total_bytes) ? host : memory;
}

}  // namespace hearth
