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

}  // namespace
}  // namespace hearth
