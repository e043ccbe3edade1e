// libamdhip64.so without a GPU: the part of HIP that Hearth uses, over imitated GPUs that run its code objects
// (emulator.h), one for each target. With it in LD_LIBRARY_PATH the release program runs as on AMD's GPUs, its own
// driver, loader and graphs included. What a stream is given is done at once, or recorded. The declarations and numbers
// are those of the "HIP API reference".
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <new>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "amd/emulator.h"
#include "base/error.h"

namespace hearth::amd {
namespace {

constexpr int kCount = static_cast<int>(std::size(kTargets));
constexpr std::size_t kMemoryBytes = std::size_t{4} << 30;
constexpr std::size_t kAlignment = 256;

enum HipError : int { kSuccess = 0, kInvalidValue = 1, kOutOfMemory = 2, kInvalidDevice = 101, kNotFound = 500 };
enum HipAttribute : int { kIntegrated = 16, kMultiprocessorCount = 63, kSharedBytes = 74, kWarpSize = 87 };

// Whether one of these blocks has all of the bytes.
bool holds(const std::map<std::uint64_t, std::size_t>& blocks, std::uint64_t address, std::size_t bytes) {
  auto block = blocks.upper_bound(address);
  if (block == blocks.begin()) return false;
  --block;
  return address - block->first <= block->second && bytes <= block->second - (address - block->first);
}

// Device memory, in blocks of exactly the size that was asked for.
class Blocks {
 public:
  std::byte* allocate(std::size_t bytes) {
    if (bytes > kMemoryBytes - used_) return nullptr;
    auto* data = static_cast<std::byte*>(::operator new (bytes, std::align_val_t{kAlignment}));
    std::memset(data, 0xff, bytes);
    blocks_.emplace(reinterpret_cast<std::uint64_t>(data), bytes);
    used_ += bytes;
    return data;
  }
  bool free(void* data) {
    const auto found = blocks_.find(reinterpret_cast<std::uint64_t>(data));
    if (found == blocks_.end()) return false;
    used_ -= found->second;
    blocks_.erase(found);
    ::operator delete (data, std::align_val_t{kAlignment});
    return true;
  }
  bool contains(std::uint64_t address, std::size_t bytes) const { return holds(blocks_, address, bytes); }
  std::size_t available() const { return kMemoryBytes - used_; }

 private:
  std::map<std::uint64_t, std::size_t> blocks_;
  std::size_t used_ = 0;
};

using Work = std::function<int()>;

struct Stream {
  bool capturing = false;
  std::vector<Work> recorded;
  Stream* joined = nullptr;  // that whose capture this one's work belongs to, while it goes on
};
struct Event {
  Stream* capture = nullptr;  // in which it was recorded
};

std::set<Stream*> streams;

// The stream whose capture takes what is put into this one, or null.
Stream* capture_of(Stream* stream) {
  if (stream == nullptr || stream->capturing) return stream;
  return streams.contains(stream->joined) && stream->joined->capturing ? stream->joined : nullptr;
}

Blocks blocks;
std::map<std::uint64_t, std::size_t> pinned;  // what kernels can read of the host's

// What a kernel may touch.
class KernelMemory : public Memory {
 public:
  bool contains(std::uint64_t address, std::size_t bytes) const override {
    return blocks.contains(address, bytes) || holds(pinned, address, bytes);
  }
};
int current_device = 0;

bool is_device(int index) {
  return index >= 0 && index < kCount;
}

int enqueue(void* handle, Work work) {
  Stream* const capture = capture_of(static_cast<Stream*>(handle));
  if (capture == nullptr) return work();
  capture->recorded.push_back(std::move(work));
  return kSuccess;
}

bool is_device_memory(const void* data, std::size_t bytes) {
  return blocks.contains(reinterpret_cast<std::uint64_t>(data), bytes);
}

}  // namespace
}  // namespace hearth::amd

using namespace hearth::amd;

