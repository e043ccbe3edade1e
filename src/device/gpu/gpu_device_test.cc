// The device layer over a driver that is written here: memory is the host's, launches are written down, and any call
// can be told to fail.
#include "device/gpu/gpu_device.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <set>

#include "base/error.h"

namespace hearth {
namespace {

struct Fake {
  std::map<std::string, int> failures;  // error by call
  std::vector<std::string> log;         // what ran, in order
  std::vector<std::string> recorded;    // what the capture under way saw
  std::set<std::string> absent_kernels;
  std::vector<int> params;  // the first int of each launch's parameters
  std::vector<std::array<unsigned, 3>> grids;
  std::map<std::string, int> live;  // handles and allocations, by kind
  int shared_max = 0;
  bool capturing = false;
  std::string architecture = "sm_90";
};
Fake* fake = nullptr;  // of the test that runs

int status_of(const char* call) {
  const auto found = fake->failures.find(call);
  return found == fake->failures.end() ? 0 : found->second;
}

int take(const char* call, const char* kind, void** out) {
  if (const int status = status_of(call); status != 0) return status;
  ++fake->live[kind];
  *out = new std::string(kind);
  return 0;
}

int give(const char* kind, void* handle) {
  --fake->live[kind];
  delete static_cast<std::string*>(handle);
  return 0;
}

void note(const std::string& what) {
  (fake->capturing ? fake->recorded : fake->log).push_back(what);
}

int fake_properties(int index, GpuProperties* out) {
  out->name = fmt::format("Fake {}", index);
  out->architecture = fake->architecture;
  out->driver_version = "1.2";
  out->shared_bytes_max = 100 << 10;
  return status_of("properties");
}

int fake_allocate(void** device, std::size_t bytes) {
  if (const int status = status_of("allocate"); status != 0) return status;
  ++fake->live["memory"];
  *device = std::malloc(bytes);
  std::memset(*device, 0xcd, bytes);
  return 0;
}

int fake_allocate_pinned(void** host, std::size_t bytes) {
  if (const int status = status_of("allocate_pinned"); status != 0) return status;
  ++fake->live["pinned"];
  *host = std::malloc(bytes);
  return 0;
}

int fake_copy(void* to, const void* from, std::size_t bytes, void*) {
  if (const int status = status_of("copy"); status != 0) return status;
  note("copy");
  if (!fake->capturing) std::memcpy(to, from, bytes);
  return 0;
}

int fake_launch(void* function, const unsigned (&grid)[3], unsigned, unsigned, void*, void** params) {
  if (const int status = status_of("launch"); status != 0) return status;
  note(static_cast<const char*>(function));
  fake->grids.push_back({grid[0], grid[1], grid[2]});
  int first = 0;
  std::memcpy(&first, params[0], sizeof first);
  fake->params.push_back(first);
  return 0;
}

int fake_module_function(void** function, void*, const char* name) {
  if (fake->absent_kernels.contains(name)) return 500;
  *function = const_cast<char*>(name);
  return 0;
}

int fake_capture_end(void*, void** graph) {
  fake->capturing = false;
  if (const int status = status_of("capture_end"); status != 0) return status;
  ++fake->live["graph"];
  *graph = new std::vector<std::string>(std::move(fake->recorded));
  fake->recorded.clear();
  return 0;
}

int fake_graph_launch(void* graph, void*) {
  if (const int status = status_of("graph_launch"); status != 0) return status;
  for (const std::string& what : *static_cast<std::vector<std::string>*>(graph)) note(what);
  return 0;
}

int fake_graph_destroy(void* graph) {
  --fake->live["graph"];
  delete static_cast<std::vector<std::string>*>(graph);
  return 0;
}

const char* fake_error_name(int error) {
  return error == 1 ? "CUDA_ERROR_INVALID_VALUE" : error == 500 ? "CUDA_ERROR_NOT_FOUND" : nullptr;
}

const char* fake_error_text(int error) {
  return error == 1 ? "invalid argument" : error == 500 ? "named symbol not found" : "unknown error";
}

int fake_set_shared_max(void*, int bytes) {
  fake->shared_max = bytes;
  note("set_shared_max");
  return 0;
}

DriverApi fake_api(DeviceKind kind = DeviceKind::kCuda) {
  return DriverApi{
      .kind = kind,
      .device_count = [](int* count) { return (*count = 2, 0); },
      .properties = {"cuDeviceGetAttribute", fake_properties},
      .open = {"cuDevicePrimaryCtxRetain",
               [](int) {
                 if (const int status = status_of("open"); status != 0) return status;
                 return (++fake->live["context"], 0);
               }},
      .close = {"cuDevicePrimaryCtxRelease", [](int) { return (--fake->live["context"], 0); }},
      .memory_available = {"cuMemGetInfo", [](std::int64_t* bytes) { return (*bytes = 12345, 0); }},
      .allocate = {"cuMemAlloc", fake_allocate},
      .free = [](void* device) { return (--fake->live["memory"], std::free(device), 0); },
      .allocate_pinned = {"cuMemHostAlloc", fake_allocate_pinned},
      .free_pinned = [](void* host) { return (--fake->live["pinned"], std::free(host), 0); },
      .set_zero = {"cuMemsetD8Async",
                   [](void* device, std::size_t bytes, void*) {
                     if (const int status = status_of("set_zero"); status != 0) return status;
                     return (std::memset(device, 0, bytes), note("set_zero"), 0);
                   }},
      .copy_to_device = {"cuMemcpyHtoDAsync", fake_copy},
      .copy_to_host = {"cuMemcpyDtoHAsync", fake_copy},
      .copy_on_device = {"cuMemcpyDtoDAsync", fake_copy},
      .stream_create = {"cuStreamCreate", [](void** stream) { return take("stream_create", "stream", stream); }},
      .stream_destroy = [](void* stream) { return give("stream", stream); },
      .stream_synchronize = {"cuStreamSynchronize",
                             [](void*) { return (note("synchronize"), status_of("synchronize")); }},
      .stream_wait = {"cuStreamWaitEvent", [](void*, void*) { return (note("wait"), 0); }},
      .event_create = {"cuEventCreate", [](void** event) { return take("event_create", "event", event); }},
      .event_destroy = [](void* event) { return give("event", event); },
      .event_record = {"cuEventRecord", [](void*, void*) { return (note("record"), 0); }},
      .event_synchronize = {"cuEventSynchronize", [](void*) { return status_of("event_synchronize"); }},
      .event_elapsed_ms = {"cuEventElapsedTime", [](float* ms, void*, void*) { return (*ms = 1.5f, 0); }},
      .module_load = {"cuModuleLoadData",
                      [](void** module, const void*) { return take("module_load", "module", module); }},
      .module_unload = [](void* module) { return give("module", module); },
      .module_function = {"cuModuleGetFunction", fake_module_function},
      .function_set_shared_max = {"cuFuncSetAttribute", fake_set_shared_max},
      .launch = {"cuLaunchKernel", fake_launch},
      .capture_begin = {"cuStreamBeginCapture", [](void*) { return (fake->capturing = true, 0); }},
      .capture_end = {"cuStreamEndCapture", fake_capture_end},
      .graph_launch = {"cuGraphLaunch", fake_graph_launch},
      .graph_destroy = fake_graph_destroy,
      .error_name = fake_error_name,
      .error_text = fake_error_text,
  };
}

constexpr std::byte kImage[8] = {};
constexpr CodeObject kObjects[] = {{"norm_gpu", "sm_80", kImage},   {"add_gpu", "sm_80", kImage},
                                   {"norm_gpu", "sm_90a", kImage},  {"add_gpu", "sm_90a", kImage},
                                   {"norm_gpu", "gfx1100", kImage}, {"add_gpu", "gfx1100", kImage},
                                   {"norm_gpu", "gfx1201", kImage}};
constexpr GpuKernelName kKernels[] = {{"norm_gpu", "rms_norm"}, {"norm_gpu", "layer_norm"}, {"add_gpu", "add"}};
constexpr GpuCode kCode{kObjects, kKernels, ""};
constexpr int kRmsNorm = 0, kLayerNorm = 1, kAdd = 2;

class GpuDeviceTest : public testing::Test {
 protected:
  void SetUp() override { fake = &state_; }
  void TearDown() override {
    for (const auto& [kind, count] : state_.live) EXPECT_EQ(count, 0) << kind << " leaked";
    fake = nullptr;
  }
  // What an action throws, or an empty string.
  template <class Failure = DeviceError>
  std::string thrown(const std::function<void()>& action) {
    try {
      action();
    } catch (const Failure& failure) {
      return failure.what();
    }
    return "";
  }
  Fake state_;
  const DriverApi api_ = fake_api();
  int params_ = 7;
};

TEST(TargetFor, NvidiaRunsTheHighestMinorVersionOfItsMajorOne) {
  constexpr CodeObject kAll[] = {{"m", "sm_80", {}},   {"m", "sm_86", {}},  {"m", "sm_90", {}},  {"m", "sm_90a", {}},
                                 {"m", "sm_100a", {}}, {"m", "sm_120", {}}, {"m", "gfx90a", {}}, {"m", "gfx1100", {}}};
  const GpuCode code{kAll, {}, ""};
  EXPECT_EQ(code.target_for("sm_80"), "sm_80");
  EXPECT_EQ(code.target_for("sm_86"), "sm_86");
  EXPECT_EQ(code.target_for("sm_89"), "sm_86");
  EXPECT_EQ(code.target_for("sm_90"), "sm_90a");
  EXPECT_EQ(code.target_for("sm_91"), "sm_90");
  EXPECT_EQ(code.target_for("sm_100"), "sm_100a");
  EXPECT_EQ(code.target_for("sm_103"), "");
  EXPECT_EQ(code.target_for("sm_121"), "sm_120");
  EXPECT_EQ(code.target_for("sm_75"), "");
  EXPECT_EQ(code.target_for("sm_"), "");
  EXPECT_EQ(code.target_for("gfx90a"), "gfx90a");
  EXPECT_EQ(code.target_for("gfx1100"), "gfx1100");
  EXPECT_EQ(code.target_for("gfx1101"), "");
  EXPECT_EQ(code.target_for(""), "");
}

TEST(TargetFor, ARefusalSaysWhatThereIs) {
  EXPECT_EQ(kCode.refusal("gfx1036"), "this program has no kernels for gfx1036, only for sm_80 sm_90a gfx1100 gfx1201");
  EXPECT_EQ((GpuCode{{}, {}, "nvcc was not found"}).refusal("sm_90"),
            "this program has no kernels for sm_90; nvcc was not found");
  EXPECT_EQ((GpuCode{}).refusal(""), "its architecture is not known");
}

TEST_F(GpuDeviceTest, LaunchesCountUnderTheKernelsName) {
  GpuDevice device(api_, 1, kCode);
  EXPECT_EQ(device.id().to_string(), "cuda:1");
  EXPECT_EQ(device.description(), "Fake 1, sm_90, driver 1.2");
  EXPECT_EQ(device.target(), "sm_90a");
  EXPECT_EQ(state_.live["module"], 2);
  const auto stream = device.open_stream();
  gpu_stream(*stream).launch(kRmsNorm, {3, 2}, 64, &params_);
  gpu_stream(*stream).launch(kRmsNorm, {1}, 64, &params_);
  params_ = 8;
  gpu_stream(*stream).launch(kAdd, {1, 1, 5}, 256, &params_);
  gpu_stream(*stream).launch(kAdd, {0}, 256, &params_);
  gpu_stream(*stream).launch(kAdd, {4, 0}, 256, &params_);
  EXPECT_EQ(device.ledger().launches, (std::map<std::string_view, std::int64_t>{{"rms_norm", 2}, {"add", 1}}));
  EXPECT_EQ(state_.log, (std::vector<std::string>{"rms_norm", "rms_norm", "add"}));
  EXPECT_EQ(state_.params, (std::vector{7, 7, 8}));
  EXPECT_EQ(state_.grids[0], (std::array{3u, 2u, 1u}));
}

TEST_F(GpuDeviceTest, CopiesAndAllocationsCount) {
  GpuDevice device(api_, 0, kCode);
  Buffer buffer = device.allocate(16, "a test");
  for (int i = 0; i < 16; ++i) EXPECT_EQ(buffer.data()[i], std::byte{0});
  EXPECT_EQ(state_.log, (std::vector<std::string>{"set_zero", "synchronize"}));
  const auto stream = device.open_stream();
  const int sent = 42;
  int received = 0;
  stream->upload(buffer.data() + 4, &sent, sizeof sent);
  stream->download(&received, buffer.data() + 4, sizeof received);
  stream->upload(buffer.data(), nullptr, 0);
  stream->download(nullptr, buffer.data(), 0);
  stream->copy(buffer.data(), buffer.data() + 8, 0);
  stream->set_zero(buffer.data(), 0);
  stream->synchronize();
  EXPECT_EQ(received, 42);
  stream->copy(buffer.data() + 8, buffer.data() + 4, 4);
  EXPECT_EQ(buffer.data()[8], std::byte{42});
  stream->set_zero(buffer.data(), 16);
  EXPECT_EQ(buffer.data()[4], std::byte{0});
  EXPECT_EQ(device.ledger().host_to_device_bytes, 4);
  EXPECT_EQ(device.ledger().device_to_host_bytes, 4);
  EXPECT_EQ(device.ledger().allocation_count, 1);
  EXPECT_EQ(device.ledger().allocated_bytes, 16);
  buffer = Buffer();
  EXPECT_EQ(device.ledger().allocated_bytes, 0);
  EXPECT_EQ(device.memory_available_bytes(), 12345);
}

TEST_F(GpuDeviceTest, ACaptureCountsWhenItIsReplayed) {
  GpuDevice device(api_, 0, kCode);
  const Buffer buffer = device.allocate(16, "a test");
  GpuStream stream(device);
  stream.launch(kAdd, {1}, 64, &params_);
  state_.log.clear();
  const int positions = 3;
  stream.begin_capture();
  stream.launch(kRmsNorm, {1}, 64, &params_);
  stream.upload(buffer.data(), &positions, sizeof positions);
  stream.launch(kAdd, {1}, 64, &params_);
  stream.launch(kRmsNorm, {1}, 64, &params_);
  GpuGraph graph = stream.end_capture();
  EXPECT_TRUE(graph);
  EXPECT_TRUE(state_.log.empty());
  EXPECT_EQ(device.ledger().launches, (std::map<std::string_view, std::int64_t>{{"add", 1}}));
  EXPECT_EQ(device.ledger().host_to_device_bytes, 0);

  const GpuGraph moved = std::move(graph);
  EXPECT_FALSE(graph);
  stream.replay(moved);
  stream.replay(moved);
  EXPECT_EQ(device.ledger().launches, (std::map<std::string_view, std::int64_t>{{"add", 3}, {"rms_norm", 4}}));
  EXPECT_EQ(device.ledger().host_to_device_bytes, 8);
  EXPECT_EQ(device.ledger().graph_replay_count, 2);
  EXPECT_EQ(state_.log.size(), 8u);

  // The next capture starts from nothing.
  stream.begin_capture();
  stream.launch(kLayerNorm, {1}, 64, &params_);
  stream.replay(stream.end_capture());
  EXPECT_EQ(device.ledger().launches,
            (std::map<std::string_view, std::int64_t>{{"add", 3}, {"rms_norm", 4}, {"layer_norm", 1}}));
}

TEST_F(GpuDeviceTest, AFailedCaptureEnds) {
  GpuDevice device(api_, 0, kCode);
  GpuStream stream(device);
  stream.begin_capture();
  state_.failures["capture_end"] = 1;
  EXPECT_EQ(thrown([&] { stream.end_capture(); }),
            "cuda:0: cuStreamEndCapture failed: CUDA_ERROR_INVALID_VALUE (invalid argument)");
  state_.failures.clear();
  stream.launch(kAdd, {1}, 64, &params_);
  EXPECT_EQ(device.ledger().launches.at("add"), 1);
  stream.begin_capture();  // and one that nobody ends goes with its stream
}

TEST_F(GpuDeviceTest, ErrorsNameCallErrorAndKernel) {
  GpuDevice device(api_, 0, kCode);
  GpuStream stream(device);
  stream.launch(kAdd, {1}, 64, &params_);
  state_.failures = {{"launch", 1}, {"copy", 1}, {"synchronize", 1}, {"event_create", 1}, {"graph_launch", 1}};
  EXPECT_EQ(thrown([&] { stream.launch(kRmsNorm, {1}, 64, &params_); }),
            "cuda:0: cuLaunchKernel failed: CUDA_ERROR_INVALID_VALUE (invalid argument), kernel rms_norm");
  EXPECT_EQ(thrown([&] { stream.synchronize(); }),
            "cuda:0: cuStreamSynchronize failed: CUDA_ERROR_INVALID_VALUE (invalid argument), kernel add or one "
            "launched before it");
  int host = 0;
  EXPECT_EQ(thrown([&] { stream.upload(nullptr, &host, 4); }),
            "cuda:0: cuMemcpyHtoDAsync failed: CUDA_ERROR_INVALID_VALUE (invalid argument)");
  EXPECT_EQ(thrown([&] { stream.download(&host, nullptr, 4); }),
            "cuda:0: cuMemcpyDtoHAsync failed: CUDA_ERROR_INVALID_VALUE (invalid argument)");
  EXPECT_EQ(thrown([&] { stream.copy(nullptr, nullptr, 4); }),
            "cuda:0: cuMemcpyDtoDAsync failed: CUDA_ERROR_INVALID_VALUE (invalid argument)");
  EXPECT_EQ(thrown([&] { GpuEvent event(device); }),
            "cuda:0: cuEventCreate failed: CUDA_ERROR_INVALID_VALUE (invalid argument)");
  EXPECT_EQ(device.ledger().launches, (std::map<std::string_view, std::int64_t>{{"add", 1}}));
  EXPECT_EQ(device.ledger().host_to_device_bytes, 0);
  EXPECT_EQ(device.ledger().device_to_host_bytes, 0);
  state_.failures = {{"launch", 34}};  // an error that the driver has no name for
  EXPECT_EQ(thrown([&] { stream.launch(kAdd, {1}, 64, &params_); }),
            "cuda:0: cuLaunchKernel failed: error 34, kernel add");
}

TEST_F(GpuDeviceTest, AGridThatIsTooLargeIsRefused) {
  GpuDevice device(api_, 0, kCode);
  GpuStream stream(device);
  stream.launch(kAdd, {0x7fffffff, 0xffff, 0xffff}, 1024, &params_);
  const auto refused = [&](GpuGrid grid) { return thrown([&] { stream.launch(kAdd, grid, 64, &params_); }); };
  EXPECT_EQ(refused({1, 65536}), "cuda:0: a grid of 1 x 65536 x 1 blocks of 64 threads is too large, kernel add");
  EXPECT_NE(refused({1, 1, 65536}), "");
  EXPECT_NE(refused({std::int64_t{1} << 31}), "");
  EXPECT_EQ(device.ledger().launches.at("add"), 1);
}

TEST_F(GpuDeviceTest, AmdCountsThreadsInsteadOfBlocks) {
  state_.architecture = "gfx1100";
  const DriverApi api = fake_api(DeviceKind::kHip);
  GpuDevice device(api, 0, kCode);
  EXPECT_EQ(device.id().to_string(), "hip:0");
  GpuStream stream(device);
  stream.launch(kAdd, {0xffffffff / 256}, 256, &params_);
  EXPECT_NE(thrown([&] { stream.launch(kAdd, {0x1000000}, 256, &params_); }), "");
}

TEST_F(GpuDeviceTest, MoreSharedMemoryIsAskedForOnce) {
  GpuDevice device(api_, 0, kCode);
  GpuStream stream(device);
  stream.launch(kAdd, {1}, 64, &params_, 48 << 10);
  EXPECT_EQ(state_.shared_max, 0);
  stream.launch(kAdd, {1}, 64, &params_, 64 << 10);
  stream.launch(kAdd, {1}, 64, &params_, 60 << 10);
  EXPECT_EQ(state_.shared_max, 64 << 10);
  EXPECT_EQ(state_.log, (std::vector<std::string>{"add", "set_shared_max", "add", "add"}));
  EXPECT_EQ(thrown([&] { stream.launch(kAdd, {1}, 64, &params_, 101 << 10); }),
            "cuda:0: 103424 bytes of shared memory are more than the 102400 of a block, kernel add");
}

TEST_F(GpuDeviceTest, OutOfMemoryNamesPurposeAndSizes) {
  GpuDevice device(api_, 0, kCode);
  state_.failures = {{"allocate", kDriverOutOfMemory}, {"allocate_pinned", kDriverOutOfMemory}};
  EXPECT_EQ(thrown<OutOfMemory>([&] { device.allocate(99999, "weights"); }),
            "cuda:0: no room for 99999 bytes of weights; 12345 bytes are available");
  EXPECT_EQ(thrown<OutOfMemory>([&] { GpuDevice::PinnedBuffer buffer(device, 64); }),
            "cuda:0: no room for 64 bytes of pinned host memory");
  EXPECT_EQ(device.ledger().allocation_count, 0);
  state_.failures = {{"allocate", 1}};
  EXPECT_EQ(thrown([&] { device.allocate(8, "weights"); }),
            "cuda:0: cuMemAlloc failed: CUDA_ERROR_INVALID_VALUE (invalid argument)");
  state_.failures = {{"set_zero", 1}};
  EXPECT_EQ(thrown([&] { device.allocate(8, "weights"); }),
            "cuda:0: cuMemsetD8Async failed: CUDA_ERROR_INVALID_VALUE (invalid argument)");
}

TEST_F(GpuDeviceTest, PinnedMemoryIsOwnedOnce) {
  GpuDevice device(api_, 0, kCode);
  GpuDevice::PinnedBuffer buffer(device, 64);
  GpuDevice::PinnedBuffer moved(std::move(buffer));
  EXPECT_EQ(moved.bytes(), 64);
  moved = GpuDevice::PinnedBuffer(device, 128);
  EXPECT_EQ(moved.bytes(), 128);
  EXPECT_EQ(state_.live["pinned"], 1);
  EXPECT_EQ(device.ledger().allocation_count, 0);
}

TEST_F(GpuDeviceTest, EventsMeasure) {
  GpuDevice device(api_, 0, kCode);
  GpuStream stream(device);
  GpuEvent start(device), moved_from(device);
  const GpuEvent end(std::move(moved_from));
  stream.record(start);
  end.wait();
  EXPECT_EQ(end.elapsed_ms(start), 1.5f);
  EXPECT_EQ(state_.live["event"], 2);
  state_.failures["event_synchronize"] = 1;
  EXPECT_NE(thrown([&] { end.wait(); }), "");
}

TEST_F(GpuDeviceTest, AnotherThreadMayTakeTheDeviceOver) {
  GpuDevice device(api_, 0, kCode);
  device.make_current();
  EXPECT_EQ(state_.live["context"], 1);
}

TEST_F(GpuDeviceTest, AnObjectThatLacksAKernelIsNamed) {
  state_.absent_kernels = {"layer_norm"};
  EXPECT_EQ(thrown([&] { GpuDevice device(api_, 0, kCode); }),
            "cuda:0: cuModuleGetFunction failed: CUDA_ERROR_NOT_FOUND (named symbol not found), kernel layer_norm of "
            "code object norm_gpu for sm_90a");
}

TEST_F(GpuDeviceTest, AMissingObjectIsNamed) {
  state_.architecture = "gfx1201";
  const DriverApi api = fake_api(DeviceKind::kHip);
  EXPECT_EQ(thrown([&] { GpuDevice device(api, 0, kCode); }),
            "hip:0: this program has no code object add_gpu for gfx1201, kernel add");
}

TEST_F(GpuDeviceTest, OpeningFailsWithTheReason) {
  state_.architecture = "sm_75";
  EXPECT_EQ(thrown([&] { GpuDevice device(api_, 0, kCode); }),
            "cuda:0 (Fake 0): this program has no kernels for sm_75, only for sm_80 sm_90a gfx1100 gfx1201");
  state_.architecture = "sm_90";
  state_.failures = {{"open", 1}};
  EXPECT_EQ(thrown([&] { GpuDevice device(api_, 0, kCode); }),
            "cuda:0: cuDevicePrimaryCtxRetain failed: CUDA_ERROR_INVALID_VALUE (invalid argument)");
  state_.failures = {{"module_load", 1}};
  EXPECT_EQ(thrown([&] { GpuDevice device(api_, 0, kCode); }),
            "cuda:0: cuModuleLoadData of code object norm_gpu for sm_90a failed: CUDA_ERROR_INVALID_VALUE (invalid "
            "argument)");
}

}  // namespace
}  // namespace hearth
