// The clamp on the CPU.
#include "device/cpu/cpu_device.h"
#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/grain.h"

namespace hearth::HEARTH_ISA {

void clamp(Stream& stream, const ClampArgs& args) {
  cpu_pool(stream).run_ranges(args.element_count, kTaskElements, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const float x = args.x[i], below = x > args.limit ? args.limit : x;
      args.x[i] = below < -args.limit ? -args.limit : below;
    }
  });
}

}  // namespace hearth::HEARTH_ISA
