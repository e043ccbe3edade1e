#include "simt/simt_driver.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <new>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "kernels/gpu/gpu_code.h"
#include "simt/executor.h"

#if defined(HEARTH_ASAN)
#include <sanitizer/asan_interface.h>
#define HEARTH_HIDE(data, bytes) ASAN_POISON_MEMORY_REGION(data, bytes)
#define HEARTH_SHOW(data, bytes) ASAN_UNPOISON_MEMORY_REGION(data, bytes)
#else
#define HEARTH_HIDE(data, bytes) static_cast<void>(0)
#define HEARTH_SHOW(data, bytes) static_cast<void>(0)
#endif

namespace hearth {
namespace {

enum SimtError : int {
  kSuccess,
  kInvalidDevice,
  kOutOfMemory = kDriverOutOfMemory,
  kInvalidValue,
  kNotFound,
  kInvalidConfiguration,
  kCaptureUnsupported
};
constexpr std::pair<const char*, const char*> kErrors[] = {
    {"SIMT_SUCCESS", "no error"},
    {"SIMT_ERROR_INVALID_DEVICE", "no device of this index, or none is open"},
    {"SIMT_ERROR_OUT_OF_MEMORY", "out of memory"},
    {"SIMT_ERROR_INVALID_VALUE", "a pointer, size or handle that the driver did not give"},
    {"SIMT_ERROR_NOT_FOUND", "no kernel of this name"},
    {"SIMT_ERROR_INVALID_CONFIGURATION", "a grid, a number of threads or shared memory that the kernel does not have"},
    {"SIMT_ERROR_CAPTURE_UNSUPPORTED", "not while a stream is captured, or no capture was begun"}};

constexpr std::int64_t kMemoryBytes = std::int64_t{4} << 30;
constexpr std::size_t kAlignment = 256;
constexpr int kPattern = 0xff;
// Hiding a block from the host costs an eighth of its bytes at every launch.
constexpr std::size_t kHiddenBytesMax = std::size_t{8} << 20;

using Work = std::function<void()>;

struct SimtStream;

// What an event recorded.
struct Moment {
  std::chrono::steady_clock::time_point time;
  bool is_done = false;
  SimtStream* stream = nullptr;
  SimtStream* captured_by = nullptr;  // null: a stream that is not captured
  std::size_t captured_count = 0;     // of the work that `stream` had done in the capture
};

struct Step {
  Work work;
  std::shared_ptr<const Moment> waits_for;  // null: nothing
};

struct SimtStream {
  std::deque<Step> pending;
  bool is_running = false;
  bool capturing = false;
  std::vector<Work> captured;         // of it and of those that take part, in an order that keeps all waits
  SimtStream* captured_by = nullptr;  // the stream in whose capture this one takes part
  std::size_t captured_count = 0, waited_count = 0;  // its work there, and as much of it as that stream waited for
};

struct SimtEvent {
  std::shared_ptr<Moment> moment;  // null: not recorded
};

struct SimtModule {
  const simt::ImitatedGpu* gpu;
};

struct SimtGraph {
  std::vector<Work> work;
};

// All that the driver knows. Never destroyed: devices may be closed when the program's statics are.
struct State {
  std::map<std::byte*, std::size_t> blocks;  // device memory
  std::map<std::byte*, std::size_t> pinned;  // host memory that kernels can read
  std::set<SimtStream*> streams;
  std::set<SimtEvent*> events;
  std::set<SimtModule*> modules;
  std::set<SimtGraph*> graphs;
  std::set<std::string, std::less<>> disabled_kernels;
  SimtCounts counts;
  int open_count = 0;
  std::int64_t allocated_bytes = 0;
};
State& state() {
  static auto& s = *new State;
  return s;
}

bool is_capturing() {
  return std::any_of(state().streams.begin(), state().streams.end(), [](const SimtStream* s) { return s->capturing; });
}

// That in which an address lies, or an empty one.
std::span<const std::byte> block_of(const std::map<std::byte*, std::size_t>& blocks, const void* address) {
  const auto* data = static_cast<const std::byte*>(address);
  auto found = blocks.upper_bound(const_cast<std::byte*>(data));
  if (found == blocks.begin()) return {};
  --found;
  return data - found->first <= static_cast<std::ptrdiff_t>(found->second)
             ? std::span<const std::byte>(found->first, found->second)
             : std::span<const std::byte>();
}

// Whether the bytes lie within one live block.
bool is_device_memory(const void* data, std::size_t bytes) {
  const std::span block = block_of(state().blocks, data);
  return !block.empty() &&
         bytes <= static_cast<std::size_t>(block.data() + block.size() - static_cast<const std::byte*>(data));
}

void show_device_memory() {
  for (const auto& [data, bytes] : state().blocks) {
    if (bytes <= kHiddenBytesMax) HEARTH_SHOW(data, bytes);
  }
}
void hide_device_memory() {
  for (const auto& [data, bytes] : state().blocks) {
    if (bytes <= kHiddenBytesMax) HEARTH_HIDE(data, bytes);
  }
}

// As far as it comes: a stream that is waited for runs as far as it can, so that what is copied too early is seen.
void run_steps(SimtStream& stream) {
  if (stream.is_running) return;  // what is waited for comes later
  stream.is_running = true;
  while (!stream.pending.empty()) {
    const std::shared_ptr<const Moment> waits_for = stream.pending.front().waits_for;
    if (waits_for != nullptr && !waits_for->is_done) {
      if (state().streams.contains(waits_for->stream)) run_steps(*waits_for->stream);
      if (!waits_for->is_done) break;
    }
    const Work work = std::move(stream.pending.front().work);
    stream.pending.pop_front();
    work();
  }
  stream.is_running = false;
}

void run_pending(SimtStream& stream) {
  if (stream.pending.empty()) return;
  show_device_memory();
  run_steps(stream);
  hide_device_memory();
}

void run_all_pending() {
  for (SimtStream* stream : state().streams) run_pending(*stream);
}

// The default stream does its work at once; the others do not wait for it, nor it for them.
int enqueue(void* handle, Work work) {
  auto* stream = static_cast<SimtStream*>(handle);
  if (stream == nullptr) {
    if (is_capturing()) return kCaptureUnsupported;
    show_device_memory();
    work();
    hide_device_memory();
    return kSuccess;
  }
  if (!state().streams.contains(stream)) return kInvalidValue;
  if (SimtStream* capture = stream->capturing ? stream : stream->captured_by; capture != nullptr) {
    capture->captured.push_back(std::move(work));
    ++stream->captured_count;
  } else {
    stream->pending.push_back({std::move(work), nullptr});
  }
  return kSuccess;
}

int device_count(int* count) {
  *count = kSimtDeviceCount;
  return kSuccess;
}

int properties(int index, GpuProperties* out) {
  if (index < 0 || index >= kSimtDeviceCount) return kInvalidDevice;
  const simt::ImitatedGpu& gpu = simt::imitated_gpus()[static_cast<std::size_t>(index)];
  *out = {.name = std::string("imitated ") + gpu.name,
          .architecture = gpu.architecture,
          .driver_version = "simt",
          .pci_bus_id = "0000:00:0" + std::to_string(index) + ".0",
          .wave_size = gpu.wave_size,
          .multiprocessor_count = 1,
          .shared_bytes_max = static_cast<std::int64_t>(simt::kSharedBytesMax),
          .memory_bytes = kMemoryBytes,
          .memory_available_bytes = kMemoryBytes - state().allocated_bytes,
          .integrated = false};
  return kSuccess;
}

int open_device(int index) {
  if (index < 0 || index >= kSimtDeviceCount) return kInvalidDevice;
  ++state().open_count;
  return kSuccess;
}

int close_device(int index) {
  if (index < 0 || index >= kSimtDeviceCount || state().open_count == 0) return kInvalidDevice;
  --state().open_count;
  return kSuccess;
}

int memory_available(std::int64_t* bytes) {
  *bytes = kMemoryBytes - state().allocated_bytes;
  return kSuccess;
}

int allocate(void** device, std::size_t bytes) {
  if (is_capturing()) return kCaptureUnsupported;
  if (state().open_count == 0) return kInvalidDevice;
  if (bytes == 0) return kInvalidValue;
  if (bytes > static_cast<std::size_t>(kMemoryBytes - state().allocated_bytes)) return kOutOfMemory;
  auto* data = static_cast<std::byte*>(::operator new (bytes, std::align_val_t{kAlignment}));
  std::memset(data, kPattern, bytes);
  state().blocks.emplace(data, bytes);
  state().allocated_bytes += static_cast<std::int64_t>(bytes);
  ++state().counts.allocation_count;
  if (bytes <= kHiddenBytesMax) HEARTH_HIDE(data, bytes);
  *device = data;
  return kSuccess;
}

int free_memory(void* device) {
  if (is_capturing()) return kCaptureUnsupported;
  const auto found = state().blocks.find(static_cast<std::byte*>(device));
  if (found == state().blocks.end()) return kInvalidValue;
  run_all_pending();
  HEARTH_SHOW(found->first, found->second);
  state().allocated_bytes -= static_cast<std::int64_t>(found->second);
  state().blocks.erase(found);
  ::operator delete (device, std::align_val_t{kAlignment});
  return kSuccess;
}

int allocate_pinned(void** host, std::size_t bytes) {
  if (bytes == 0) return kInvalidValue;
  *host = ::operator new (bytes, std::align_val_t{kAlignment});
  std::memset(*host, kPattern, bytes);
  state().pinned.emplace(static_cast<std::byte*>(*host), bytes);
  return kSuccess;
}

int free_pinned(void* host) {
  if (state().pinned.erase(static_cast<std::byte*>(host)) == 0) return kInvalidValue;
  run_all_pending();
  ::operator delete (host, std::align_val_t{kAlignment});
  return kSuccess;
}

int set_zero(void* device, std::size_t bytes, void* stream) {
  if (!is_device_memory(device, bytes)) return kInvalidValue;
  return enqueue(stream, [=] { std::memset(device, 0, bytes); });
}

int copy_to_device(void* device, const void* host, std::size_t bytes, void* stream) {
  if (!is_device_memory(device, bytes) || is_device_memory(host, 1)) return kInvalidValue;
  return enqueue(stream, [=] {
    ++state().counts.copies_to_device;
    state().counts.bytes_to_device += static_cast<std::int64_t>(bytes);
    std::memcpy(device, host, bytes);
  });
}

int copy_to_host(void* host, const void* device, std::size_t bytes, void* stream) {
  if (!is_device_memory(device, bytes) || is_device_memory(host, 1)) return kInvalidValue;
  return enqueue(stream, [=] {
    ++state().counts.copies_to_host;
    state().counts.bytes_to_host += static_cast<std::int64_t>(bytes);
    std::memcpy(host, device, bytes);
  });
}

int copy_on_device(void* to, const void* from, std::size_t bytes, void* stream) {
  if (!is_device_memory(to, bytes) || !is_device_memory(from, bytes)) return kInvalidValue;
  return enqueue(stream, [=] { std::memcpy(to, from, bytes); });
}

int stream_create(void** stream) {
  if (state().open_count == 0) return kInvalidDevice;
  *stream = *state().streams.insert(new SimtStream).first;
  return kSuccess;
}

int stream_destroy(void* handle) {
  auto* stream = static_cast<SimtStream*>(handle);
  if (!state().streams.contains(stream)) return kInvalidValue;
  run_pending(*stream);
  state().streams.erase(stream);
  delete stream;
  return kSuccess;
}

int stream_synchronize(void* handle) {
  auto* stream = static_cast<SimtStream*>(handle);
  if (stream == nullptr) return kSuccess;
  if (!state().streams.contains(stream)) return kInvalidValue;
  if (stream->capturing || stream->captured_by != nullptr) return kCaptureUnsupported;
  run_pending(*stream);
  return kSuccess;
}

int event_create(void** event) {
  if (state().open_count == 0) return kInvalidDevice;
  *event = *state().events.insert(new SimtEvent).first;
  return kSuccess;
}

int event_destroy(void* handle) {
  auto* event = static_cast<SimtEvent*>(handle);
  if (state().events.erase(event) == 0) return kInvalidValue;
  delete event;
  return kSuccess;
}

int event_record(void* handle, void* stream) {
  auto* event = static_cast<SimtEvent*>(handle);
  if (!state().events.contains(event)) return kInvalidValue;
  const auto moment = std::make_shared<Moment>();
  event->moment = moment;
  auto* on = static_cast<SimtStream*>(stream);
  moment->stream = on;
  if (state().streams.contains(on)) {
    moment->captured_by = on->capturing ? on : on->captured_by;
    moment->captured_count = on->captured_count;
    if (moment->captured_by != nullptr) return kSuccess;
  }
  return enqueue(stream, [moment] {
    moment->time = std::chrono::steady_clock::now();
    moment->is_done = true;
  });
}

int stream_wait(void* handle, void* event_handle) {
  auto* stream = static_cast<SimtStream*>(handle);
  auto* event = static_cast<SimtEvent*>(event_handle);
  if (!state().streams.contains(stream) || !state().events.contains(event)) return kInvalidValue;
  const std::shared_ptr<Moment>& moment = event->moment;
  if (moment == nullptr) return kSuccess;
  SimtStream* const capture = stream->capturing ? stream : stream->captured_by;
  if (moment->captured_by == nullptr) {
    if (capture != nullptr) return kCaptureUnsupported;
    stream->pending.push_back({[] {}, moment});
    return kSuccess;
  }
  if (!moment->captured_by->capturing || (capture != nullptr && capture != moment->captured_by)) {
    return kCaptureUnsupported;
  }
  if (stream == moment->captured_by) {
    moment->stream->waited_count = std::max(moment->stream->waited_count, moment->captured_count);
  } else {
    stream->captured_by = moment->captured_by;
  }
  return kSuccess;
}

int event_synchronize(void* handle) {
  auto* event = static_cast<SimtEvent*>(handle);
  if (!state().events.contains(event)) return kInvalidValue;
  if (event->moment == nullptr || !state().streams.contains(event->moment->stream)) return kSuccess;
  return stream_synchronize(event->moment->stream);
}

int event_elapsed_ms(float* ms, void* from, void* to) {
  const auto *begin = static_cast<SimtEvent*>(from), *end = static_cast<SimtEvent*>(to);
  const auto is_done = [](const SimtEvent* e) { return e->moment != nullptr && e->moment->is_done; };
  if (!is_done(begin) || !is_done(end)) return kInvalidValue;
  *ms = std::chrono::duration<float, std::milli>(end->moment->time - begin->moment->time).count();
  return kSuccess;
}

// A code object's image is the architecture's name, with its end.
int module_load(void** module, const void* image) {
  for (const simt::ImitatedGpu& gpu : simt::imitated_gpus()) {
    if (std::strcmp(gpu.architecture, static_cast<const char*>(image)) != 0) continue;
    *module = *state().modules.insert(new SimtModule{&gpu}).first;
    return kSuccess;
  }
  return kInvalidValue;
}

int module_unload(void* handle) {
  auto* module = static_cast<SimtModule*>(handle);
  if (state().modules.erase(module) == 0) return kInvalidValue;
  run_all_pending();
  delete module;
  return kSuccess;
}

int module_function(void** function, void* handle, const char* name) {
  auto* module = static_cast<SimtModule*>(handle);
  if (!state().modules.contains(module)) return kInvalidValue;
  const simt::SimtKernel* kernel = simt::find_kernel(module->gpu->name, name);
  if (kernel == nullptr) return kNotFound;
  *function = const_cast<simt::SimtKernel*>(kernel);
  return kSuccess;
}

int function_set_shared_max(void*, int bytes) {
  return bytes >= 0 && static_cast<std::size_t>(bytes) <= simt::kSharedBytesMax ? kSuccess : kInvalidValue;
}

int launch(void* function, const unsigned (&grid)[3], unsigned threads, unsigned shared_bytes, void* stream,
           void** params) {
  const auto& kernel = *static_cast<const simt::SimtKernel*>(function);
  const bool is_grid =
      grid[0] > 0 && grid[0] <= 0x7fffffffu && grid[1] > 0 && grid[1] < 65536 && grid[2] > 0 && grid[2] < 65536;
  if (!is_grid || threads != static_cast<unsigned>(kernel.threads) || shared_bytes > simt::kSharedBytesMax) {
    return kInvalidConfiguration;
  }
  // Aligned as the parameters may have to be.
  struct alignas(64) Line {
    std::byte bytes[64];
  };
  const auto copy = std::make_shared<std::vector<Line>>((kernel.params_bytes + sizeof(Line) - 1) / sizeof(Line));
  std::memcpy(copy->data(), params[0], kernel.params_bytes);
  return enqueue(stream, [&kernel, copy, x = grid[0], y = grid[1], z = grid[2]] {
    ++state().counts.launch_count;
    if (state().disabled_kernels.contains(kernel.name)) return;
    const unsigned blocks[3] = {x, y, z};
    simt::run_grid(kernel, blocks, copy->data());
  });
}

int capture_begin(void* handle) {
  auto* stream = static_cast<SimtStream*>(handle);
  if (!state().streams.contains(stream)) return kInvalidValue;
  if (stream->capturing) return kCaptureUnsupported;
  stream->capturing = true;
  stream->captured_count = 0;
  return kSuccess;
}

int capture_end(void* handle, void** graph) {
  auto* stream = static_cast<SimtStream*>(handle);
  if (!state().streams.contains(stream)) return kInvalidValue;
  if (!stream->capturing) return kCaptureUnsupported;
  stream->capturing = false;
  bool is_joined = true;
  for (SimtStream* other : state().streams) {
    if (other->captured_by != stream) continue;
    is_joined = is_joined && other->waited_count == other->captured_count;
    other->captured_by = nullptr;
    other->captured_count = other->waited_count = 0;
  }
  if (!is_joined) {
    stream->captured.clear();
    return kCaptureUnsupported;
  }
  *graph = *state().graphs.insert(new SimtGraph{std::exchange(stream->captured, {})}).first;
  return kSuccess;
}

int graph_launch(void* handle, void* stream) {
  auto* graph = static_cast<SimtGraph*>(handle);
  if (!state().graphs.contains(graph)) return kInvalidValue;
  // The graph may be destroyed before the work is done.
  return enqueue(stream, [work = graph->work] {
    ++state().counts.graph_launch_count;
    for (const Work& step : work) step();
  });
}

int graph_destroy(void* handle) {
  auto* graph = static_cast<SimtGraph*>(handle);
  if (state().graphs.erase(graph) == 0) return kInvalidValue;
  delete graph;
  return kSuccess;
}

const char* error_name(int error) {
  return error >= 0 && error < static_cast<int>(std::size(kErrors)) ? kErrors[error].first : "SIMT_ERROR_UNKNOWN";
}

const char* error_text(int error) {
  return error >= 0 && error < static_cast<int>(std::size(kErrors)) ? kErrors[error].second : "unknown error";
}

}  // namespace

const DriverApi& simt_driver() {
  static constexpr DriverApi kApi{
      .kind = DeviceKind::kSimt,
      .device_count = {"simt device_count", device_count},
      .properties = {"simt properties", properties},
      .open = {"simt open", open_device},
      .close = {"simt close", close_device},
      .memory_available = {"simt memory_available", memory_available},
      .allocate = {"simt allocate", allocate},
      .free = {"simt free", free_memory},
      .allocate_pinned = {"simt allocate_pinned", allocate_pinned},
      .free_pinned = {"simt free_pinned", free_pinned},
      .set_zero = {"simt set_zero", set_zero},
      .copy_to_device = {"simt copy_to_device", copy_to_device},
      .copy_to_host = {"simt copy_to_host", copy_to_host},
      .copy_on_device = {"simt copy_on_device", copy_on_device},
      .stream_create = {"simt stream_create", stream_create},
      .stream_destroy = {"simt stream_destroy", stream_destroy},
      .stream_synchronize = {"simt stream_synchronize", stream_synchronize},
      .stream_wait = {"simt stream_wait", stream_wait},
      .event_create = {"simt event_create", event_create},
      .event_destroy = {"simt event_destroy", event_destroy},
      .event_record = {"simt event_record", event_record},
      .event_synchronize = {"simt event_synchronize", event_synchronize},
      .event_elapsed_ms = {"simt event_elapsed_ms", event_elapsed_ms},
      .module_load = {"simt module_load", module_load},
      .module_unload = {"simt module_unload", module_unload},
      .module_function = {"simt module_function", module_function},
      .function_set_shared_max = {"simt function_set_shared_max", function_set_shared_max},
      .launch = {"simt launch", launch},
      .capture_begin = {"simt capture_begin", capture_begin},
      .capture_end = {"simt capture_end", capture_end},
      .graph_launch = {"simt graph_launch", graph_launch},
      .graph_destroy = {"simt graph_destroy", graph_destroy},
      .error_name = error_name,
      .error_text = error_text,
  };
  return kApi;
}

int simt_enqueue(void* stream, std::function<void()> work) {
  return enqueue(stream, [work = std::move(work)] {
    ++state().counts.launch_count;
    work();
  });
}

std::span<const std::byte> simt_memory_block(const void* address) {
  const auto block = block_of(state().blocks, address);
  return block.empty() ? block_of(state().pinned, address) : block;
}

GpuCode simt_code() {
  static const std::vector<CodeObject> objects = [] {
    std::vector<CodeObject> list;
    std::set<std::string_view> modules;
    for (const GpuKernelName& kernel : gpu_kernel_names()) modules.insert(kernel.module);
    for (const std::string_view module : modules) {
      for (const simt::ImitatedGpu& gpu : simt::imitated_gpus()) {
        const std::span image(gpu.architecture, std::strlen(gpu.architecture) + 1);
        list.push_back({module, gpu.architecture, std::as_bytes(image)});
      }
    }
    return list;
  }();
  return {objects, gpu_kernel_names(), ""};
}

SimtCounts simt_counts() {
  return state().counts;
}

void simt_reset_counts() {
  state().counts = {};
}

void simt_disable_kernel(std::string_view name) {
  state().disabled_kernels.emplace(name);
}

void simt_enable_all_kernels() {
  state().disabled_kernels.clear();
}

}  // namespace hearth
