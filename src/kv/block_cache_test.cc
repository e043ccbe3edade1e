// Blocks are found by what they hold, live as long as they are held or not needed, and are never given to two.
#include "kv/block_cache.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "kv/paged_kv_cache.h"

namespace hearth {
namespace {

using Tokens = std::vector<std::int32_t>;

Tokens tokens_from(std::int32_t first, std::int64_t block_count = 1) {
  Tokens tokens(static_cast<std::size_t>(block_count * kKvBlockTokens));
  std::iota(tokens.begin(), tokens.end(), first);
  return tokens;
}

// Computes the sequence as a scheduler would: its blocks, all published.
std::vector<std::int32_t> fill(BlockCache& cache, const Tokens& tokens) {
  std::vector<std::int32_t> blocks;
  BlockCache::ContentId content = BlockCache::kEmpty;
  for (std::size_t at = 0; at < tokens.size(); at += kKvBlockTokens) {
    blocks.push_back(cache.allocate().value());
    content = cache.publish(blocks.back(), content, std::span(tokens).subspan(at, kKvBlockTokens));
  }
  return blocks;
}

void release(BlockCache& cache, const std::vector<std::int32_t>& blocks) {
  for (auto block = blocks.rbegin(); block != blocks.rend(); ++block) cache.release(*block);
}

TEST(BlockCache, FindsTheLongestPrefix) {
  BlockCache cache(8);
  const Tokens tokens = tokens_from(5, 3);
  const auto blocks = fill(cache, tokens);
  EXPECT_EQ(cache.find_prefix(tokens, 8), blocks);
  EXPECT_EQ(cache.find_prefix(tokens, 2).size(), 2u);
  Tokens other = tokens;
  other[40] = 999;
  EXPECT_EQ(cache.find_prefix(other, 8), std::vector(blocks.begin(), blocks.begin() + 1));
  // A block that is not full is not looked for.
  EXPECT_EQ(cache.find_prefix(std::span(tokens).first(63), 8).size(), 1u);
  // The same tokens at another place are another content.
  EXPECT_TRUE(cache.find_prefix(std::span(tokens).subspan(32), 8).empty());
}

TEST(BlockCache, KeepsWhatNobodyHoldsUntilItIsNeeded) {
  BlockCache cache(4);
  const Tokens first = tokens_from(0, 2), second = tokens_from(1000, 2);
  release(cache, fill(cache, first));
  release(cache, fill(cache, second));
  EXPECT_EQ(cache.free_count(), 4);
  EXPECT_EQ(cache.cached_count(), 4);
  // The least recently used sequence goes first, from its end.
  const auto taken = cache.allocate().value();
  EXPECT_EQ(cache.find_prefix(first, 4).size(), 1u);
  EXPECT_EQ(cache.find_prefix(second, 4).size(), 2u);
  EXPECT_EQ(cache.content(taken), BlockCache::kEmpty);
  // What is held is not taken.
  const auto held = cache.find_prefix(second, 4);
  for (const auto block : held) cache.hold(block);
  EXPECT_TRUE(cache.allocate().has_value());
  EXPECT_FALSE(cache.allocate().has_value());
  EXPECT_EQ(cache.find_prefix(second, 4), held);
}

TEST(BlockCache, AKnownContentStaysInItsFirstBlock) {
  BlockCache cache(4);
  const Tokens tokens = tokens_from(0, 2);
  const auto first = fill(cache, tokens), second = fill(cache, tokens);
  EXPECT_EQ(cache.find_prefix(tokens, 4), first);
  EXPECT_EQ(cache.content(second[0]), BlockCache::kEmpty);
  release(cache, second);
  EXPECT_EQ(cache.cached_count(), 0);
  EXPECT_EQ(cache.free_count(), 2);
}

TEST(BlockCache, CountsHolders) {
  BlockCache cache(1);
  const auto block = fill(cache, tokens_from(0)).front();
  cache.hold(block);
  EXPECT_EQ(cache.holder_count(block), 2);
  cache.release(block);
  EXPECT_FALSE(cache.allocate().has_value());
  cache.release(block);
  EXPECT_EQ(cache.held_count(), 0);
  EXPECT_DEATH(cache.release(block), "broken invariant");
}

// Keeps a checkpoint after the sequence's block with this index.
void keep(BlockCache& cache, const Tokens& tokens, const std::vector<std::int32_t>& blocks, std::size_t index) {
  const auto before = index == 0 ? BlockCache::kEmpty : cache.content(blocks[index - 1]);
  const auto of_block = std::span(tokens).subspan(index * kKvBlockTokens, kKvBlockTokens);
  cache.keep_checkpoint(cache.take_checkpoint().value(), before, of_block);
}

TEST(BlockCache, ACheckpointStaysUntilItsSlotOrItsBlockIsNeeded) {
  BlockCache cache(4, 2);
  const Tokens tokens = tokens_from(0, 4);
  const auto blocks = fill(cache, tokens);
  EXPECT_EQ(cache.checkpointed_count(blocks), 0);
  keep(cache, tokens, blocks, 0);
  keep(cache, tokens, blocks, 2);
  EXPECT_EQ(cache.checkpointed_count(blocks), 3);
  EXPECT_EQ(cache.checkpointed_count(std::span(blocks).first(2)), 1);
  // The least recently used one gives way.
  cache.use_checkpoint(blocks[0]);
  keep(cache, tokens, blocks, 3);
  EXPECT_EQ(cache.checkpointed_count(blocks), 4);
  EXPECT_EQ(cache.checkpointed_count(std::span(blocks).first(3)), 1);
  EXPECT_EQ(cache.kept_checkpoint_count(), 2);
  // With its block's content a checkpoint is forgotten too, and its slot is free.
  release(cache, blocks);
  EXPECT_EQ(cache.allocate(), blocks[3]);
  EXPECT_EQ(cache.kept_checkpoint_count(), 1);
  EXPECT_NE(cache.take_checkpoint(), std::nullopt);
  EXPECT_EQ(cache.kept_checkpoint_count(), 1);
}

TEST(BlockCache, ABlockHasOneCheckpointAndSlotsAreNotLost) {
  BlockCache cache(2, 1);
  const Tokens tokens = tokens_from(0, 2);
  const auto blocks = fill(cache, tokens);
  const std::int32_t slot = cache.take_checkpoint().value();
  EXPECT_EQ(cache.take_checkpoint(), std::nullopt);
  EXPECT_EQ(cache.keep_checkpoint(slot, BlockCache::kEmpty, tokens_from(77)), BlockCache::kNone);
  keep(cache, tokens, blocks, 1);
  // Another state of the same content is not needed.
  EXPECT_EQ(cache.take_checkpoint_of(blocks[0], cache.content(blocks[0])), std::nullopt);
  EXPECT_EQ(cache.take_checkpoint_of(blocks[1], cache.content(blocks[0])), std::nullopt);
  EXPECT_EQ(cache.take_checkpoint_of(blocks[1], cache.content(blocks[1])), slot);
  EXPECT_EQ(cache.checkpointed_count(blocks), 0);
}

}  // namespace
}  // namespace hearth
