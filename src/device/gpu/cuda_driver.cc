// CUDA's driver API behind DriverApi. The declarations and numbers are those of NVIDIA's "CUDA Driver API" reference;
// names with a _v2 are what the documented functions are called in the library.
#include <fmt/format.h>

#include <string_view>

#include "device/gpu/driver_api.h"
#include "device/gpu/driver_library.h"

namespace hearth {
namespace {

using DevicePointer = unsigned long long;

// Of CUdevice_attribute.
constexpr int kWarpSize = 10;
constexpr int kMultiprocessorCount = 16;
constexpr int kIntegrated = 18;
constexpr int kComputeCapabilityMajor = 75;
constexpr int kComputeCapabilityMinor = 76;
constexpr int kMaxSharedMemoryPerBlockOptin = 97;

constexpr int kFunctionMaxDynamicSharedBytes = 8;  // of CUfunction_attribute
constexpr unsigned kStreamNonBlocking = 1;
constexpr int kCaptureThreadLocal = 1;

struct Cuda {
  int (*init)(unsigned);
  int (*driver_version)(int*);
  int (*device_count)(int*);
  int (*device)(int*, int);
  int (*device_name)(char*, int, int);
  int (*device_attribute)(int*, int, int);
  int (*device_memory)(std::size_t*, int);
  int (*device_pci_bus_id)(char*, int, int);
  int (*context_retain)(void**, int);
  int (*context_release)(int);
  int (*context_set_current)(void*);
  int (*memory)(std::size_t*, std::size_t*);
  int (*allocate)(DevicePointer*, std::size_t);
  int (*free)(DevicePointer);
  int (*allocate_pinned)(void**, std::size_t, unsigned);
  int (*free_pinned)(void*);
  int (*set_bytes)(DevicePointer, unsigned char, std::size_t, void*);
  int (*copy_to_device)(DevicePointer, const void*, std::size_t, void*);
  int (*copy_to_host)(void*, DevicePointer, std::size_t, void*);
  int (*copy_on_device)(DevicePointer, DevicePointer, std::size_t, void*);
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
  int (*function_set)(void*, int, int);
  int (*launch)(void*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void*, void**, void**);
  int (*launch_extended)(const void*, void*, void**, void**);
  int (*capture_begin)(void*, int);
  int (*capture_end)(void*, void**);
  int (*graph_instantiate)(void**, void*, unsigned long long);
  int (*graph_launch)(void*, void*);
  int (*graph_exec_destroy)(void*);
  int (*graph_destroy)(void*);
  int (*error_name)(int, const char**);
  int (*error_text)(int, const char**);
  int (*describe_tensor)(void*, int, unsigned, void*, const std::uint64_t*, const std::uint64_t*, const std::uint32_t*,
                         const std::uint32_t*, int, int, int, int);
  std::string failure;
};

Cuda load_cuda() {
  Cuda c;
  DriverLibrary library{"libcuda.so.1"};
  library.find(c.init, "cuInit");
  library.find(c.driver_version, "cuDriverGetVersion");
  library.find(c.device_count, "cuDeviceGetCount");
  library.find(c.device, "cuDeviceGet");
  library.find(c.device_name, "cuDeviceGetName");
  library.find(c.device_attribute, "cuDeviceGetAttribute");
  library.find(c.device_memory, "cuDeviceTotalMem_v2");
  library.find(c.device_pci_bus_id, "cuDeviceGetPCIBusId");
  library.find(c.context_retain, "cuDevicePrimaryCtxRetain");
  library.find(c.context_release, "cuDevicePrimaryCtxRelease_v2");
  library.find(c.context_set_current, "cuCtxSetCurrent");
  library.find(c.memory, "cuMemGetInfo_v2");
  library.find(c.allocate, "cuMemAlloc_v2");
  library.find(c.free, "cuMemFree_v2");
  library.find(c.allocate_pinned, "cuMemHostAlloc");
  library.find(c.free_pinned, "cuMemFreeHost");
  library.find(c.set_bytes, "cuMemsetD8Async");
  library.find(c.copy_to_device, "cuMemcpyHtoDAsync_v2");
  library.find(c.copy_to_host, "cuMemcpyDtoHAsync_v2");
  library.find(c.copy_on_device, "cuMemcpyDtoDAsync_v2");
  library.find(c.stream_create, "cuStreamCreate");
  library.find(c.stream_destroy, "cuStreamDestroy_v2");
  library.find(c.stream_synchronize, "cuStreamSynchronize");
  library.find(c.stream_wait, "cuStreamWaitEvent");
  library.find(c.event_create, "cuEventCreate");
  library.find(c.event_destroy, "cuEventDestroy_v2");
  library.find(c.event_record, "cuEventRecord");
  library.find(c.event_synchronize, "cuEventSynchronize");
  library.find(c.event_elapsed, "cuEventElapsedTime");
  library.find(c.module_load, "cuModuleLoadData");
  library.find(c.module_unload, "cuModuleUnload");
  library.find(c.module_function, "cuModuleGetFunction");
  library.find(c.function_set, "cuFuncSetAttribute");
  library.find(c.launch, "cuLaunchKernel");
  library.find(c.launch_extended, "cuLaunchKernelEx");
  library.find(c.capture_begin, "cuStreamBeginCapture_v2");
  library.find(c.capture_end, "cuStreamEndCapture");
  library.find(c.graph_instantiate, "cuGraphInstantiateWithFlags");
  library.find(c.graph_launch, "cuGraphLaunch");
  library.find(c.graph_exec_destroy, "cuGraphExecDestroy");
  library.find(c.graph_destroy, "cuGraphDestroy");
  library.find(c.error_name, "cuGetErrorName");
  library.find(c.error_text, "cuGetErrorString");
  library.find(c.describe_tensor, "cuTensorMapEncodeTiled");
  c.failure = library.failure();
  return c;
}

const Cuda& cuda() {
  static const Cuda library = load_cuda();
  return library;
}

DevicePointer number(const void* device) {
  return reinterpret_cast<DevicePointer>(device);
}

const char* cuda_error_name(int error) {
  const char* name = nullptr;
  cuda().error_name(error, &name);
  return name;
}

const char* cuda_error_text(int error) {
  const char* text = nullptr;
  cuda().error_text(error, &text);
  return text;
}

int cuda_properties(int index, GpuProperties* out) {
  const Cuda& c = cuda();
  int device = 0, major = 0, minor = 0, shared = 0, integrated = 0, version = 0;
  char name[256] = {}, pci_bus_id[64] = {};
  std::size_t memory = 0;
  int status = c.device(&device, index);
  const auto attribute = [&](int* value, int which) {
    if (status == 0) status = c.device_attribute(value, which, device);
  };
  attribute(&major, kComputeCapabilityMajor);
  attribute(&minor, kComputeCapabilityMinor);
  attribute(&out->wave_size, kWarpSize);
  attribute(&out->multiprocessor_count, kMultiprocessorCount);
  attribute(&shared, kMaxSharedMemoryPerBlockOptin);
  attribute(&integrated, kIntegrated);
  if (status == 0) status = c.device_name(name, sizeof name, device);
  if (status == 0) status = c.device_memory(&memory, device);
  if (status == 0) status = c.device_pci_bus_id(pci_bus_id, sizeof pci_bus_id, device);
  if (status == 0) status = c.driver_version(&version);
  if (status != 0) return status;
  out->name = name;
  out->architecture = fmt::format("sm_{}{}", major, minor);
  // The API's version, and that of the kernel's module, which NVIDIA's packages are numbered by.
  const std::string module_version = first_line("/sys/module/nvidia/version");
  out->driver_version = fmt::format("{}.{}{}", version / 1000, version % 1000 / 10,
                                    module_version.empty() ? "" : fmt::format(" ({})", module_version));
  out->pci_bus_id = pci_bus_id;
  out->shared_bytes_max = shared;
  out->memory_bytes = static_cast<std::int64_t>(memory);
  out->integrated = integrated != 0;
  return 0;
}

int cuda_open(int index) {
  int device = 0;
  if (const int status = cuda().device(&device, index); status != 0) return status;
  void* context = nullptr;
  if (const int status = cuda().context_retain(&context, device); status != 0) return status;
  const int status = cuda().context_set_current(context);
  if (status != 0) cuda().context_release(device);
  return status;
}

int cuda_close(int index) {
  int device = 0;
  if (const int status = cuda().device(&device, index); status != 0) return status;
  return cuda().context_release(device);
}

int cuda_memory_available(std::int64_t* bytes) {
  std::size_t available = 0, total = 0;
  const int status = cuda().memory(&available, &total);
  *bytes = static_cast<std::int64_t>(available);
  return status;
}

int cuda_allocate(void** device, std::size_t bytes) {
  DevicePointer pointer = 0;
  const int status = cuda().allocate(&pointer, bytes);
  *device = reinterpret_cast<void*>(pointer);
  return status;
}

int cuda_launch(void* function, const unsigned (&grid)[3], unsigned threads, unsigned shared_bytes, void* stream,
                void** params) {
  return cuda().launch(function, grid[0], grid[1], grid[2], threads, 1, 1, shared_bytes, stream, params, nullptr);
}

// Of CUlaunchAttribute and CUlaunchConfig.
struct LaunchAttribute {
  int id;
  char padding[4];
  union {
    char bytes[64];
    int number;
  } value;
};
struct LaunchConfig {
  unsigned grid_x, grid_y, grid_z, block_x, block_y, block_z, shared_bytes;
  void* stream;
  LaunchAttribute* attributes;
  unsigned attribute_count;
};

int cuda_launch_overlapped(void* function, const unsigned (&grid)[3], unsigned threads, unsigned shared_bytes,
                           void* stream, void** params) {
  constexpr int kProgrammaticStreamSerialization = 6;  // of CUlaunchAttributeID
  LaunchAttribute attribute{kProgrammaticStreamSerialization, {}, {}};
  attribute.value.number = 1;
  const LaunchConfig config{grid[0], grid[1], grid[2], threads, 1, 1, shared_bytes, stream, &attribute, 1};
  return cuda().launch_extended(&config, function, params, nullptr);
}

int cuda_capture_end(void* stream, void** graph) {
  void* recorded = nullptr;
  if (const int status = cuda().capture_end(stream, &recorded); status != 0) return status;
  const int status = cuda().graph_instantiate(graph, recorded, 0);
  cuda().graph_destroy(recorded);
  return status;
}

int cuda_set_zero(void* device, std::size_t bytes, void* stream) {
  return cuda().set_bytes(number(device), 0, bytes, stream);
}

int cuda_copy_to_device(void* device, const void* host, std::size_t bytes, void* stream) {
  return cuda().copy_to_device(number(device), host, bytes, stream);
}

int cuda_copy_to_host(void* host, const void* device, std::size_t bytes, void* stream) {
  return cuda().copy_to_host(host, number(device), bytes, stream);
}

int cuda_copy_on_device(void* to, const void* from, std::size_t bytes, void* stream) {
  return cuda().copy_on_device(number(to), number(from), bytes, stream);
}

int cuda_describe_matrix(void* map, const MatrixDescription& matrix) {
  // Of CUtensorMapDataType, CUtensorMapSwizzle and CUtensorMapL2promotion.
  constexpr int kUint64 = 4, kBf16 = 9, kNoSwizzle = 0, kSwizzle128Bytes = 3, kPromote128Bytes = 2;
  const bool is_bf16 = matrix.element == MatrixDescription::Element::kBf16Swizzled;
  const std::uint64_t sizes[] = {static_cast<std::uint64_t>(matrix.columns), static_cast<std::uint64_t>(matrix.rows)};
  const std::uint64_t row_bytes[] = {sizes[0] * (is_bf16 ? 2 : 8)};
  const std::uint32_t box[] = {static_cast<std::uint32_t>(matrix.box_columns),
                               static_cast<std::uint32_t>(matrix.box_rows)};
  const std::uint32_t steps[] = {1, 1};
  return cuda().describe_tensor(map, is_bf16 ? kBf16 : kUint64, 2, const_cast<void*>(matrix.data), sizes, row_bytes,
                                box, steps, 0, is_bf16 ? kSwizzle128Bytes : kNoSwizzle, kPromote128Bytes, 0);
}

// The library's functions are taken once they are known to be there.
DriverApi cuda_api(const Cuda& c) {
  return DriverApi{
      .kind = DeviceKind::kCuda,
      .device_count = {"cuDeviceGetCount", c.device_count},
      .properties = {"cuDeviceGetAttribute", cuda_properties},
      .open = {"cuDevicePrimaryCtxRetain", cuda_open},
      .close = {"cuDevicePrimaryCtxRelease", cuda_close},
      .memory_available = {"cuMemGetInfo", cuda_memory_available},
      .allocate = {"cuMemAlloc", cuda_allocate},
      .free = {"cuMemFree", [](void* device) { return cuda().free(number(device)); }},
      .allocate_pinned = {"cuMemHostAlloc",
                          [](void** host, std::size_t bytes) { return cuda().allocate_pinned(host, bytes, 0); }},
      .free_pinned = {"cuMemFreeHost", c.free_pinned},
      .set_zero = {"cuMemsetD8Async", cuda_set_zero},
      .copy_to_device = {"cuMemcpyHtoDAsync", cuda_copy_to_device},
      .copy_to_host = {"cuMemcpyDtoHAsync", cuda_copy_to_host},
      .copy_on_device = {"cuMemcpyDtoDAsync", cuda_copy_on_device},
      .stream_create = {"cuStreamCreate",
                        [](void** stream) { return cuda().stream_create(stream, kStreamNonBlocking); }},
      .stream_destroy = {"cuStreamDestroy", c.stream_destroy},
      .stream_synchronize = {"cuStreamSynchronize", c.stream_synchronize},
      .stream_wait = {"cuStreamWaitEvent",
                      [](void* stream, void* event) { return cuda().stream_wait(stream, event, 0); }},
      .event_create = {"cuEventCreate", [](void** event) { return cuda().event_create(event, 0); }},
      .event_destroy = {"cuEventDestroy", c.event_destroy},
      .event_record = {"cuEventRecord", c.event_record},
      .event_synchronize = {"cuEventSynchronize", c.event_synchronize},
      .event_elapsed_ms = {"cuEventElapsedTime", c.event_elapsed},
      .module_load = {"cuModuleLoadData", c.module_load},
      .module_unload = {"cuModuleUnload", c.module_unload},
      .module_function = {"cuModuleGetFunction", c.module_function},
      .function_set_shared_max = {"cuFuncSetAttribute",
                                  [](void* function, int bytes) {
                                    return cuda().function_set(function, kFunctionMaxDynamicSharedBytes, bytes);
                                  }},
      .launch = {"cuLaunchKernel", cuda_launch},
      .capture_begin = {"cuStreamBeginCapture",
                        [](void* stream) { return cuda().capture_begin(stream, kCaptureThreadLocal); }},
      .capture_end = {"cuStreamEndCapture, cuGraphInstantiate", cuda_capture_end},
      .graph_launch = {"cuGraphLaunch", c.graph_launch},
      .graph_destroy = {"cuGraphExecDestroy", c.graph_exec_destroy},
      .error_name = cuda_error_name,
      .error_text = cuda_error_text,
      .launch_overlapped = cuda_launch_overlapped,
      .describe_matrix = cuda_describe_matrix,
  };
}

}  // namespace

DriverLookup cuda_driver() {
  const Cuda& c = cuda();
  if (!c.failure.empty()) return {nullptr, c.failure};
  if (const int status = c.init(0); status != 0) {
    return {nullptr, "cuInit failed: " + describe_error(status, cuda_error_name(status), cuda_error_text(status))};
  }
  static const DriverApi api = cuda_api(c);
  return {&api, ""};
}

}  // namespace hearth