extern "C" {

int hipInit(unsigned) {
  return kSuccess;
}
int hipDriverGetVersion(int* version) {
  *version = 60400000;
  return kSuccess;
}
int hipGetDeviceCount(int* count) {
  *count = kCount;
  return kSuccess;
}
int hipGetDevice(int* device) {
  *device = current_device;
  return kSuccess;
}
int hipSetDevice(int device) {
  if (!is_device(device)) return kInvalidDevice;
  current_device = device;
  return kSuccess;
}
int hipDeviceGetName(char* name, int bytes, int device) {
  if (!is_device(device)) return kInvalidDevice;
  std::snprintf(name, static_cast<std::size_t>(bytes), "imitated %s", kTargets[device].data());
  return kSuccess;
}
int hipDeviceGetAttribute(int* value, int attribute, int device) {
  if (!is_device(device)) return kInvalidDevice;
  switch (attribute) {
    case kIntegrated:
      *value = 0;
      return kSuccess;
    case kMultiprocessorCount:
      *value = 4;
      return kSuccess;
    case kSharedBytes:
      *value = static_cast<int>(kSharedBytesMax);
      return kSuccess;
    case kWarpSize:
      *value = kTargets[device].starts_with("gfx9") ? 64 : 32;
      return kSuccess;
    default:
      return kInvalidValue;
  }
}
// hipDeviceProp_t of HIP 6 begins with the name and has the architecture at this place, with what the GPU is set to.
int hipGetDevicePropertiesR0600(void* properties, int device) {
  constexpr std::size_t kArchitectureAt = 1160, kBytes = 1472;
  if (!is_device(device)) return kInvalidDevice;
  std::memset(properties, 0, kBytes);
  hipDeviceGetName(static_cast<char*>(properties), 256, device);
  std::snprintf(static_cast<char*>(properties) + kArchitectureAt, 256, "%s:sramecc+:xnack-", kTargets[device].data());
  return kSuccess;
}
int hipDeviceTotalMem(std::size_t* bytes, int device) {
  if (!is_device(device)) return kInvalidDevice;
  *bytes = kMemoryBytes;
  return kSuccess;
}
int hipDeviceGetPCIBusId(char* id, int bytes, int device) {
  if (!is_device(device)) return kInvalidDevice;
  std::snprintf(id, static_cast<std::size_t>(bytes), "ffff:%02x:00.0", device);
  return kSuccess;
}
int hipMemGetInfo(std::size_t* available, std::size_t* total) {
  *available = blocks.available();
  *total = kMemoryBytes;
  return kSuccess;
}

int hipMalloc(void** data, std::size_t bytes) {
  *data = blocks.allocate(bytes);
  return *data == nullptr ? kOutOfMemory : kSuccess;
}
int hipFree(void* data) {
  return blocks.free(data) ? kSuccess : kInvalidValue;
}
int hipHostMalloc(void** data, std::size_t bytes, unsigned) {
  *data = ::operator new (bytes, std::align_val_t{kAlignment});
  pinned.emplace(reinterpret_cast<std::uint64_t>(*data), bytes);
  return kSuccess;
}
int hipHostFree(void* data) {
  if (pinned.erase(reinterpret_cast<std::uint64_t>(data)) == 0) return kInvalidValue;
  ::operator delete (data, std::align_val_t{kAlignment});
  return kSuccess;
}
int hipMemsetAsync(void* data, int value, std::size_t bytes, void* stream) {
  if (!is_device_memory(data, bytes)) return kInvalidValue;
  return enqueue(stream, [=] {
    std::memset(data, value, bytes);
    return int{kSuccess};
  });
}
int hipMemcpyHtoDAsync(void* device, const void* host, std::size_t bytes, void* stream) {
  if (!is_device_memory(device, bytes)) return kInvalidValue;
  return enqueue(stream, [=] {
    std::memcpy(device, host, bytes);
    return int{kSuccess};
  });
}
int hipMemcpyDtoHAsync(void* host, void* device, std::size_t bytes, void* stream) {
  if (!is_device_memory(device, bytes)) return kInvalidValue;
  return enqueue(stream, [=] {
    std::memcpy(host, device, bytes);
    return int{kSuccess};
  });
}
int hipMemcpyDtoDAsync(void* to, void* from, std::size_t bytes, void* stream) {
  if (!is_device_memory(to, bytes) || !is_device_memory(from, bytes)) return kInvalidValue;
  return enqueue(stream, [=] {
    std::memcpy(to, from, bytes);
    return int{kSuccess};
  });
}

int hipStreamCreateWithFlags(void** stream, unsigned) {
  *stream = *streams.insert(new Stream).first;
  return kSuccess;
}
int hipStreamDestroy(void* stream) {
  streams.erase(static_cast<Stream*>(stream));
  delete static_cast<Stream*>(stream);
  return kSuccess;
}
int hipStreamSynchronize(void*) {
  return kSuccess;
}
int hipStreamWaitEvent(void* stream, void* event, unsigned) {
  // All is done when it is enqueued: only a capture that another stream joins is left to note.
  Stream* const capture = static_cast<Event*>(event)->capture;
  if (streams.contains(capture) && capture->capturing && capture != stream)
    static_cast<Stream*>(stream)->joined = capture;
  return kSuccess;
}
int hipEventCreateWithFlags(void** event, unsigned) {
  *event = new Event;
  return kSuccess;
}
int hipEventDestroy(void* event) {
  delete static_cast<Event*>(event);
  return kSuccess;
}
int hipEventRecord(void* event, void* stream) {
  static_cast<Event*>(event)->capture = capture_of(static_cast<Stream*>(stream));
  return kSuccess;
}
int hipEventSynchronize(void*) {
  return kSuccess;
}
int hipEventElapsedTime(float* ms, void*, void*) {
  *ms = 1;  // no time is imitated
  return kSuccess;
}

int hipModuleLoadData(void** module, const void* image) {
  *module = new CodeObject(image);
  return kSuccess;
}
int hipModuleUnload(void* module) {
  delete static_cast<CodeObject*>(module);
  return kSuccess;
}
int hipModuleGetFunction(void** function, void* module, const char* name) {
  *function = static_cast<CodeObject*>(module)->function(name);
  return kSuccess;
}
int hipModuleLaunchKernel(void* handle, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned, unsigned,
                          unsigned shared_bytes, void* stream, void** params, void**) {
  const auto& function = *static_cast<const Function*>(handle);
  const Kernel* kernel = nullptr;
  try {
    kernel = function.object->kernel(function.name);
  } catch (const hearth::Error& error) {
    std::fprintf(stderr, "imitated HIP: %s\n", error.what());
  }
  if (kernel == nullptr) return kNotFound;
  if (threads != static_cast<unsigned>(kernel->threads)) return kInvalidValue;
  if (kernel->shared_bytes + shared_bytes > kSharedBytesMax) return kInvalidValue;
  const auto* begin = static_cast<const std::byte*>(params[0]);
  return enqueue(stream, [=, copy = std::vector(begin, begin + kernel->params_bytes)] {
    run_grid(*kernel, {x, y, z}, shared_bytes, copy.data(), KernelMemory());
    return int{kSuccess};
  });
}

int hipStreamBeginCapture(void* stream, int) {
  static_cast<Stream*>(stream)->capturing = true;
  return kSuccess;
}
int hipStreamEndCapture(void* handle, void** graph) {
  auto* stream = static_cast<Stream*>(handle);
  stream->capturing = false;
  *graph = new std::vector<Work>(std::exchange(stream->recorded, {}));
  return kSuccess;
}
int hipGraphInstantiateWithFlags(void** executable, void* graph, unsigned long long) {
  *executable = new std::vector<Work>(*static_cast<std::vector<Work>*>(graph));
  return kSuccess;
}
int hipGraphLaunch(void* executable, void*) {
  for (const Work& work : *static_cast<std::vector<Work>*>(executable)) {
    if (const int status = work(); status != kSuccess) return status;
  }
  return kSuccess;
}
int hipGraphExecDestroy(void* executable) {
  delete static_cast<std::vector<Work>*>(executable);
  return kSuccess;
}
int hipGraphDestroy(void* graph) {
  delete static_cast<std::vector<Work>*>(graph);
  return kSuccess;
}

const char* hipGetErrorName(int error) {
  return error == kOutOfMemory ? "hipErrorOutOfMemory" : error == kSuccess ? "hipSuccess" : "hipErrorUnknown";
}
const char* hipGetErrorString(int error) {
  return error == kOutOfMemory ? "out of memory" : error == kSuccess ? "no error" : "unknown error";
}
}
