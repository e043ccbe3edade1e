// The stages of the Hopper kernels of attention, and the warpgroup that fills them.
//
// The sums of a wgmma are those of mma.sync if the same sixteen elements meet in a step. The portable kernels take
// every other quad of 32 elements to a step, so blocks are copied quad by quad, 8 bytes each, and the quads of a step
// put side by side. Where many tiles read a block, attention_pack does so once for all, and the copy engine brings it
// whole: small copies are what bounds the kernel that makes them itself.
//
// As in the portable kernel, values that are not finite are replaced by 0 and noted where not all rows see all keys of
// a block. The copying warpgroup does that, and finds out for each such block what each row sees.
#pragma once

#include "device/gpu/gpu_hopper.h"
#include "kernels/attention/attention_rows_gpu.h"

namespace hearth::gpu {
namespace {

inline constexpr int kConsumers = 2;
inline constexpr int kCopyThreads = kAttentionPackThreads;

enum class BlockKind : std::int32_t { kNone, kAllVisible, kPartial };  // kNone: the tile's end
struct BlockInfo {
  BlockKind kind;
  std::int32_t spoiled;  // not zero: some value is not finite
};

template <int kDimension, bool kFromPacked>
struct HopperTile {
  static constexpr int kDim = kDimension;
  static constexpr bool kPacked = kFromPacked;  // whether attention_pack has gathered the blocks
  using Shared = AttentionHopperShared<kDim>;
  static constexpr int kStages = Shared::kStages;
  static constexpr int kRows = kAttentionHopperRows;
  std::byte* memory;

  HEARTH_DEVICE std::byte* keys(int stage) const { return memory + stage * Shared::kStageBytes; }
  HEARTH_DEVICE std::byte* values(int stage) const { return keys(stage) + Shared::kKeyBytes; }
  HEARTH_DEVICE std::uint64_t& seen(int stage, int row) const {
    return reinterpret_cast<std::uint64_t*>(memory + Shared::kSeenAt)[stage * kRows + row];
  }
  // Bit i of a dimension's word: the value of key i was not finite.
  HEARTH_DEVICE std::uint64_t& not_finite(int stage, int dim) const {
    return reinterpret_cast<std::uint64_t*>(memory + Shared::kNotFiniteAt)[stage * kDim + dim];
  }
  HEARTH_DEVICE Row (&rows() const)[kRows] { return *reinterpret_cast<Row(*)[kRows]>(memory + Shared::kRowsAt); }
  // Bit i of a thread's words: value i of its sums, counted through, is NaN because its row sees such a value.
  HEARTH_DEVICE std::uint32_t& spoiled_sums(int word) const {
    return reinterpret_cast<std::uint32_t*>(memory + Shared::kSpoiledSumsAt)[word * kConsumers * 128 + thread_index()];
  }
  HEARTH_DEVICE Barrier& full(int stage) const {
    return reinterpret_cast<Barrier*>(memory + Shared::kBarriersAt)[stage];
  }
  HEARTH_DEVICE Barrier& empty(int stage) const { return (&full(kStages))[stage]; }
  HEARTH_DEVICE Barrier& landed() const { return full(2 * kStages); }  // the copy of a block that is to be prepared
  HEARTH_DEVICE BlockInfo& info(int stage) const {
    return reinterpret_cast<BlockInfo*>(memory + Shared::kInfoAt)[stage];
  }
  HEARTH_DEVICE Extent* extents() const { return reinterpret_cast<Extent*>(memory + Shared::kExtentsAt); }
  static_assert(sizeof(Row) == Shared::kRowBytes && sizeof(Extent) == Shared::kExtentBytes);
};

// A place in the ring.
template <int kStages>
struct Cursor {
  int stage = 0, parity = 0;

  HEARTH_DEVICE void advance() {
    if (++stage < kStages) return;
    stage = 0;
    parity ^= 1;
  }
};

// Where the eight bytes of quad `quad` of 32 elements stand, counted in quads.
HEARTH_DEVICE constexpr int place_of_quad(int quad) {
  return quad % 2 * 4 + quad / 2;
}

// What follows from it is not kept in registers, of which threads that copy have few.
HEARTH_DEVICE int copy_thread() {
  return opaque(thread_index()) % kCopyThreads;
}

// Copies a block of keys and its values from the cache, as the matrix unit is to find them: by 128 threads.
template <int kDim>
struct BlockCopy {
  static constexpr int kKeyBytes = AttentionHopperShared<kDim>::kKeyBytes;
  const AttentionParams& p;
  const int kv_head;

