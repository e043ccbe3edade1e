// AMD's HIP behind DriverApi. The declarations and numbers are those of the "HIP API reference"; what HIP does not say,
// or says otherwise in each version, comes from the kernel (amd_sysfs.h).
#include <fmt/format.h>

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "device/gpu/amd_sysfs.h"
#include "device/gpu/driver_api.h"
#include "device/gpu/driver_library.h"

namespace hearth {
namespace {

// Of hipDeviceAttribute_t, the same in ROCm 5, 6 and 7.
constexpr int kIntegrated = 16;
constexpr int kMultiprocessorCount = 63;
constexpr int kMaxSharedMemoryPerBlock = 74;
constexpr int kWarpSize = 87;

constexpr unsigned kStreamNonBlocking = 1;
constexpr int kCaptureThreadLocal = 1;

struct Hip {
  int (*init)(unsigned);
  int (*driver_version)(int*);
  int (*device_count)(int*);
  int (*device)(int*);
  int (*device_set)(int);
  int (*device_name)(char*, int, int);
  int (*device_attribute)(int*, int, int);
  int (*device_memory)(std::size_t*, int);
  int (*device_properties)(void*, int);  // may be null
  int (*device_pci_bus_id)(char*, int, int);
  int (*memory)(std::size_t*, std::size_t*);
  int (*allocate)(void**, std::size_t);
  int (*free)(void*);
  int (*allocate_pinned)(void**, std::size_t, unsigned);
  int (*free_pinned)(void*);
  int (*set_bytes)(void*, int, std::size_t, void*);
  int (*copy_to_device)(void*, const void*, std::size_t, void*);
  int (*copy_to_host)(void*, void*, std::size_t, void*);
  int (*copy_on_device)(void*, void*, std::size_t, void*);
  int (*stream_create)(void**, unsigned);
  int (*stream_destroy)(void*);
  int (*stream_synchronize)(void*);
  int (*stream_wait)(void*, void*, unsigned);
  int (*event_create)(void**, unsigned);
  int (*event_destroy)(void*);
  int (*event_record)(void*, void*);
  int (*event_synchronize)(void*);
  int (*event_elapsed)(float*, void*, void*);
  int (*module_load)(void**, const void*);
  int (*module_unload)(void*);
  int (*module_function)(void**, void*, const char*);
  int (*launch)(void*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void*, void**, void**);
  int (*capture_begin)(void*, int);
  int (*capture_end)(void*, void**);
  int (*graph_instantiate)(void**, void*, unsigned long long);
  int (*graph_launch)(void*, void*);
  int (*graph_exec_destroy)(void*);
  int (*graph_destroy)(void*);
  const char* (*error_name)(int);
  const char* (*error_text)(int);
  std::string failure;
};

Hip load_hip() {
  Hip h;
  DriverLibrary library{"libamdhip64.so", "libamdhip64.so.7", "libamdhip64.so.6", "libamdhip64.so.5",
                        "/opt/rocm/lib/libamdhip64.so"};
  library.find(h.init, "hipInit");
  library.find(h.driver_version, "hipDriverGetVersion");
  library.find(h.device_count, "hipGetDeviceCount");
  library.find(h.device, "hipGetDevice");
  library.find(h.device_set, "hipSetDevice");
  library.find(h.device_name, "hipDeviceGetName");
  library.find(h.device_attribute, "hipDeviceGetAttribute");
  library.find(h.device_memory, "hipDeviceTotalMem");
  library.find_if_there(h.device_properties, "hipGetDevicePropertiesR0600");
  if (h.device_properties == nullptr) library.find_if_there(h.device_properties, "hipGetDeviceProperties");
  library.find(h.device_pci_bus_id, "hipDeviceGetPCIBusId");
  library.find(h.memory, "hipMemGetInfo");
  library.find(h.allocate, "hipMalloc");
  library.find(h.free, "hipFree");
  library.find(h.allocate_pinned, "hipHostMalloc");
  library.find(h.free_pinned, "hipHostFree");
  library.find(h.set_bytes, "hipMemsetAsync");
  library.find(h.copy_to_device, "hipMemcpyHtoDAsync");
  library.find(h.copy_to_host, "hipMemcpyDtoHAsync");
  library.find(h.copy_on_device, "hipMemcpyDtoDAsync");
  library.find(h.stream_create, "hipStreamCreateWithFlags");
  library.find(h.stream_destroy, "hipStreamDestroy");
  library.find(h.stream_synchronize, "hipStreamSynchronize");
  library.find(h.stream_wait, "hipStreamWaitEvent");
  library.find(h.event_create, "hipEventCreateWithFlags");
  library.find(h.event_destroy, "hipEventDestroy");
  library.find(h.event_record, "hipEventRecord");
  library.find(h.event_synchronize, "hipEventSynchronize");
  library.find(h.event_elapsed, "hipEventElapsedTime");
  library.find(h.module_load, "hipModuleLoadData");
  library.find(h.module_unload, "hipModuleUnload");
  library.find(h.module_function, "hipModuleGetFunction");
  library.find(h.launch, "hipModuleLaunchKernel");
  library.find(h.capture_begin, "hipStreamBeginCapture");
  library.find(h.capture_end, "hipStreamEndCapture");
  library.find(h.graph_instantiate, "hipGraphInstantiateWithFlags");
  library.find(h.graph_launch, "hipGraphLaunch");
  library.find(h.graph_exec_destroy, "hipGraphExecDestroy");
  library.find(h.graph_destroy, "hipGraphDestroy");
  library.find(h.error_name, "hipGetErrorName");
  library.find(h.error_text, "hipGetErrorString");
  h.failure = library.failure();
  return h;
}

const Hip& hip() {
  static const Hip library = load_hip();
  return library;
}

int pci_bus_id(int index, std::string* out) {
  char id[64] = {};
  const int status = hip().device_pci_bus_id(id, sizeof id, index);
  *out = id;
  return status;
}

// "gfx90a:sramecc+:xnack-" -> "gfx90a", from the struct of a device's properties. Its layout changes between versions,
// but in each the architecture is the only text of this kind behind the name.
std::string architecture_in(std::string_view properties) {
  constexpr std::size_t kNameBytes = 256;
  const std::size_t begin = properties.find("gfx", kNameBytes);
  if (begin == std::string_view::npos) return "";
  const std::size_t end = properties.find_first_not_of("0123456789abcdef", begin + 3);
  return std::string(properties.substr(begin, end - begin));
}

// The kernel says it best; under WSL and in some containers it says nothing.
std::string architecture_at(int index, std::string_view pci_bus_id) {
  std::string architecture = amd_architecture_at(pci_bus_id);
  if (!architecture.empty() || hip().device_properties == nullptr) return architecture;
  std::array<char, 16384> properties{};  // ten times what any version writes
  if (hip().device_properties(properties.data(), index) != 0) return "";
  return architecture_in({properties.data(), properties.size()});
}

// Old versions of the attribute know only those processors that share page tables with their graphics.
int is_integrated(int index, std::string_view architecture, bool* out) {
  int attribute = 0;
  const int status = hip().device_attribute(&attribute, kIntegrated, index);
  *out = attribute != 0 || amd_is_integrated(architecture);
  return status;
}

int hip_properties(int index, GpuProperties* out) {
  const Hip& h = hip();
  int shared = 0, version = 0;
  char name[256] = {};
  std::size_t memory = 0;
  int status = pci_bus_id(index, &out->pci_bus_id);
  const auto attribute = [&](int* value, int which) {
    if (status == 0) status = h.device_attribute(value, which, index);
  };
  attribute(&out->wave_size, kWarpSize);
  attribute(&out->multiprocessor_count, kMultiprocessorCount);
  attribute(&shared, kMaxSharedMemoryPerBlock);
  if (status == 0) status = h.device_name(name, sizeof name, index);
  if (status == 0) status = h.device_memory(&memory, index);
  if (status == 0) status = h.driver_version(&version);
  if (status != 0) return status;
  out->name = name;
  out->architecture = architecture_at(index, out->pci_bus_id);
  out->driver_version = fmt::format("{}.{}.{}", version / 10000000, version / 100000 % 100, version % 100000);
  out->shared_bytes_max = shared;
  status = is_integrated(index, out->architecture, &out->integrated);
  const std::optional<AmdMemory> seen = amd_memory_at(out->pci_bus_id, out->integrated);
  out->memory_bytes = seen ? seen->total_bytes : static_cast<std::int64_t>(memory);
  out->memory_available_bytes = seen ? seen->available_bytes : 0;
  return status;
}

int hip_memory_available(std::int64_t* bytes) {
  int index = 0;
  bool integrated = false;
  std::string pci;
  std::size_t available = 0, total = 0;
  int status = hip().device(&index);
  if (status == 0) status = pci_bus_id(index, &pci);
  if (status == 0) status = is_integrated(index, architecture_at(index, pci), &integrated);
  if (status != 0) return status;
  if (const std::optional<AmdMemory> seen = amd_memory_at(pci, integrated)) {
    *bytes = seen->available_bytes;
    return 0;
  }
  status = hip().memory(&available, &total);
  *bytes = static_cast<std::int64_t>(available);
  return status;
}

int hip_launch(void* function, const unsigned (&grid)[3], unsigned threads, unsigned shared_bytes, void* stream,
               void** params) {
  return hip().launch(function, grid[0], grid[1], grid[2], threads, 1, 1, shared_bytes, stream, params, nullptr);
}

int hip_capture_end(void* stream, void** graph) {
  void* recorded = nullptr;
  if (const int status = hip().capture_end(stream, &recorded); status != 0) return status;
  const int status = hip().graph_instantiate(graph, recorded, 0);
  hip().graph_destroy(recorded);
  return status;
}

int hip_set_zero(void* device, std::size_t bytes, void* stream) {
  return hip().set_bytes(device, 0, bytes, stream);
}

int hip_copy_to_host(void* host, const void* device, std::size_t bytes, void* stream) {
  return hip().copy_to_host(host, const_cast<void*>(device), bytes, stream);
}

int hip_copy_on_device(void* to, const void* from, std::size_t bytes, void* stream) {
  return hip().copy_on_device(to, const_cast<void*>(from), bytes, stream);
}

// The library's functions are taken once they are known to be there.
DriverApi hip_api(const Hip& h) {
  return DriverApi{
      .kind = DeviceKind::kHip,
      .device_count = {"hipGetDeviceCount", h.device_count},
      .properties = {"hipDeviceGetAttribute", hip_properties},
      .open = {"hipSetDevice", h.device_set},
      .close = {"hipSetDevice", [](int) { return 0; }},  // HIP keeps a device's context until the process ends
      .memory_available = {"hipMemGetInfo", hip_memory_available},
      .allocate = {"hipMalloc", h.allocate},
      .free = {"hipFree", h.free},
      .allocate_pinned = {"hipHostMalloc",
                          [](void** host, std::size_t bytes) { return hip().allocate_pinned(host, bytes, 0); }},
      .free_pinned = {"hipHostFree", h.free_pinned},
      .set_zero = {"hipMemsetAsync", hip_set_zero},
      .copy_to_device = {"hipMemcpyHtoDAsync", h.copy_to_device},
      .copy_to_host = {"hipMemcpyDtoHAsync", hip_copy_to_host},
      .copy_on_device = {"hipMemcpyDtoDAsync", hip_copy_on_device},
      .stream_create = {"hipStreamCreateWithFlags",
                        [](void** stream) { return hip().stream_create(stream, kStreamNonBlocking); }},
      .stream_destroy = {"hipStreamDestroy", h.stream_destroy},
      .stream_synchronize = {"hipStreamSynchronize", h.stream_synchronize},
      .stream_wait = {"hipStreamWaitEvent",
                      [](void* stream, void* event) { return hip().stream_wait(stream, event, 0); }},
      .event_create = {"hipEventCreateWithFlags", [](void** event) { return hip().event_create(event, 0); }},
      .event_destroy = {"hipEventDestroy", h.event_destroy},
      .event_record = {"hipEventRecord", h.event_record},
      .event_synchronize = {"hipEventSynchronize", h.event_synchronize},
      .event_elapsed_ms = {"hipEventElapsedTime", h.event_elapsed},
      .module_load = {"hipModuleLoadData", h.module_load},
      .module_unload = {"hipModuleUnload", h.module_unload},
      .module_function = {"hipModuleGetFunction", h.module_function},
      // AMD's kernels may have all of a block's shared memory without asking.
      .function_set_shared_max = {"hipFuncSetAttribute", [](void*, int) { return 0; }},
      .launch = {"hipModuleLaunchKernel", hip_launch},
      .capture_begin = {"hipStreamBeginCapture",
                        [](void* stream) { return hip().capture_begin(stream, kCaptureThreadLocal); }},
      .capture_end = {"hipStreamEndCapture, hipGraphInstantiate", hip_capture_end},
      .graph_launch = {"hipGraphLaunch", h.graph_launch},
      .graph_destroy = {"hipGraphExecDestroy", h.graph_exec_destroy},
      .error_name = h.error_name,
      .error_text = h.error_text,
  };
}

}  // namespace

DriverLookup hip_driver() {
  const Hip& h = hip();
  if (!h.failure.empty()) return {nullptr, h.failure};
  if (const int status = h.init(0); status != 0) {
    return {nullptr, "hipInit failed: " + describe_error(status, h.error_name(status), h.error_text(status))};
  }
  static const DriverApi api = hip_api(h);
  return {&api, ""};
}

}  // namespace hearth
