// The part of a vendor's driver that Hearth uses. CUDA's driver API and HIP's are nearly the same functions, so one
// struct of functions stands for either (cuda_driver.cc, hip_driver.cc), found at run time with dlopen; the executor of
// tests/simt is a third.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>

#include "tensor/tensor.h"

namespace hearth {

// What a driver says of one device.
struct GpuProperties {
  std::string name;            // "NVIDIA H200"
  std::string architecture;    // "sm_90", "gfx1100": without what follows a colon; empty: not known
  std::string driver_version;  // "13.0"
  std::string pci_bus_id;      // "0000:03:00.0"
  int wave_size = 0;
  int multiprocessor_count = 0;
  std::int64_t shared_bytes_max = 0;  // of a block
  std::int64_t memory_bytes = 0;
  std::int64_t memory_available_bytes = 0;  // 0: the driver tells only of a device that is open
  bool integrated = false;                  // its memory is the host's
};

// What allocate and allocate_pinned return, with either vendor, where there is not as much memory.
inline constexpr int kDriverOutOfMemory = 2;

// A function of a driver, with the vendor's name for it: errors say which call failed.
template <class Signature>
class DriverCall;

template <class... Args>
class DriverCall<int(Args...)> {
 public:
  using Function = int (*)(Args...);

  constexpr DriverCall(const char* name, Function function) : name_(name), function_(function) {}
  template <std::convertible_to<Function> Unnamed>
  constexpr DriverCall(Unnamed function) : name_("the driver"), function_(function) {}

  constexpr const char* name() const { return name_; }
  int operator()(Args... args) const { return function_(args...); }

 private:
  const char* name_;  // "cuMemAlloc"
  Function function_;
};

// A row-major matrix and the boxes that are copied of it; what lies outside of the matrix becomes zeros.
struct MatrixDescription {
  enum class Element : std::uint8_t {
    kBf16Swizzled,  // a box's rows of 128 bytes are swizzled in shared memory
    kWord8,         // 8 bytes, as they are
  };
  const void* data;
  Element element;
  std::int64_t rows, columns;
  int box_rows, box_columns;
};

// All calls return 0, or the driver's own error number. Handles are the driver's, as pointers. Those that name no
// device work on the one that the calling thread made current with `open`.
struct DriverApi {
  DeviceKind kind;

  DriverCall<int(int* count)> device_count;
  DriverCall<int(int index, GpuProperties* out)> properties;  // without making the device current
  DriverCall<int(int index)> open;                            // retains the device's context and makes it current
  DriverCall<int(int index)> close;                           // releases it once
  DriverCall<int(std::int64_t* bytes)> memory_available;

  DriverCall<int(void** device, std::size_t bytes)> allocate;
  DriverCall<int(void* device)> free;
  DriverCall<int(void** host, std::size_t bytes)> allocate_pinned;  // kernels read it where it is
  DriverCall<int(void* host)> free_pinned;
  DriverCall<int(void* device, std::size_t bytes, void* stream)> set_zero;
  DriverCall<int(void* device, const void* host, std::size_t bytes, void* stream)> copy_to_device;
  DriverCall<int(void* host, const void* device, std::size_t bytes, void* stream)> copy_to_host;
  DriverCall<int(void* to, const void* from, std::size_t bytes, void* stream)> copy_on_device;

  DriverCall<int(void** stream)> stream_create;
  DriverCall<int(void* stream)> stream_destroy;
  DriverCall<int(void* stream)> stream_synchronize;
  // What is enqueued later waits for what `event` recorded; not the host.
  DriverCall<int(void* stream, void* event)> stream_wait;

  DriverCall<int(void** event)> event_create;
  DriverCall<int(void* event)> event_destroy;
  DriverCall<int(void* event, void* stream)> event_record;
  DriverCall<int(void* event)> event_synchronize;
  DriverCall<int(float* ms, void* from, void* to)> event_elapsed_ms;

  DriverCall<int(void** module, const void* image)> module_load;
  DriverCall<int(void* module)> module_unload;
  DriverCall<int(void** function, void* module, const char* name)> module_function;
  // More shared memory than a kernel may have by default.
  DriverCall<int(void* function, int bytes)> function_set_shared_max;
  // `params`: an array with a pointer to the one parameter struct.
  DriverCall<int(void* function, const unsigned (&grid)[3], unsigned threads, unsigned shared_bytes, void* stream,
                 void** params)>
      launch;

  DriverCall<int(void* stream)> capture_begin;
  DriverCall<int(void* stream, void** graph)> capture_end;  // an executable graph
  DriverCall<int(void* graph, void* stream)> graph_launch;
  DriverCall<int(void* graph)> graph_destroy;

  const char* (*error_name)(int error);  // null: the driver has none
  const char* (*error_text)(int error);

  // As `launch`, for kernels that wait for their inputs themselves: the kernel may be started before the one before it
  // has ended. Null where there is no such launch.
  int (*launch_overlapped)(void* function, const unsigned (&grid)[3], unsigned threads, unsigned shared_bytes,
                           void* stream, void** params) = nullptr;

  // Writes to `map` (128 bytes, aligned to 64) what the copy engine of sm_90 needs to bring boxes of a matrix to shared
  // memory. Null where there is no such engine.
  int (*describe_matrix)(void* map, const MatrixDescription& matrix) = nullptr;
};

// "CUDA_ERROR_INVALID_VALUE (invalid argument)"; "error 34" for one without a name. Either may be null.
std::string describe_error(int error, const char* name, const char* text);
inline std::string describe_error(const DriverApi& driver, int error) {
  return describe_error(error, driver.error_name(error), driver.error_text(error));
}

// A vendor's driver on this machine, or the reason why there is none ("libcuda.so.1 was not found").
struct DriverLookup {
  const DriverApi* api = nullptr;
  std::string reason;
};
// The library stays loaded; both may be called any number of times.
DriverLookup cuda_driver();
DriverLookup hip_driver();

}  // namespace hearth
