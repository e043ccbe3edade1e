// Which device a program runs on: the candidates of this machine, and what `--device` makes of them. Asked for a GPU,
// it takes a GPU or fails; nothing here goes quietly to another device.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "device/device.h"
#include "device/gpu/driver_api.h"
#include "device/gpu/gpu_code.h"
#include "device/gpu/gpu_device.h"

namespace hearth {

// A GPU that a vendor's driver lists; or, with index -1, a vendor of which there is none.
struct GpuCandidate {
  DeviceKind kind = DeviceKind::kCuda;
  int index = -1;
  const DriverApi* driver = nullptr;
  GpuProperties properties;
  std::string refusal;  // why it cannot be used; empty: it can, as far as is known before it is opened

  bool present() const { return index >= 0; }
  bool usable() const { return refusal.empty(); }
  std::string id() const;           // "cuda:0", "cuda"
  std::string description() const;  // "NVIDIA H200, sm_90, driver 13.0, 139.8 GiB"; empty without a device
};

// A vendor's driver, as it was looked for.
struct VendorDriver {
  DeviceKind kind;
  DriverLookup lookup;
};
// Candidates of the given drivers, with a refusal for each that this program's kernels cannot run on; at least one for
// each driver. No device is opened.
std::vector<GpuCandidate> find_gpus(std::span<const VendorDriver> drivers, const GpuCode& code);
// Those of this machine, for the kernels of this program.
std::vector<GpuCandidate> find_gpus();

// What `name` (auto, cpu, gpu, cuda:N, hip:N) stands for: a candidate's position, or kCpuChosen. `gpu` is the usable
// discrete GPU with the most memory, or the best integrated one where there is no discrete one at all; `auto` is that
// GPU, or the CPU. Throws DeviceError, with every candidate's reason, where a GPU was asked for and there is none
// to use, and InvalidInput for another name.
inline constexpr int kCpuChosen = -1;
int choose_device(const std::string& name, std::span<const GpuCandidate> gpus);

// Why the other candidates were not chosen, in one line: "cuda:1 has less memory; hip: libamdhip64.so was not found".
std::string reasons_against_others(std::span<const GpuCandidate> gpus, int chosen);

// A candidate with the kernels of this program. Throws what GpuDevice does.
std::unique_ptr<GpuDevice> open_gpu(const GpuCandidate& gpu);
// A GpuDevice's error as a refusal, which is shown behind the candidate's id.
std::string without_id(std::string_view error, const GpuCandidate& gpu);

struct OpenedDevice {
  std::unique_ptr<Device> device;
  std::string choice;  // one line for the user: the device, and why not another
};
// Opens the device that `name` asks for. `auto` goes on to the next best where the driver refuses to open one, and says
// so; any other name throws what choose_device and GpuDevice do. `threads`: of the CPU, 0 for one a core.
OpenedDevice open_device(const std::string& name, int threads);

}  // namespace hearth
