// The residual addition on the CPU.
#include "device/cpu/cpu_device.h"
#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/grain.h"

namespace hearth::HEARTH_ISA {

void residual_add(Stream& stream, const ResidualAddArgs& args) {
  cpu_pool(stream).run_ranges(args.element_count, kTaskElements, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) args.x[i] = (args.x[i] + args.delta[i]) * args.scale;
  });
}

}  // namespace hearth::HEARTH_ISA
