#include "kv/block_cache.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "kv/paged_kv_cache.h"

namespace hearth {

BlockCache::BlockCache(std::int64_t block_count, std::int64_t checkpoint_count)
    : pool_(block_count), blocks_(static_cast<std::size_t>(block_count)), checkpoint_count_(checkpoint_count) {
  for (auto slot = static_cast<std::int32_t>(checkpoint_count) - 1; slot >= 0; --slot)
    free_checkpoints_.push_back(slot);
}

// Where two differ and their hashes do not, Equal tells them apart.
std::size_t BlockCache::Hash::operator()(const KeyView& key) const {
  return XXH3_64bits_withSeed(key.tokens.data(), key.tokens.size_bytes(), key.before);
}

BlockCache::Block& BlockCache::at(std::int32_t block) {
  CHECK(block >= 0 && block < block_count());
  return blocks_[static_cast<std::size_t>(block)];
}

const BlockCache::Block& BlockCache::at(std::int32_t block) const {
  CHECK(block >= 0 && block < block_count());
  return blocks_[static_cast<std::size_t>(block)];
}

std::optional<std::int32_t> BlockCache::allocate() {
  if (const auto block = pool_.allocate()) {
    at(*block).holders = 1;
    return block;
  }
  if (unheld_.empty()) return std::nullopt;
  const std::int32_t block = unheld_.front();
  unheld_.pop_front();
  Block& forgotten = at(block);
  if (forgotten.checkpoint != kNone) free_checkpoints_.push_back(detach_checkpoint(forgotten));
  index_.erase(forgotten.entry);
  forgotten.content = kEmpty;
  forgotten.holders = 1;
  return block;
}

void BlockCache::hold(std::int32_t block) {
  Block& held = at(block);
  CHECK(held.holders > 0 || held.content != kEmpty);
  if (held.holders++ == 0) unheld_.erase(held.unheld);
}

void BlockCache::release(std::int32_t block) {
  Block& released = at(block);
  CHECK(released.holders > 0);
  if (--released.holders > 0) return;
  if (released.content == kEmpty) {
    pool_.release(block);
  } else {
    released.unheld = unheld_.insert(unheld_.end(), block);
  }
}

BlockCache::ContentId BlockCache::publish(std::int32_t block, ContentId before, std::span<const std::int32_t> tokens) {
  CHECK(std::ssize(tokens) == kKvBlockTokens);
  Block& published = at(block);
  CHECK(published.holders > 0 && published.content == kEmpty);
  if (const std::int32_t known = find(before, tokens); known != kNone) return content(known);
  published.content = ++content_count_;
  published.entry = index_.emplace(Key{before, {tokens.begin(), tokens.end()}}, block).first;
  return published.content;
}

std::int32_t BlockCache::find(ContentId before, std::span<const std::int32_t> tokens) const {
  const auto found = index_.find(KeyView{before, tokens});
  return found == index_.end() ? kNone : found->second;
}

std::vector<std::int32_t> BlockCache::find_prefix(std::span<const std::int32_t> tokens, std::int64_t count_max) const {
  std::vector<std::int32_t> blocks;
  constexpr auto kTokens = static_cast<std::size_t>(kKvBlockTokens);
  ContentId before = kEmpty;
  while (std::ssize(blocks) < count_max && tokens.size() >= kTokens) {
    const std::int32_t block = find(before, tokens.first(kTokens));
    if (block == kNone) break;
    blocks.push_back(block);
    before = content(block);
    tokens = tokens.subspan(kTokens);
  }
  return blocks;
}

std::int32_t BlockCache::detach_checkpoint(Block& block) {
  checkpointed_.erase(block.checkpointed);
  return std::exchange(block.checkpoint, kNone);
}

std::optional<std::int32_t> BlockCache::take_checkpoint() {
  if (free_checkpoints_.empty()) {
    if (checkpointed_.empty()) return std::nullopt;
    return detach_checkpoint(at(checkpointed_.front()));
  }
  const std::int32_t slot = free_checkpoints_.back();
  free_checkpoints_.pop_back();
  return slot;
}

std::optional<std::int32_t> BlockCache::take_checkpoint_of(std::int32_t block, ContentId content) {
  if (block == kNone || at(block).content != content || at(block).checkpoint == kNone) return std::nullopt;
  return detach_checkpoint(at(block));
}

std::int32_t BlockCache::keep_checkpoint(std::int32_t slot, ContentId before, std::span<const std::int32_t> tokens) {
  const std::int32_t block = find(before, tokens);
  if (block == kNone || at(block).checkpoint != kNone) {
    free_checkpoints_.push_back(slot);
    return kNone;
  }
  at(block).checkpoint = slot;
  at(block).checkpointed = checkpointed_.insert(checkpointed_.end(), block);
  return block;
}

std::int64_t BlockCache::checkpointed_count(std::span<const std::int32_t> prefix) const {
  const auto last = std::find_if(prefix.rbegin(), prefix.rend(),
                                 [this](std::int32_t block) { return at(block).checkpoint != kNone; });
  return prefix.rend() - last;
}

std::int32_t BlockCache::use_checkpoint(std::int32_t block) {
  CHECK(at(block).checkpoint != kNone);
  checkpointed_.splice(checkpointed_.end(), checkpointed_, at(block).checkpointed);
  return at(block).checkpoint;
}

}  // namespace hearth
