// A table of rows that a kernel looks up by index: token embeddings, positions.
#pragma once

#include <string_view>

#include "model/binder.h"

namespace hearth {

struct WeightTable {
  Tensor tensor;
  Planned<const std::byte> rows;

  Tensor placed() const { return {rows.get(), tensor.format, tensor.device, tensor.shape}; }
};

// The kernel for the tensor's format, the table in the form that it reads. No kernel after a problem, which is told.
template <class Args>
Kernel<Args> bind_table(Binder& binder, const PerFormat<WeightKernel<Args>>& kernels, std::string_view name,
                        const WeightEntry& entry, WeightTable& table) {
  const WeightKernel<Args>& kernel = kernels[entry.format];
  const DeviceId device = binder.backend().device.id();
  if (!kernel) {
    binder.problem(device.to_string() + " has no kernel for operator '" + std::string(name) + "' with " +
                   std::string(traits(entry.format).name) + " weights");
    return {};
  }
  table = {{nullptr, entry.format, device, entry.shape}, binder.place_matrix(entry, kernel.packing)};
  binder.operation({std::string(name), std::string(kernel.run.name()), std::string(traits(entry.format).name),
                    format_bytes(entry.format, entry.shape.columns())});
  return kernel.run;
}

}  // namespace hearth
