// Brings weights to a device: written in place by all threads where the host shares the device's memory, else through
// two pinned buffers, of which one is filled while the other is on its way.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "device/device.h"
#include "model/host_weights.h"

namespace hearth {

// Fills every reservation of `weight_buffer`; `progress` (may be empty) hears of bytes as they are done.
void fill_weights(Device& device, Stream& stream, std::span<const WeightReservation> reservations,
                  std::byte* weight_buffer, const std::function<void(std::int64_t)>& progress);

// The same where the host's memory is all that is filled.
void fill_host_weights(std::span<const WeightReservation> reservations, std::byte* weight_buffer,
                       const std::function<void(std::int64_t)>& progress);

}  // namespace hearth
