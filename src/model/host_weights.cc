#include "model/host_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "device/arena.h"
#include "device/cpu/machine_limits.h"
#include "model/weight_loader.h"

namespace hearth {

struct HostWeights::Running {
  Running(GpuDevice& gpu, std::int64_t bytes, std::byte* slot_memory)
      : device(gpu), pinned(gpu, bytes), slots(slot_memory), copies(gpu), begun(gpu) {
    device.ledger().pinned_weight_bytes += bytes;
  }
  ~Running() { device.ledger().pinned_weight_bytes -= pinned.bytes(); }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  struct Slot {
    explicit Slot(GpuDevice& gpu) : copied(gpu), left(gpu) {}
    GpuEvent copied, left;
  };

  GpuDevice& device;
  GpuDevice::PinnedBuffer pinned;
  std::byte* slots;
  GpuStream copies;
  GpuEvent begun;
  std::array<Slot, 2> slot{{Slot(device), Slot(device)}};

  // Of the step: the groups that are copied, how many are, and how many of those are left.
  std::vector<std::int64_t> groups;
  std::size_t copied_count = 0, left_count = 0;
};

HostWeights::HostWeights(std::int64_t step_tokens_max) : step_tokens_max_(step_tokens_max) {}
HostWeights::~HostWeights() = default;

std::int64_t HostWeights::begin_group(std::int64_t expert_count, std::int64_t used) {
  groups_.push_back({bytes_, 0, expert_count, used});
  return std::ssize(groups_) - 1;
}

std::int64_t HostWeights::reserve(std::int64_t bytes, std::int64_t part_bytes,
                                  std::function<void(std::int64_t begin, std::int64_t end, std::byte* out)> fill) {
  CHECK(!groups_.empty() && running_ == nullptr);
  Group& group = groups_.back();
  const std::int64_t offset = group.bytes;
  reservations_.push_back({bytes_, bytes, part_bytes, std::move(fill), nullptr});
  // Kernels may want of a weight what they want of a part of an arena.
  group.bytes += Arena::part_bytes(bytes);
  bytes_ += Arena::part_bytes(bytes);
  return offset;
}

bool HostWeights::reads_in_place(std::int64_t group, std::int64_t token_count) const {
  const Group& g = groups_[static_cast<std::size_t>(group)];
  return token_count * g.used <= g.expert_count;
}

// Of those that are ever copied.
std::int64_t HostWeights::slot_count() const {
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < std::ssize(groups_); ++i) count += reads_in_place(i, step_tokens_max_) ? 0 : 1;
  return std::min<std::int64_t>(count, 2);
}
std::int64_t HostWeights::slot_bytes() const {
  std::int64_t largest = 0;
  for (std::int64_t i = 0; i < std::ssize(groups_); ++i) {
    if (!reads_in_place(i, step_tokens_max_)) {
      largest = std::max(largest, groups_[static_cast<std::size_t>(i)].bytes);
    }
  }
  return largest;
}

void HostWeights::require_memory() const {
  if (const std::int64_t available = memory_available_bytes(); available > 0 && bytes_ > available) {
    throw OutOfMemory(
        fmt::format("no room for {} bytes of experts in the host's memory; {} bytes are available", bytes_, available));
  }
}

void HostWeights::load(GpuDevice& device, std::byte* slots, const std::function<void(std::int64_t)>& progress) {
  running_ = std::make_unique<Running>(device, bytes_, slots);
  fill_host_weights(reservations_, running_->pinned.data(), progress);
  reservations_.clear();
}

void HostWeights::begin_step(GpuStream& stream, std::int64_t token_count) {
  Running& r = *running_;
  r.groups.clear();
  r.copied_count = r.left_count = 0;
  for (std::int64_t i = 0; i < std::ssize(groups_); ++i) {
    if (!reads_in_place(i, token_count)) r.groups.push_back(i);
  }
  if (r.groups.empty()) return;
  stream.record(r.begun);  // what read the slots before is done then
  r.copies.wait(r.begun);
  for (std::int64_t i = 0; i < slot_count(); ++i) copy_next(stream);
}

// Into the slot that was left last, if there is a group yet to copy.
void HostWeights::copy_next(GpuStream& stream) {
  Running& r = *running_;
  if (r.copied_count == r.groups.size()) return;
  const std::size_t turn = r.copied_count % 2;
  if (r.copied_count >= 2) r.copies.wait(r.slot[turn].left);
  const Group& group = groups_[static_cast<std::size_t>(r.groups[r.copied_count])];
  stream.upload_beside(r.copies, r.slots + static_cast<std::int64_t>(turn) * slot_bytes(),
                       r.pinned.data() + group.begin, group.bytes);
  r.copies.record(r.slot[turn].copied);
  ++r.copied_count;
}

const std::byte* HostWeights::enter(GpuStream& stream, std::int64_t group) {
  Running& r = *running_;
  const bool is_copied = std::find(r.groups.begin(), r.groups.end(), group) != r.groups.end();
  if (!is_copied) return r.pinned.data() + groups_[static_cast<std::size_t>(group)].begin;
  CHECK(r.left_count < r.copied_count && r.groups[r.left_count] == group);
  const std::size_t turn = r.left_count % 2;
  stream.wait(r.slot[turn].copied);
  return r.slots + static_cast<std::int64_t>(turn) * slot_bytes();
}

void HostWeights::leave(GpuStream& stream, std::int64_t group) {
  Running& r = *running_;
  if (r.left_count == r.groups.size() || r.groups[r.left_count] != group) return;
  stream.record(r.slot[r.left_count % 2].left);
  ++r.left_count;
  copy_next(stream);
}

}  // namespace hearth
