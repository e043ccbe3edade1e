#include "kv/block_pool.h"

#include <utility>

#include "base/check.h"
#include "kv/paged_kv_cache.h"

namespace hearth {

BlockPool::BlockPool(std::int64_t block_count) : in_use_(static_cast<std::size_t>(block_count)) {
  free_.reserve(in_use_.size());
  for (auto block = static_cast<std::int32_t>(block_count) - 1; block >= 0; --block) free_.push_back(block);
}

std::optional<std::int32_t> BlockPool::allocate() {
  if (free_.empty()) return std::nullopt;
  const std::int32_t block = free_.back();
  free_.pop_back();
  in_use_[static_cast<std::size_t>(block)] = true;
  return block;
}

void BlockPool::release(std::int32_t block) {
  CHECK(block >= 0 && block < block_count() && in_use_[static_cast<std::size_t>(block)]);
  in_use_[static_cast<std::size_t>(block)] = false;
  free_.push_back(block);
}

BlockTable::BlockTable(BlockTable&& other) noexcept : pool_(other.pool_), blocks_(std::exchange(other.blocks_, {})) {}

BlockTable& BlockTable::operator=(BlockTable&& other) noexcept {
  std::swap(pool_, other.pool_);
  std::swap(blocks_, other.blocks_);
  return *this;
}

BlockTable::~BlockTable() {
  for (const std::int32_t block : blocks_) pool_->release(block);
}

bool BlockTable::reserve(std::int64_t position_count) {
  const std::int64_t needed = kv_block_count(position_count) - static_cast<std::int64_t>(blocks_.size());
  if (needed > pool_->free_count()) return false;
  for (std::int64_t i = 0; i < needed; ++i) blocks_.push_back(*pool_->allocate());
  return true;
}

}  // namespace hearth
