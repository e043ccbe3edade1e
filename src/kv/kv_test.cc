// Blocks are handed out once and come back; layers of the cache do not overlap.
#include <gtest/gtest.h>

#include <set>

#include "kv/block_pool.h"
#include "kv/paged_kv_cache.h"

namespace hearth {
namespace {

TEST(BlockPool, HandsOutEveryBlockOnce) {
  BlockPool pool(5);
  std::set<std::int32_t> seen;
  for (int i = 0; i < 5; ++i) seen.insert(pool.allocate().value());
  EXPECT_EQ(seen, (std::set<std::int32_t>{0, 1, 2, 3, 4}));
  EXPECT_FALSE(pool.allocate().has_value());
  pool.release(3);
  EXPECT_EQ(pool.allocate(), 3);
  EXPECT_DEATH(BlockPool(2).release(0), "broken invariant");
}

TEST(BlockTable, ReservesWhatPositionsNeedOrNothing) {
  BlockPool pool(3);
  {
    BlockTable table(pool);
    EXPECT_TRUE(table.reserve(1));
    EXPECT_TRUE(table.reserve(kKvBlockTokens));
    EXPECT_EQ(table.blocks().size(), 1u);
    EXPECT_TRUE(table.reserve(kKvBlockTokens + 1));
    EXPECT_EQ(table.blocks().size(), 2u);
    EXPECT_FALSE(table.reserve(4 * kKvBlockTokens));
    EXPECT_EQ(table.blocks().size(), 2u);
    EXPECT_EQ(pool.free_count(), 1);
    BlockTable moved = std::move(table);
    EXPECT_EQ(moved.blocks().size(), 2u);
  }
  EXPECT_EQ(pool.free_count(), 3);
}

TEST(PagedKvCache, LayersDoNotOverlap) {
  const KvCacheShape shape{.layer_count = 3, .kv_heads = 2, .head_dim = 8, .block_count = 4, .format = Format::kBf16};
  EXPECT_EQ(shape.layer_bytes(), 4 * 2 * kKvBlockTokens * 8 * 2);
  EXPECT_EQ(shape.bytes(), 6 * shape.layer_bytes());
}

}  // namespace
}  // namespace hearth
