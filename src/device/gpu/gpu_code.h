// The kernels that a program carries: code objects for the GPUs it was built for, and the names of the kernels that
// must be in each.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hearth {

// One `.cu` file compiled for one target.
struct CodeObject {
  std::string_view module;  // the file's name: "rms_norm_gpu"
  std::string_view target;  // "sm_90a", "gfx1100"
  std::span<const std::byte> image;
};

struct GpuKernelName {
  const char* module;
  const char* name;
  const char* only_target = nullptr;  // null: every target has it
};

// NVIDIA's version of a target or architecture, ten times: 90 for "sm_90a"; 0 for another vendor's.
int cuda_version(std::string_view name);

struct GpuCode {
  std::span<const CodeObject> objects;
  std::span<const GpuKernelName> kernels;  // a launch names one by its index
  std::string_view missing;                // why objects for some vendor are absent; empty: none is

  // The target whose objects a device of this architecture runs, or an empty string. AMD: the same name. NVIDIA: the
  // same major version and the highest minor one that is not above the device's ("sm_89" runs "sm_80"); a target with
  // a letter ("sm_90a") runs on exactly its version, and is preferred there.
  std::string_view target_for(std::string_view architecture) const;
  // Every target that there is an object for, in the order of the objects.
  std::vector<std::string_view> targets() const;
  // Why there is no target for an architecture, for the user: "this program has no kernels for gfx1036, only for
  // sm_90a".
  std::string refusal(std::string_view architecture) const;
};

}  // namespace hearth
