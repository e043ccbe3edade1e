#include "amd/amd_driver.h"

#include <fmt/format.h>

#include <filesystem>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/mapped_file.h"
#include "kernels/gpu/gpu_code.h"
#include "simt/simt_driver.h"

namespace hearth::amd {
namespace {

enum AmdError : int {
  kSuccess,
  kInvalidValue = 3,
  kNotFound = 4,
  kInvalidConfiguration = 5
};  // as tests/simt has them

std::map<std::string, Counts>& counts_by_kernel() {
  static std::map<std::string, Counts> counts;
  return counts;
}

// The last block is asked about again and again.
class DeviceMemory : public Memory {
 public:
  bool contains(std::uint64_t address, std::size_t bytes) const override {
    if (address >= begin_ && address - begin_ <= bytes_ && bytes <= bytes_ - (address - begin_)) return true;
    const std::span<const std::byte> block = simt_memory_block(reinterpret_cast<const void*>(address));
    if (block.empty()) return false;
    begin_ = reinterpret_cast<std::uint64_t>(block.data());
    bytes_ = block.size();
    return bytes <= bytes_ - (address - begin_);
  }

 private:
  mutable std::uint64_t begin_ = 0;
  mutable std::size_t bytes_ = 0;
};

int device_count(int* count) {
  *count = static_cast<int>(std::size(kTargets));
  return kSuccess;
}

int properties(int index, GpuProperties* out) {
  if (index < 0 || index >= static_cast<int>(std::size(kTargets))) return kInvalidValue;
  if (const int status = simt_driver().properties(0, out); status != kSuccess) return status;
  out->architecture = kTargets[static_cast<std::size_t>(index)];
  out->name = "imitated " + out->architecture;
  out->wave_size = out->architecture.starts_with("gfx9") ? 64 : 32;
  out->shared_bytes_max = kSharedBytesMax;
  return kSuccess;
}

int module_load(void** module, const void* image) {
  *module = new CodeObject(image);
  return kSuccess;
}

int module_unload(void* module) {
  delete static_cast<CodeObject*>(module);
  return kSuccess;
}

int module_function(void** function, void* module, const char* name) {
  *function = static_cast<CodeObject*>(module)->function(name);
  return kSuccess;
}

int launch(void* handle, const unsigned (&grid)[3], unsigned threads, unsigned shared_bytes, void* stream,
           void** params) {
  const auto& function = *static_cast<const Function*>(handle);
  const Kernel* kernel = function.object->kernel(function.name);
  if (kernel == nullptr) return kNotFound;
  if (threads != static_cast<unsigned>(kernel->threads) || kernel->shared_bytes + shared_bytes > kSharedBytesMax) {
    return kInvalidConfiguration;
  }
  const auto* begin = static_cast<const std::byte*>(params[0]);
  return simt_enqueue(
      stream, [=, copy = std::vector(begin, begin + kernel->params_bytes), x = grid[0], y = grid[1], z = grid[2]] {
        const DeviceMemory memory;
        const Counts counts = run_grid(*kernel, {x, y, z}, shared_bytes, copy.data(), memory);
        Counts& all = counts_by_kernel()[kernel->program.kernel];
        for (std::size_t i = 0; i < kUnits; ++i) all[i] += counts[i];
      });
}

// Calls function(module, target) for each code object that a release build has for AMD.
template <class Function>
void for_objects(Function function) {
  std::set<std::string_view> modules;
  for (const GpuKernelName& kernel : gpu_kernel_names()) {
    if (kernel.only_target == nullptr) modules.insert(kernel.module);
  }
  for (const std::string_view module : modules) {
    for (const std::string_view target : kTargets) function(module, target);
  }
}

}  // namespace

const DriverApi& driver() {
  static const DriverApi api = [] {
    DriverApi own = simt_driver();
    own.device_count = {"amd device_count", device_count};
    own.properties = {"amd properties", properties};
    own.open = {"amd open", [](int) { return simt_driver().open(0); }};
    own.close = {"amd close", [](int) { return simt_driver().close(0); }};
    own.module_load = {"amd module_load", module_load};
    own.module_unload = {"amd module_unload", module_unload};
    own.module_function = {"amd module_function", module_function};
    own.function_set_shared_max = {"amd function_set_shared_max", [](void*, int) { return int{kSuccess}; }};
    own.launch = {"amd launch", launch};
    return own;
  }();
  return api;
}

std::map<std::string, Counts> take_counts() {
  return std::exchange(counts_by_kernel(), {});
}

GpuCode code() {
  static const std::vector<MappedFile> files = [] {
    std::vector<MappedFile> list;
    for_objects([&](std::string_view module, std::string_view target) {
      const auto path = std::filesystem::path(HEARTH_RELEASE_DIR) / fmt::format("{}.{}.hsaco", module, target);
      if (!std::filesystem::exists(path))
        throw DeviceError(path.string() + " is not there; tools/build release makes it");
      list.emplace_back(path);
    });
    return list;
  }();
  static const std::vector<hearth::CodeObject> objects = [] {
    std::vector<hearth::CodeObject> list;
    for_objects([&](std::string_view module, std::string_view target) {
      list.push_back({module, target, files[list.size()].bytes()});
    });
    return list;
  }();
  return {objects, gpu_kernel_names(), ""};
}

}  // namespace hearth::amd
