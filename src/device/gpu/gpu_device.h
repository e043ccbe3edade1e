// A GPU of either vendor as a device: its memory, its modules, and streams that launch kernels by index. One thread
// owns it and all that belongs to it, which must be gone before it is. Every error names the driver's call, its error
// and text, and the kernel if there is one.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "device/device.h"
#include "device/gpu/driver_api.h"
#include "device/gpu/gpu_code.h"

namespace hearth {

class GpuDevice;

struct GpuGrid {
  std::int64_t x = 1, y = 1, z = 1;
};

// A recorded sequence of launches. Replaying it counts its launches and uploads in the ledger.
class GpuGraph {
 public:
  GpuGraph() = default;
  GpuGraph(GpuGraph&& other) noexcept;
  GpuGraph& operator=(GpuGraph&& other) noexcept;
  ~GpuGraph();
  explicit operator bool() const { return graph_ != nullptr; }

 private:
  friend class GpuStream;
  GpuDevice* device_ = nullptr;
  void* graph_ = nullptr;
  std::map<std::string_view, std::int64_t> launches_;
  std::int64_t host_to_device_bytes_ = 0;
  std::int64_t host_read_bytes_ = 0;
};

class GpuEvent {
 public:
  explicit GpuEvent(GpuDevice& device);
  GpuEvent(GpuEvent&& other) noexcept;
  GpuEvent& operator=(GpuEvent&& other) noexcept;
  ~GpuEvent();
  void wait() const;                             // for what the event recorded
  float elapsed_ms(const GpuEvent& from) const;  // both recorded and done

 private:
  friend class GpuStream;
  GpuDevice* device_;
  void* event_ = nullptr;
};

class GpuStream final : public Stream {
 public:
  explicit GpuStream(GpuDevice& device);
  ~GpuStream() override;
  GpuDevice& gpu() const;

  // Launches kernel `index` of the device's GpuCode with `threads` threads a block; an empty grid launches nothing.
  // `params` is copied. Throws DeviceError, naming the kernel, where the grid is larger than a GPU takes.
  void launch(int index, GpuGrid grid, int threads, const void* params, int shared_bytes = 0);

  void upload(std::byte* to, const void* from, std::int64_t bytes) override;
  void download(void* to, const std::byte* from, std::int64_t bytes) override;
  void copy(std::byte* to, const std::byte* from, std::int64_t bytes) override;
  void set_zero(std::byte* data, std::int64_t bytes) override;
  void synchronize() override;
  void record(GpuEvent& event);
  void wait(const GpuEvent& event);  // what is launched later, for what the event recorded; not the host
  // An upload that `beside` does, another stream of the device; counted and recorded as this one's. Who reads it waits.
  void upload_beside(GpuStream& beside, std::byte* to, const void* from, std::int64_t bytes);
  // The launches around read as many bytes of pinned host memory: for the ledger.
  void note_host_reads(std::int64_t bytes);

  // Launches between the two are recorded, and neither run nor counted. An upload is recorded too: each replay reads
  // its host memory again. Another stream that waits for an event of this one is recorded with it, until this one has
  // waited for its last event. Nothing may be allocated, downloaded or waited for by the host meanwhile.
  void begin_capture();
  GpuGraph end_capture();
  void replay(const GpuGraph& graph);

 private:
  void* stream_ = nullptr;
  bool capturing_ = false;
  GpuGraph captured_;               // the counts, while capturing
  std::string_view launched_last_;  // a kernel's failure shows when the stream is waited for
};

class GpuDevice final : public Device {
 public:
  // Opens device `index` of the driver for the calling thread and loads the code objects of its architecture. Throws
  // DeviceError where the driver refuses, where `code` has no object for the architecture, or where an object lacks a
  // kernel. What `code` refers to outlives the device.
  GpuDevice(const DriverApi& api, int index, const GpuCode& code);
  ~GpuDevice() override;

  std::string description() const override;  // "NVIDIA H200, sm_90, driver 13.0"
  std::int64_t memory_available_bytes() const override;
  std::unique_ptr<Stream> open_stream() override;
  const GpuProperties& properties() const { return properties_; }
  // "sm_90a" or "gfx1100": which code objects run here.
  std::string_view target() const { return target_; }
  const DriverApi& driver() const { return api_; }

  // The calling thread owns the device from now on. Needed where another thread opened it, and where a thread that
  // owns several changes from one to the other.
  void make_current();

  // Host memory that the device copies from without staging, and reads where it is. Not counted in the ledger, which is
  // the device's.
  class PinnedBuffer {
   public:
    // Throws OutOfMemory.
    PinnedBuffer(GpuDevice& device, std::int64_t bytes);
    PinnedBuffer(PinnedBuffer&& other) noexcept;
    PinnedBuffer& operator=(PinnedBuffer&& other) noexcept;
    ~PinnedBuffer();
    std::byte* data() const { return data_; }
    std::int64_t bytes() const { return bytes_; }

   private:
    GpuDevice* device_;
    std::byte* data_ = nullptr;
    std::int64_t bytes_ = 0;
  };

  // Throws DeviceError for a status that is not 0: "cuda:0: cuMemAlloc failed: CUDA_ERROR_… (text)".
  void check(int status, std::string_view call, std::string_view kernel = {}) const;

 protected:
  std::byte* allocate_bytes(std::int64_t bytes) override;
  void free_bytes(std::byte* data, std::int64_t bytes) override;

 private:
  friend class GpuStream;
  friend class GpuGraph;
  friend class GpuEvent;

  template <class Call, class... Args>
  void call(const Call& function, Args&&... args) const {
    check(function(std::forward<Args>(args)...), function.name());
  }
  void load(const GpuCode& code);
  void release();  // what the constructor took

  const DriverApi& api_;
  int index_;
  std::span<const GpuKernelName> kernels_;
  GpuProperties properties_;
  std::string_view target_;
  bool overlaps_ = false;  // a launch may begin before the one before it has ended
  std::vector<void*> modules_;
  std::vector<void*> functions_;          // by kernel index
  std::vector<int> function_shared_max_;  // likewise: bytes of shared memory that a launch may ask for
};

// For the bodies of GPU kernels' launchers: their table is only ever bound to a GpuDevice.
inline GpuStream& gpu_stream(Stream& stream) {
  return static_cast<GpuStream&>(stream);
}

}  // namespace hearth