  // Lane i < 8 knows where octet i of the block is: of which head of which of the cache's blocks, and which position in
  // it; -1: not to be read.
  struct LaneOctet {
    int head_block, position;
  };
  HEARTH_DEVICE static int lane_position(int key) { return key + lane_index() % 8 * 8; }
  HEARTH_DEVICE LaneOctet find_octet(int sequence, int position, bool exists) const {
    if (!exists) return {0, -1};
    const auto tokens = static_cast<std::uint32_t>(p.block_tokens);
    const auto entry = static_cast<std::uint32_t>(position) / tokens;
    const int block = p.step.block_tables[sequence * p.step.block_table_stride + entry];
    return {block * p.kv_heads + kv_head, static_cast<int>(static_cast<std::uint32_t>(position) % tokens)};
  }

  // Key k goes to the row that the matrix unit's column of its score has: of each 32 keys, every other quad's.
  HEARTH_DEVICE void copy_keys(const LaneOctet& octet, std::uint32_t keys) const {
    constexpr int kRowQuads = kDim / 4;                  // of a key
    constexpr int kPassKeys = kCopyThreads / kRowQuads;  // keys that the threads copy at a time
    const int thread = copy_thread();
    const int quad = thread % kRowQuads, in_pass = thread / kRowQuads;
    const int place = quad / 8 * 8 + place_of_quad(quad % 8);
    const int chunk = place % 16 / 2, row = in_pass % 4 + in_pass / 4 * 16;
    const std::uint32_t to = keys + place / 16 * (64 * 128) + row * 128 + (chunk ^ (row & 3)) * 16 + place % 2 * 8;
    const std::byte* from = p.k + in_pass * (kDim * 2) + quad * 8;
    HEARTH_UNROLL
    for (int o = 0; o < kOctets; ++o) {
      const int first = octet.head_block * p.block_tokens + octet.position;  // in rows
      const int octet_row = shuffle(octet.position < 0 ? -8 : first, o);
      const std::byte* key = from + static_cast<std::int64_t>(octet_row < 0 ? 0 : octet_row) * (kDim * 2);
      HEARTH_UNROLL
      for (int pass = 0; pass < 8 / kPassKeys; ++pass) {
        // Octet o stands at quad o % 4 of a step, its first four keys in an even step.
        const int rows_below = o / 4 * 32 + o % 4 * 4 + pass * kPassKeys / 4 * 16;
        copy_async8((to ^ (o % 2 * 64)) + rows_below * 128, key + pass * kPassKeys * (kDim * 2), octet_row >= 0);
      }
    }
  }

  HEARTH_DEVICE static int value_dim(int thread) { return thread / 8 % 2 * 4 + thread / 16 % 4 + thread / 64 * 8; }
  // Of a thread's quad of dimension value_dim(), of the first 32 keys, in bytes from the values' beginning.
  HEARTH_DEVICE static int value_place(int thread) {
    const int place = place_of_quad(thread % 8), dim = value_dim(thread);
    return dim * 128 + (place / 2 ^ (dim & 7)) * 16 + place % 2 * 8;
  }
  HEARTH_DEVICE void copy_values(const LaneOctet& octet, std::uint32_t values) const {
    const int thread = copy_thread();
    const std::uint32_t to = values + value_place(thread);
    const std::int64_t step = std::int64_t{16} * 2 * p.block_tokens;
    HEARTH_UNROLL
    for (int half = 0; half < 2; ++half) {
      const int which = half * 4 + thread % 8 / 2;
      const int head_block = shuffle(octet.head_block, which), position = shuffle(octet.position, which);
      const std::int64_t row = static_cast<std::int64_t>(head_block) * kDim + value_dim(thread);
      const std::byte* from = p.v + (row * p.block_tokens + (position < 0 ? 0 : position) + thread % 2 * 4) * 2;
      HEARTH_UNROLL
      for (int i = 0; i < kDim / 16; ++i) {
        copy_async8((to ^ (half * 64)) + i * (16 * 128), from, position >= 0);
        from += step;
      }
    }
  }
  HEARTH_DEVICE void copy(const LaneOctet& octet, std::uint32_t to) const {
    copy_keys(octet, to);
    copy_values(octet, to + kKeyBytes);
  }
};

// Where a block stands that attention_pack has copied.
template <int kDim>
HEARTH_DEVICE std::byte* packed_block(const AttentionParams& p, int sequence, int kv_head, int key) {
  const std::int64_t block =
      (static_cast<std::int64_t>(sequence) * p.kv_heads + kv_head) * p.parts_stride + key / kBlockKeys;
  return p.packed + block * AttentionHopperShared<kDim>::kPackedBytes;
}

// The warpgroup that copies.
template <class Tile_>
struct Producer {
  static constexpr int kDim = Tile_::kDim;
  using Copy = BlockCopy<kDim>;
  const AttentionParams& p;
  const Tile_ shared;
  const Copy blocks;
  Cursor<Tile_::kStages> at;
  int landed_parity = 0;
  const Extent* extent;  // of the next block
  int key;

