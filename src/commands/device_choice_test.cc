// What `--device` makes of the devices of a machine: of every kind of machine, none of which is there.
#include "commands/device_choice.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace hearth {
namespace {

constexpr std::int64_t kGib = std::int64_t{1} << 30;

GpuCandidate card(DeviceKind kind, int index, std::int64_t gib, bool integrated = false, std::string refusal = "") {
  GpuCandidate gpu;
  gpu.kind = kind;
  gpu.index = index;
  gpu.properties.name = "Card";
  gpu.properties.architecture = kind == DeviceKind::kCuda ? "sm_90" : "gfx1100";
  gpu.properties.driver_version = "1.2";
  gpu.properties.memory_bytes = gib * kGib;
  gpu.properties.integrated = integrated;
  gpu.refusal = std::move(refusal);
  return gpu;
}
GpuCandidate none(DeviceKind kind, std::string refusal) {
  return card(kind, -1, 0, false, std::move(refusal));
}

const GpuCandidate kNoCuda = none(DeviceKind::kCuda, "libcuda.so.1 was not found");
const GpuCandidate kNoHip = none(DeviceKind::kHip, "libamdhip64.so was not found");

template <class Failure>
std::string refusal(const std::string& name, const std::vector<GpuCandidate>& gpus) {
  try {
    choose_device(name, gpus);
  } catch (const Failure& failure) {
    return failure.what();
  }
  return "";
}

TEST(ChooseDevice, AMachineWithoutGpus) {
  const std::vector<GpuCandidate> gpus{kNoCuda, kNoHip};
  EXPECT_EQ(choose_device("auto", gpus), kCpuChosen);
  EXPECT_EQ(choose_device("cpu", gpus), kCpuChosen);
  EXPECT_EQ(reasons_against_others(gpus, kCpuChosen),
            "cuda: libcuda.so.1 was not found; hip: libamdhip64.so was not found");
  EXPECT_EQ(refusal<DeviceError>("gpu", gpus),
            "device 'gpu': there is no GPU that can be used: cuda: libcuda.so.1 was not found; hip: libamdhip64.so was "
            "not found; `hearth devices` lists all");
  EXPECT_EQ(refusal<DeviceError>("hip:7", gpus),
            "device 'hip:7' is not there: hip: libamdhip64.so was not found; `hearth devices` lists all");
}

TEST(ChooseDevice, TheDiscreteGpuWithTheMostMemory) {
  const std::vector<GpuCandidate> gpus{card(DeviceKind::kCuda, 0, 24), card(DeviceKind::kCuda, 1, 24),
                                       card(DeviceKind::kHip, 0, 48), card(DeviceKind::kHip, 1, 96, true)};
  for (const char* name : {"auto", "gpu", "hip:0"}) EXPECT_EQ(choose_device(name, gpus), 2);
  EXPECT_EQ(choose_device("cuda:1", gpus), 1);
  EXPECT_EQ(choose_device("hip:1", gpus), 3);
  EXPECT_EQ(choose_device("cpu", gpus), kCpuChosen);
  EXPECT_EQ(choose_device("gpu", std::span(gpus).first(2)), 0);  // of equals the first
  EXPECT_EQ(reasons_against_others(gpus, 2),
            "cuda:0 has less memory; cuda:1 has less memory; hip:1 is integrated and used only when asked for");
  EXPECT_EQ(reasons_against_others(gpus, 1),
            "cuda:0 was not asked for; hip:0 was not asked for; hip:1 is integrated and used only when asked for");
}

TEST(ChooseDevice, AnIntegratedGpuIsNeverPickedOverADiscreteOne) {
  std::vector<GpuCandidate> gpus{kNoCuda, card(DeviceKind::kHip, 0, 96, true), card(DeviceKind::kHip, 1, 8)};
  EXPECT_EQ(choose_device("auto", gpus), 2);
  EXPECT_EQ(choose_device("gpu", gpus), 2);
  EXPECT_EQ(choose_device("hip:0", gpus), 1);

  gpus[2].refusal = "this program has no kernels for gfx803";
  EXPECT_EQ(choose_device("auto", gpus), kCpuChosen);
  EXPECT_EQ(refusal<DeviceError>("gpu", gpus),
            "device 'gpu': there is no GPU that can be used: cuda: libcuda.so.1 was not found; hip:0 is integrated, "
            "which is used only when asked for by name; hip:1: this program has no kernels for gfx803; `hearth "
            "devices` lists all");
  EXPECT_EQ(choose_device("hip:0", gpus), 1);

  gpus.pop_back();  // now there is no discrete one
  for (const char* name : {"auto", "gpu"}) EXPECT_EQ(choose_device(name, gpus), 1);
}

TEST(ChooseDevice, ARefusedGpuIsNotTaken) {
  const std::vector<GpuCandidate> gpus{card(DeviceKind::kCuda, 0, 80, false, "its driver is broken"),
                                       card(DeviceKind::kCuda, 1, 24), kNoHip};
  EXPECT_EQ(choose_device("auto", gpus), 1);
  EXPECT_EQ(choose_device("gpu", gpus), 1);
  EXPECT_EQ(reasons_against_others(gpus, 1), "cuda:0: its driver is broken; hip: libamdhip64.so was not found");
  EXPECT_EQ(refusal<DeviceError>("cuda:0", gpus),
            "device 'cuda:0' cannot be used: its driver is broken (`hearth devices` lists all)");
  EXPECT_EQ(refusal<DeviceError>("cuda:2", gpus),
            "device 'cuda:2' is not there: cuda:0: its driver is broken; `hearth devices` lists all");
}

TEST(ChooseDevice, OtherNamesAreNotDevices) {
  for (const char* name : {"", "abacus", "cuda", "cuda:", "cuda:-1", "cuda:1x", "hip", "hip:99999999999", "CPU"}) {
    EXPECT_NE(refusal<InvalidInput>(name, {kNoCuda, kNoHip}), "") << name;
  }
}

TEST(FindGpus, ADriverOrItsReason) {
  static const auto properties = [](int index, GpuProperties* out) {
    if (index == 2) return 1;
    out->name = "Card";
    out->architecture = index == 0 ? "gfx1100" : "gfx1036";
    out->driver_version = "6.3";
    out->memory_bytes = 24 * kGib;
    return 0;
  };
  static const auto nothing = [](auto...) { return 0; };
  const DriverApi api{.kind = DeviceKind::kHip,
                      .device_count = [](int* count) { return (*count = 3, 0); },
                      .properties = {"hipDeviceGetAttribute", properties},
                      .open = nothing,
                      .close = nothing,
                      .memory_available = nothing,
                      .allocate = nothing,
                      .free = nothing,
                      .allocate_pinned = nothing,
                      .free_pinned = nothing,
                      .set_zero = nothing,
                      .copy_to_device = nothing,
                      .copy_to_host = nothing,
                      .copy_on_device = nothing,
                      .stream_create = nothing,
                      .stream_destroy = nothing,
                      .stream_synchronize = nothing,
                      .stream_wait = nothing,
                      .event_create = nothing,
                      .event_destroy = nothing,
                      .event_record = nothing,
                      .event_synchronize = nothing,
                      .event_elapsed_ms = nothing,
                      .module_load = nothing,
                      .module_unload = nothing,
                      .module_function = nothing,
                      .function_set_shared_max = nothing,
                      .launch = nothing,
                      .capture_begin = nothing,
                      .capture_end = nothing,
                      .graph_launch = nothing,
                      .graph_destroy = nothing,
                      .error_name = [](int) { return "hipErrorInvalidDevice"; },
                      .error_text = [](int) { return "invalid device ordinal"; }};
  constexpr CodeObject kObjects[] = {{"m", "gfx1100", {}}};
  const VendorDriver drivers[] = {{DeviceKind::kCuda, {nullptr, "libcuda.so.1 was not found"}},
                                  {DeviceKind::kHip, {&api, ""}}};
  const std::vector<GpuCandidate> gpus = find_gpus(drivers, GpuCode{kObjects, {}, "no nvcc"});
  ASSERT_EQ(gpus.size(), 4u);
  EXPECT_EQ(gpus[0].id(), "cuda");
  EXPECT_EQ(gpus[0].refusal, "libcuda.so.1 was not found");
  EXPECT_EQ(gpus[0].description(), "");
  EXPECT_EQ(gpus[1].id(), "hip:0");
  EXPECT_TRUE(gpus[1].usable());
  EXPECT_EQ(gpus[1].description(), "Card, gfx1100, driver 6.3, 24.0 GiB");
  EXPECT_EQ(gpus[2].refusal, "this program has no kernels for gfx1036, only for gfx1100; no nvcc");
  EXPECT_EQ(gpus[3].refusal, "hipDeviceGetAttribute failed: hipErrorInvalidDevice (invalid device ordinal)");
  EXPECT_EQ(without_id("hip:0: hipMalloc failed", gpus[1]), "hipMalloc failed");
  EXPECT_EQ(without_id("hip:0 (Card): no", gpus[1]), "hip:0 (Card): no");
}

}  // namespace
}  // namespace hearth
