// Blocks are handed out once and come back; layers of the cache do not overlap.
#include <gtest/gtest.h>

#include <set>

#include "device/cpu/cpu_device.h"
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
  const KvCacheShape shape{
      .layers = {{2, 8}, {1, 16}, {2, 16}}, .block_count = 4, .padding_count = 1, .format = Format::kBf16};
  const std::int64_t bytes = 5 * kKvBlockTokens * 16 * 2;  // of keys in the first two layers
  EXPECT_EQ(shape.layer_bytes(shape.layers[0]), bytes);
  EXPECT_EQ(shape.bytes(), 2 * (bytes + bytes + 2 * bytes));
  CpuDevice device(1);
  Arena arena(device, shape.bytes(), "the cache");
  const PagedKvCache cache(arena, shape);
  std::byte* end = cache.layer(0).k;
  for (std::int64_t i = 0; i < 3; ++i) {
    const PagedKv layer = cache.layer(i);
    EXPECT_EQ(layer.k, end);
    EXPECT_EQ(layer.v - layer.k, shape.layer_bytes(shape.layers[static_cast<std::size_t>(i)]));
    EXPECT_EQ(layer.head_dim, shape.layers[static_cast<std::size_t>(i)].head_dim);
    end = layer.v + (layer.v - layer.k);
  }
}

}  // namespace
}  // namespace hearth