  HEARTH_DEVICE Producer(const AttentionParams& params, const Tile_& tile, int head)
      : p(params), shared(tile), blocks{params, head}, extent(tile.extents()) {
    find_key();
  }

  HEARTH_DEVICE bool exists() const { return extent->sequence != kNoSequence; }
  HEARTH_DEVICE void advance() {
    key = extent->block_from(key + kBlockKeys);
    if (key < extent->end) return;
    ++extent;
    find_key();
  }
  // The first block from the extent on.
  HEARTH_DEVICE void find_key() {
    for (; exists(); ++extent) {
      key = extent->first_block();
      if (extent->begin < extent->end && key < extent->end) return;
    }
  }
  HEARTH_DEVICE typename Copy::LaneOctet find_octet() const {
    const int position = Copy::lane_position(key);
    return blocks.find_octet(extent->sequence, position, exists() && extent->sees_octet(position));
  }

  // Takes what is not finite out of the values, each thread in its quads, and notes it.
  HEARTH_DEVICE void clean_values() const {
    auto* bytes = reinterpret_cast<std::uint8_t*>(&shared.not_finite(at.stage, 0));
    const int thread = copy_thread(), first = Copy::value_place(thread);
    for (int i = 0; i < opaque(kDim / 8); ++i) {
      const int half = i % 2, dim = Copy::value_dim(thread) + i / 2 * 16;
      auto* quad = reinterpret_cast<Bytes8*>(shared.values(at.stage) + (first ^ (half * 64)) + i / 2 * (16 * 128));
      Bytes8 value = *quad;
      std::uint32_t found = 0;
      HEARTH_UNROLL
      for (int w = 0; w < 2; ++w) {
        if ((value.word[w] & 0x7f80u) == 0x7f80u) found |= 1u << (2 * w), value.word[w] &= 0xffff0000u;
        if ((value.word[w] & 0x7f800000u) == 0x7f800000u) found |= 2u << (2 * w), value.word[w] &= 0xffffu;
      }
      if (found != 0) *quad = value, shared.info(at.stage).spoiled = 1;
      found |= shuffle_xor(found, 1) << 4;
      if (thread % 2 == 0) bytes[dim * 8 + half * 4 + thread % 8 / 2] = static_cast<std::uint8_t>(found);
    }
  }

  // What each row sees of a block of which some rows do not see all, and values that are safe to multiply by 0.
  HEARTH_DEVICE void prepare_partial(const Extent& of_block, int first_key) {
    const int thread = copy_thread();
    const Row row = shared.rows()[thread];
    shared.seen(at.stage, thread) = row.sequence == of_block.sequence ? seen_keys(p, row, first_key) : 0;
    if constexpr (!Tile_::kPacked) {
      copy_commit();
      copy_wait<0>();
    } else {
      shared.landed().wait(landed_parity);
      landed_parity ^= 1;
    }
    part_sync(1, kCopyThreads);  // the block's info is written before some thread says that it is spoiled
    clean_values();
  }

  HEARTH_DEVICE void ask(int sequence, int first_key, Barrier& copied) {
    constexpr int kBytes = Tile_::Shared::kPackedBytes;
    copied.arrive_expecting(kBytes);
    copy_bulk(shared.keys(at.stage), packed_block<kDim>(p, sequence, blocks.kv_head, first_key), kBytes, copied);
  }

  HEARTH_DEVICE void run() {
    typename Copy::LaneOctet octet{}, next{};
    if constexpr (!Tile_::kPacked) octet = find_octet();
    while (exists()) {
      const Extent& of_block = *extent;
      const int first_key = key;
      advance();
      if constexpr (!Tile_::kPacked) next = find_octet();  // takes a while, and so do the copies
      shared.empty(at.stage).wait(at.parity ^ 1);
      Barrier& full = shared.full(at.stage);
      const bool all = of_block.all_visible(first_key);
      if (copy_thread() == 0) shared.info(at.stage) = {all ? BlockKind::kAllVisible : BlockKind::kPartial, 0};
      if constexpr (Tile_::kPacked) {
        if (copy_thread() == 0) ask(of_block.sequence, first_key, all ? full : shared.landed());
      } else {
        blocks.copy(octet, shared_address(shared.keys(at.stage)));
        octet = next;
      }
      if (!all) prepare_partial(of_block, first_key);
      if (all && !Tile_::kPacked) {
        full.arrive_when_copied();
      } else {
        full.arrive();
      }
      // The info is there, which the arrival that announces bytes says as well.
      if (copy_thread() == 0 && !(all && Tile_::kPacked)) full.arrive();
      at.advance();
    }
    shared.empty(at.stage).wait(at.parity ^ 1);
    if (copy_thread() == 0) {
      shared.info(at.stage).kind = BlockKind::kNone;
      shared.full(at.stage).arrive();
    }
    shared.full(at.stage).arrive();
  }
};

}  // namespace
}  // namespace hearth::gpu
