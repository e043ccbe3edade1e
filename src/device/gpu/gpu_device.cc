#include "device/gpu/gpu_device.h"

#include <fmt/format.h>

#include "base/check.h"
#include "base/error.h"

namespace hearth {
namespace {

// What a launch may take without asking for more.
constexpr int kSharedBytesDefault = 48 << 10;
constexpr int kThreadsMax = 1024;

// The grids that both vendors run. AMD counts the threads of a dimension in 32 bits; CUDA has 16 bits for the blocks of
// the second and the third.
bool grid_fits(const GpuGrid& grid, int threads, DeviceKind kind) {
  const std::int64_t x_max = kind == DeviceKind::kHip ? 0xffffffff / std::int64_t{threads} : 0x7fffffff;
  return grid.x <= x_max && grid.y <= 0xffff && grid.z <= 0xffff;
}

}  // namespace

GpuGraph::GpuGraph(GpuGraph&& other) noexcept
    : device_(other.device_),
      graph_(std::exchange(other.graph_, nullptr)),
      launches_(std::move(other.launches_)),
      host_to_device_bytes_(other.host_to_device_bytes_),
      host_read_bytes_(other.host_read_bytes_) {}

GpuGraph& GpuGraph::operator=(GpuGraph&& other) noexcept {
  std::swap(device_, other.device_);
  std::swap(graph_, other.graph_);
  std::swap(launches_, other.launches_);
  std::swap(host_to_device_bytes_, other.host_to_device_bytes_);
  std::swap(host_read_bytes_, other.host_read_bytes_);
  return *this;
}

GpuGraph::~GpuGraph() {
  if (graph_ != nullptr) device_->api_.graph_destroy(graph_);
}

GpuEvent::GpuEvent(GpuDevice& device) : device_(&device) {
  device_->call(device_->api_.event_create, &event_);
}

GpuEvent::GpuEvent(GpuEvent&& other) noexcept : device_(other.device_), event_(std::exchange(other.event_, nullptr)) {}

GpuEvent& GpuEvent::operator=(GpuEvent&& other) noexcept {
  std::swap(device_, other.device_);
  std::swap(event_, other.event_);
  return *this;
}

GpuEvent::~GpuEvent() {
  if (event_ != nullptr) device_->api_.event_destroy(event_);
}

void GpuEvent::wait() const {
  device_->call(device_->api_.event_synchronize, event_);
}

float GpuEvent::elapsed_ms(const GpuEvent& from) const {
  float ms = 0;
  device_->call(device_->api_.event_elapsed_ms, &ms, from.event_, event_);
  return ms;
}

GpuStream::GpuStream(GpuDevice& device) : Stream(device) {
  device.call(device.api_.stream_create, &stream_);
}

GpuStream::~GpuStream() {
  const DriverApi& api = gpu().api_;
  if (capturing_) {
    void* graph = nullptr;
    if (api.capture_end(stream_, &graph) == 0) api.graph_destroy(graph);
  }
  api.stream_destroy(stream_);
}

GpuDevice& GpuStream::gpu() const {
  return static_cast<GpuDevice&>(device());
}

void GpuStream::launch(int index, GpuGrid grid, int threads, const void* params, int shared_bytes) {
  GpuDevice& device = gpu();
  const auto i = static_cast<std::size_t>(index);
  CHECK(index >= 0 && i < device.functions_.size() && device.functions_[i] != nullptr);
  CHECK(grid.x >= 0 && grid.y >= 0 && grid.z >= 0 && threads > 0 && threads <= kThreadsMax && shared_bytes >= 0);
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  const std::string_view kernel = device.kernels_[i].name;
  if (!grid_fits(grid, threads, device.id().kind)) {
    throw DeviceError(fmt::format("{}: a grid of {} x {} x {} blocks of {} threads is too large, kernel {}",
                                  device.id().to_string(), grid.x, grid.y, grid.z, threads, kernel));
  }
  if (shared_bytes > device.function_shared_max_[i]) {
    if (shared_bytes > device.properties_.shared_bytes_max) {
      throw DeviceError(fmt::format("{}: {} bytes of shared memory are more than the {} of a block, kernel {}",
                                    device.id().to_string(), shared_bytes, device.properties_.shared_bytes_max,
                                    kernel));
    }
    const auto& set_max = device.api_.function_set_shared_max;
    device.check(set_max(device.functions_[i], shared_bytes), set_max.name(), kernel);
    device.function_shared_max_[i] = shared_bytes;
  }
  const unsigned blocks[3] = {static_cast<unsigned>(grid.x), static_cast<unsigned>(grid.y),
                              static_cast<unsigned>(grid.z)};
  void* pointers[] = {const_cast<void*>(params)};  // the driver's signature; it only reads
  const auto threads_u = static_cast<unsigned>(threads), shared_u = static_cast<unsigned>(shared_bytes);
  const int status =
      device.overlaps_
          ? device.api_.launch_overlapped(device.functions_[i], blocks, threads_u, shared_u, stream_, pointers)
          : device.api_.launch(device.functions_[i], blocks, threads_u, shared_u, stream_, pointers);
  device.check(status, device.api_.launch.name(), kernel);
  ++(capturing_ ? captured_.launches_ : device.ledger().launches)[kernel];
  launched_last_ = kernel;
}

void GpuStream::upload(std::byte* to, const void* from, std::int64_t bytes) {
  upload_beside(*this, to, from, bytes);
}

void GpuStream::upload_beside(GpuStream& beside, std::byte* to, const void* from, std::int64_t bytes) {
  if (bytes == 0) return;
  GpuDevice& device = gpu();
  device.call(device.api_.copy_to_device, to, from, static_cast<std::size_t>(bytes), beside.stream_);
  (capturing_ ? captured_.host_to_device_bytes_ : device.ledger().host_to_device_bytes) += bytes;
}

void GpuStream::note_host_reads(std::int64_t bytes) {
  (capturing_ ? captured_.host_read_bytes_ : gpu().ledger().host_read_bytes) += bytes;
}

void GpuStream::download(void* to, const std::byte* from, std::int64_t bytes) {
  CHECK(!capturing_);
  if (bytes == 0) return;
  GpuDevice& device = gpu();
  device.call(device.api_.copy_to_host, to, from, static_cast<std::size_t>(bytes), stream_);
  device.ledger().device_to_host_bytes += bytes;
}

void GpuStream::copy(std::byte* to, const std::byte* from, std::int64_t bytes) {
  if (bytes == 0) return;
  gpu().call(gpu().api_.copy_on_device, to, from, static_cast<std::size_t>(bytes), stream_);
}

void GpuStream::set_zero(std::byte* data, std::int64_t bytes) {
  if (bytes == 0) return;
  gpu().call(gpu().api_.set_zero, data, static_cast<std::size_t>(bytes), stream_);
}

void GpuStream::synchronize() {
  CHECK(!capturing_);
  const auto& synchronize = gpu().api_.stream_synchronize;
  const int status = synchronize(stream_);
  if (status == 0) return;
  gpu().check(status, synchronize.name(),
              launched_last_.empty() ? "" : fmt::format("{} or one launched before it", launched_last_));
}

void GpuStream::record(GpuEvent& event) {
  gpu().call(gpu().api_.event_record, event.event_, stream_);
}

void GpuStream::wait(const GpuEvent& event) {
  gpu().call(gpu().api_.stream_wait, stream_, event.event_);
}

void GpuStream::begin_capture() {
  CHECK(!capturing_);
  gpu().call(gpu().api_.capture_begin, stream_);
  captured_ = GpuGraph();
  captured_.device_ = &gpu();
  capturing_ = true;
}

GpuGraph GpuStream::end_capture() {
  CHECK(capturing_);
  capturing_ = false;  // whatever comes, the driver's capture ends
  gpu().call(gpu().api_.capture_end, stream_, &captured_.graph_);
  return std::move(captured_);
}

void GpuStream::replay(const GpuGraph& graph) {
  CHECK(graph && graph.device_ == &gpu() && !capturing_);
  gpu().call(gpu().api_.graph_launch, graph.graph_, stream_);
  Ledger& ledger = gpu().ledger();
  ++ledger.graph_replay_count;
  ledger.host_to_device_bytes += graph.host_to_device_bytes_;
  ledger.host_read_bytes += graph.host_read_bytes_;
  for (const auto& [kernel, count] : graph.launches_) ledger.launches[kernel] += count;
}

GpuDevice::PinnedBuffer::PinnedBuffer(GpuDevice& device, std::int64_t bytes) : device_(&device), bytes_(bytes) {
  CHECK(bytes >= 0);
  if (bytes == 0) return;
  void* data = nullptr;
  const auto& allocate = device.api_.allocate_pinned;
  const int status = allocate(&data, static_cast<std::size_t>(bytes));
  if (status == kDriverOutOfMemory) {
    throw OutOfMemory(fmt::format("{}: no room for {} bytes of pinned host memory", device.id().to_string(), bytes));
  }
  device.check(status, allocate.name());
  data_ = static_cast<std::byte*>(data);
}

GpuDevice::PinnedBuffer::PinnedBuffer(PinnedBuffer&& other) noexcept
    : device_(other.device_), data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

GpuDevice::PinnedBuffer& GpuDevice::PinnedBuffer::operator=(PinnedBuffer&& other) noexcept {
  std::swap(device_, other.device_);
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

GpuDevice::PinnedBuffer::~PinnedBuffer() {
  if (data_ != nullptr) device_->api_.free_pinned(data_);
}

GpuDevice::GpuDevice(const DriverApi& api, int index, const GpuCode& code)
    : Device(DeviceId{api.kind, index}), api_(api), index_(index), kernels_(code.kernels) {
  call(api_.properties, index_, &properties_);
  target_ = code.target_for(properties_.architecture);
  // Kernels for sm_90 and later wait for their inputs themselves (gpu_nvidia.h).
  overlaps_ = api_.launch_overlapped != nullptr && cuda_version(target_) >= 90;
  if (target_.empty()) {
    throw DeviceError(
        fmt::format("{} ({}): {}", id().to_string(), properties_.name, code.refusal(properties_.architecture)));
  }
  call(api_.open, index_);
  try {
    load(code);
  } catch (...) {
    release();
    throw;
  }
}

GpuDevice::~GpuDevice() {
  release();
}

void GpuDevice::load(const GpuCode& code) {
  std::map<std::string_view, void*> modules;  // by file name
  for (const CodeObject& object : code.objects) {
    if (object.target != target_) continue;
    void* module = nullptr;
    const int status = api_.module_load(&module, object.image.data());
    if (status != 0) {
      check(status, fmt::format("{} of code object {} for {}", api_.module_load.name(), object.module, target_));
    }
    modules_.push_back(module);
    modules[object.module] = module;
  }
  for (const GpuKernelName& kernel : kernels_) {
    if (kernel.only_target != nullptr && kernel.only_target != target_) {
      functions_.push_back(nullptr);
      function_shared_max_.push_back(0);
      continue;
    }
    const auto module = modules.find(kernel.module);
    if (module == modules.end()) {
      throw DeviceError(fmt::format("{}: this program has no code object {} for {}, kernel {}", id().to_string(),
                                    kernel.module, target_, kernel.name));
    }
    void* function = nullptr;
    const int status = api_.module_function(&function, module->second, kernel.name);
    if (status != 0) {
      check(status, api_.module_function.name(),
            fmt::format("{} of code object {} for {}", kernel.name, kernel.module, target_));
    }
    functions_.push_back(function);
    function_shared_max_.push_back(kSharedBytesDefault);
  }
}

void GpuDevice::release() {
  for (void* module : modules_) api_.module_unload(module);
  api_.close(index_);
}

std::string GpuDevice::description() const {
  return fmt::format("{}, {}, driver {}", properties_.name, properties_.architecture, properties_.driver_version);
}

std::int64_t GpuDevice::memory_available_bytes() const {
  std::int64_t bytes = 0;
  call(api_.memory_available, &bytes);
  return bytes;
}

std::unique_ptr<Stream> GpuDevice::open_stream() {
  return std::make_unique<GpuStream>(*this);
}

void GpuDevice::make_current() {
  call(api_.open, index_);
  call(api_.close, index_);  // the constructor's hold remains
}

void GpuDevice::check(int status, std::string_view call, std::string_view kernel) const {
  if (status == 0) return;
  throw DeviceError(fmt::format("{}: {} failed: {}{}{}", id().to_string(), call, describe_error(api_, status),
                                kernel.empty() ? "" : ", kernel ", kernel));
}

std::byte* GpuDevice::allocate_bytes(std::int64_t bytes) {
  void* data = nullptr;
  const int status = api_.allocate(&data, static_cast<std::size_t>(bytes));
  if (status == kDriverOutOfMemory) return nullptr;
  check(status, api_.allocate.name());
  try {
    call(api_.set_zero, data, static_cast<std::size_t>(bytes), nullptr);
    call(api_.stream_synchronize, nullptr);  // the streams do not wait for the default one
  } catch (...) {
    api_.free(data);
    throw;
  }
  return static_cast<std::byte*>(data);
}

void GpuDevice::free_bytes(std::byte* data, std::int64_t) {
  api_.free(data);
}

}  // namespace hearth
