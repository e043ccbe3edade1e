// The blocks of a paged key/value cache, shared by content: a full block whose tokens, and those of every block before
// it, are known can be held by any sequence that begins with the same tokens. What nobody holds any more stays until
// its memory is needed, the least recently used first.
//
// Content is compared, never trusted to a hash: a block is known by the identity of the block before it and its own
// tokens.
//
// A known block may own a checkpoint: a slot with the states of recurrent layers after its last token, without which
// models that have such layers cannot go on behind it. There are fewer slots than blocks; the least recently used
// checkpoint gives its slot to the next.
#pragma once

#include <algorithm>
#include <cstdint>
#include <list>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "kv/block_pool.h"

namespace hearth {

class BlockCache {
 public:
  static constexpr std::int32_t kNone = -1;
  // The content of a sequence's first so many blocks; kEmpty: of none.
  using ContentId = std::uint64_t;
  static constexpr ContentId kEmpty = 0;

  explicit BlockCache(std::int64_t block_count, std::int64_t checkpoint_count = 0);

  // A block with one holder, of unknown content. Forgets the least recently used known block if no other is free;
  // nullopt if every block is held.
  std::optional<std::int32_t> allocate();
  void hold(std::int32_t block);  // one holder more; the block is held or known
  // One holder less. A sequence releases its blocks from the last to the first, so that a block is never forgotten
  // before those that come after it.
  void release(std::int32_t block);

  // The block holds `tokens` [kKvBlockTokens] after what `before` stands for, and is known for it from now on, unless
  // another block is. Returns the content up to the block's end.
  ContentId publish(std::int32_t block, ContentId before, std::span<const std::int32_t> tokens);
  // The known blocks that a sequence begins with, at most `count_max`. None is held by this.
  std::vector<std::int32_t> find_prefix(std::span<const std::int32_t> tokens, std::int64_t count_max) const;

  // A slot to keep a state in: a free one, or that of the least recently used checkpoint, which is forgotten. It
  // belongs to whoever asked until keep_checkpoint(). nullopt: there is none that nobody asked for.
  std::optional<std::int32_t> take_checkpoint();
  // The same of the checkpoint that a block with this content has, if it still has one.
  std::optional<std::int32_t> take_checkpoint_of(std::int32_t block, ContentId content);
  // The slot has the state after the known block of these tokens after `before`. Returns that block; kNone, and the
  // slot is free again, if there is none or it has a checkpoint.
  std::int32_t keep_checkpoint(std::int32_t slot, ContentId before, std::span<const std::int32_t> tokens);
  // How many of a prefix's blocks there are up to the last that has a checkpoint.
  std::int64_t checkpointed_count(std::span<const std::int32_t> prefix) const;
  std::int32_t use_checkpoint(std::int32_t block);  // its slot; it is the most recently used now
  std::int64_t checkpoint_count() const { return checkpoint_count_; }
  std::int64_t kept_checkpoint_count() const { return static_cast<std::int64_t>(checkpointed_.size()); }

  std::int64_t block_count() const { return pool_.block_count(); }
  std::int64_t held_count() const { return block_count() - free_count(); }
  std::int64_t free_count() const { return pool_.free_count() + static_cast<std::int64_t>(unheld_.size()); }
  std::int64_t cached_count() const { return static_cast<std::int64_t>(unheld_.size()); }  // known, held by nobody
  std::int64_t holder_count(std::int32_t block) const { return at(block).holders; }
  // What the block is known for; kEmpty if for nothing.
  ContentId content(std::int32_t block) const { return at(block).content; }

 private:
  struct Key {
    ContentId before;
    std::vector<std::int32_t> tokens;
  };
  struct KeyView {
    ContentId before;
    std::span<const std::int32_t> tokens;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(const KeyView& key) const;
    std::size_t operator()(const Key& key) const { return (*this)(KeyView{key.before, key.tokens}); }
  };
  struct Equal {
    using is_transparent = void;
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return a.before == b.before && std::equal(a.tokens.begin(), a.tokens.end(), b.tokens.begin(), b.tokens.end());
    }
  };
  using Index = std::unordered_map<Key, std::int32_t, Hash, Equal>;
  struct Block {
    std::int64_t holders = 0;
    ContentId content = kEmpty;
    Index::iterator entry;                           // where it is known
    std::list<std::int32_t>::iterator unheld;        // where known and without holders
    std::int32_t checkpoint = kNone;                 // slot
    std::list<std::int32_t>::iterator checkpointed;  // where it has one
  };

  Block& at(std::int32_t block);
  const Block& at(std::int32_t block) const;
  std::int32_t detach_checkpoint(Block& block);
  std::int32_t find(ContentId before, std::span<const std::int32_t> tokens) const;  // kNone: not known

  BlockPool pool_;
  std::vector<Block> blocks_;
  Index index_;
  std::list<std::int32_t> unheld_;  // the least recently released first
  ContentId content_count_ = 0;
  std::int64_t checkpoint_count_;
  std::vector<std::int32_t> free_checkpoints_;
  std::list<std::int32_t> checkpointed_;  // blocks, the least recently used first
};

}  // namespace hearth
