// Weights of experts that a GPU's memory has no room for: in pinned host memory, packed as the GPU reads them. A step
// with few tokens reads those in use where they are, over the bus; for one with many, the experts of a layer are copied
// to the device ahead of their use, into two slots in turn. The bits are the same: only where the weights stand
// differs.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "device/gpu/gpu_device.h"
#include "model/planned.h"

namespace hearth {

// A piece of a weight buffer, how it is filled, and who waits for its place.
struct WeightReservation {
  std::int64_t offset, bytes, part_bytes;
  std::function<void(std::int64_t begin, std::int64_t end, std::byte* out)> fill;
  const std::byte** place;
};

// The experts of a layer, and of a step in which they are used.
class HostWeights {
 public:
  explicit HostWeights(std::int64_t step_tokens_max);
  ~HostWeights();

  // Planning. Groups are used in the order in which they are made; a reservation belongs to the last one.
  std::int64_t begin_group(std::int64_t expert_count, std::int64_t used);
  // The offset within the group.
  std::int64_t reserve(std::int64_t bytes, std::int64_t part_bytes,
                       std::function<void(std::int64_t begin, std::int64_t end, std::byte* out)> fill);
  std::int64_t bytes() const { return bytes_; }  // pinned
  // On the device; 0: no step has as many tokens as need it.
  std::int64_t slots_bytes() const { return slot_count() * slot_bytes(); }

  // Throws OutOfMemory where the host has not as much left.
  void require_memory() const;
  // Pins the memory and fills it; `slots` is of slots_bytes(), in the device's memory. Throws OutOfMemory.
  void load(GpuDevice& device, std::byte* slots, const std::function<void(std::int64_t)>& progress);

  // A step runs all groups: each is entered, used and left, in their order.
  void begin_step(GpuStream& stream, std::int64_t token_count);
  // Where the group's weights stand for what is launched until leave().
  const std::byte* enter(GpuStream& stream, std::int64_t group);
  void leave(GpuStream& stream, std::int64_t group);
  // Whether kernels of the group read the host's memory in a step of so many tokens. With as many slots as experts, it
  // is some two thirds of what copying them all would move.
  bool reads_in_place(std::int64_t group, std::int64_t token_count) const;

 private:
  struct Group {
    std::int64_t begin, bytes, expert_count, used;
  };
  struct Running;  // what there is once it is loaded

  std::int64_t slot_count() const;
  std::int64_t slot_bytes() const;
  void copy_next(GpuStream& stream);

  std::int64_t step_tokens_max_, bytes_ = 0;
  std::vector<Group> groups_;
  std::vector<WeightReservation> reservations_;
  std::unique_ptr<Running> running_;
};

}  // namespace hearth
