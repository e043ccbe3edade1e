// The blocks of a paged key/value cache: who may write where. Blocks are numbered from 0; a sequence's block table
// lists its blocks in the order of its positions.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace hearth {

class BlockPool {
 public:
  explicit BlockPool(std::int64_t block_count);

  std::optional<std::int32_t> allocate();  // nullopt: none is free
  void release(std::int32_t block);        // CHECKs that it was allocated

  std::int64_t block_count() const { return static_cast<std::int64_t>(in_use_.size()); }
  std::int64_t free_count() const { return static_cast<std::int64_t>(free_.size()); }

 private:
  std::vector<std::int32_t> free_;
  std::vector<bool> in_use_;
};

// One sequence's share of the pool. Gives its blocks back when it ends.
class BlockTable {
 public:
  explicit BlockTable(BlockPool& pool) : pool_(&pool) {}
  BlockTable(BlockTable&& other) noexcept;
  BlockTable& operator=(BlockTable&& other) noexcept;
  ~BlockTable();

  // Makes room for positions [0, position_count); false, and nothing changed, if the pool has not enough blocks.
  bool reserve(std::int64_t position_count);
  const std::vector<std::int32_t>& blocks() const { return blocks_; }

 private:
  BlockPool* pool_;
  std::vector<std::int32_t> blocks_;
};

}  // namespace hearth
