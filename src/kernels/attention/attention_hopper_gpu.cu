// Attention for the rows of a tile on Hopper: the portable tile kernel's sums, to the bit, at the speed of wgmma. A
// warpgroup has blocks of 64 keys and their values copied to a ring of stages (attention_hopper_gpu.h); two others take
// 64 rows each: they have the matrix unit multiply the next block's keys and this block's values, and compute weights
// and add up sums while that is under way.
//
// A block's weights are added up by the product with its values: eight more rows of those, all of ones.
#include "kernels/attention/attention_hopper_gpu.h"

namespace hearth::gpu {
namespace {

// A warpgroup that multiplies: each wave has 16 rows, of which a lane has two.
template <class Tile_>
struct Consumer {
  static constexpr int kDim = Tile_::kDim;
  static constexpr int kScores = kBlockKeys / 2, kSums = kDim / 2;  // values of a lane
  // Which of its two products a warpgroup asks for first, and so what it computes while the other is under way: the
  // next block's weights, or this block's sums. Measured on an H200.
  static constexpr bool kKeysFirst = Tile_::kPacked && kDim > 64;
  const AttentionParams& p;
  const Tile_ shared;
  Cursor<Tile_::kStages> at;
  Mma::A q[kDim / 16];
  Mma::A weights[kBlockSteps];
  float s[kScores];       // of the next block, and then its weights
  float part[kSums + 4];  // p v of this block, and its weights' sums
  float o[kSums];
  RowTotals totals[2];
  float block_max[2], next_max[2];

  HEARTH_DEVICE Consumer(const AttentionParams& params, const Tile_& tile) : p(params), shared(tile) {}

  HEARTH_DEVICE static int row_of(int lane, int i) { return wave_index() * kAttentionTileRows + Mma::a_row(lane, i); }

  HEARTH_DEVICE void load_queries(const Tile& tile) {
    const int lane = lane_index();
    HEARTH_UNROLL
    for (int i = 0; i < 2; ++i) {
      const int r = row_of(lane, i), token = shared.rows()[r].token;
      const float* row = p.q + token * p.q_stride + head_of(p, tile, Tile_::kRows, r) * kDim;
      HEARTH_UNROLL
      for (int step = 0; step < kDim / 16; ++step) {
        HEARTH_UNROLL
        for (int j = 0; j < 2; ++j) {
          // Element 2 (lane % 4) + 8 j of the step.
          const int quad = lane % 4 / 2 + 2 * j;
          const int dim = step / 2 * 32 + quad * 8 + step % 2 * 4 + lane % 2 * 2;
          struct alignas(8) Two {
            float value[2];
          };
          Two two{};
          if (token >= 0) two = *reinterpret_cast<const Two*>(row + dim);
          q[step].quad[i][0].word[j] = pair_of_floats(two.value[0], two.value[1]);
        }
      }
    }
  }

  // s = q k, asynchronously.
  HEARTH_DEVICE void multiply_keys(int stage) {
    HEARTH_UNROLL
    for (int step = 0; step < kDim / 16; ++step) {
      const std::uint64_t matrix =
          swizzled_matrix(shared.keys(stage)) + static_cast<std::uint64_t>(step / 4 * (64 * 128 / 16) + step % 4 * 2);
      if (step == 0) {
        warpgroup_multiply_first(s, q[step], matrix);
      } else {
        warpgroup_multiply(s, q[step], matrix);
      }
    }
    warpgroup_commit();
  }
  HEARTH_DEVICE void multiply_values(int stage) {
    HEARTH_UNROLL
    for (int step = 0; step < kBlockSteps; ++step) {
      const std::uint64_t matrix = swizzled_matrix(shared.values(stage)) + static_cast<std::uint64_t>(step * 2);
      if (step == 0) {
        warpgroup_multiply_first(part, weights[step], matrix);
      } else {
        warpgroup_multiply(part, weights[step], matrix);
      }
    }
    warpgroup_commit();
  }

  // The scores of keys that the lane's rows do not see become -infinity.
  HEARTH_DEVICE void hide_keys(int stage) {
    const int lane = opaque(lane_index());
    HEARTH_UNROLL
    for (int i = 0; i < 2; ++i) {
      // Value e of tile n is of key 32 (n / 4) + 4 (n / 2 % 2) + 16 (n % 2) + e % 2, from here on.
      const std::uint64_t of_lane = shared.seen(stage, row_of(lane, i)) >> (lane % 4 / 2 * 8 + lane % 2 * 2);
      HEARTH_UNROLL
      for (int n = 0; n < kScores / 4; ++n) {
        HEARTH_UNROLL
        for (int e = 0; e < 2; ++e) {
          const int key = n / 4 * 32 + n / 2 % 2 * 4 + n % 2 * 16 + e;
          float& score = s[n * 4 + i * 2 + e];
          score = (of_lane >> key & 1) != 0 ? score : kMinusInfinity;
        }
      }
    }
  }

  // Scores become weights, in float32.
  HEARTH_DEVICE void weigh(int stage, BlockKind kind) {
    if (p.softcap > 0) [[unlikely]] {  // much code, and not to stand in the way
      HEARTH_UNROLL
      for (float& score : s) score = cap_score(score * p.cap_scale, p.softcap);
    }
    if (kind == BlockKind::kPartial) [[unlikely]]
      hide_keys(stage);
    HEARTH_UNROLL
    for (int i = 0; i < 2; ++i) {
      float m[4] = {kMinusInfinity, kMinusInfinity, kMinusInfinity, kMinusInfinity};
      HEARTH_UNROLL
      for (int value = 0; value < kScores; ++value) {
        if (value % 4 / 2 == i) m[value / 4 % 4] = max_number(m[value / 4 % 4], s[value]);
      }
      next_max[i] = max_number(max_number(m[0], m[1]), max_number(m[2], m[3]));
    }
    HEARTH_UNROLL
    for (int mask = 1; mask < 4; mask *= 2) {
      HEARTH_UNROLL
      for (float& m : next_max) m = max_number(m, shuffle_xor(m, mask));
    }
    HEARTH_UNROLL
    for (int value = 0; value < kScores; ++value) {
      const float m = next_max[value % 4 / 2];
      const float shift = m == kMinusInfinity ? 0.0f : -m * p.exponent_scale;
      s[value] = exp2_flush(fma_exact(s[value], p.exponent_scale, shift));
    }
  }
  // When the weights before these are multiplied.
  HEARTH_DEVICE void round_weights() {
    HEARTH_UNROLL
    for (int value = 0; value < kScores; value += 2) {
      weights[value / 8].quad[value % 4 / 2][0].word[value / 4 % 2] = pair_of_floats(s[value], s[value + 1]);
    }
    HEARTH_UNROLL
    for (int i = 0; i < 2; ++i) block_max[i] = next_max[i];
  }

  // o = o * factor + part * factor.
  HEARTH_DEVICE void add_part() {
    MergeFactors factors[2];
    HEARTH_UNROLL
    for (int i = 0; i < 2; ++i) factors[i] = merge(totals[i], block_max[i], part[kSums + 2 * i], p.exponent_scale);
    HEARTH_UNROLL
    for (int value = 0; value < kSums; ++value) o[value] = merge_value(o[value], part[value], factors[value % 4 / 2]);
  }

  // Takes note of the sums that see values which are not finite.
  HEARTH_DEVICE void spoil(int stage) {
    for (int value = 0; value < opaque(kSums); ++value) {
      const int lane = opaque(lane_index()), e = value % 4, dim = value / 4 * 8 + Mma::c_column(lane, e);
      const std::uint64_t seen = shared.seen(stage, row_of(lane, e / 2));
      if ((shared.not_finite(stage, dim) & seen) != 0) shared.spoiled_sums(value / 32) |= 1u << value % 32;
    }
  }

  HEARTH_DEVICE void release(int stage) {
    if (opaque(lane_index()) == 0) shared.empty(stage).arrive();
  }

  HEARTH_DEVICE BlockKind wait_block() {
    shared.full(at.stage).wait(at.parity);
    fence_matrices();  // copies are no writes of the matrix unit's or the copy engine's
    return shared.info(at.stage).kind;
  }

  HEARTH_DEVICE void run() {
    HEARTH_UNROLL
    for (float& sum : o) sum = 0.0f;
    HEARTH_UNROLL
    for (int word = 0; word < kDim / 64; ++word) shared.spoiled_sums(word) = 0;
    BlockKind kind = wait_block();
    if (kind == BlockKind::kNone) return;
    warpgroup_fence();
    multiply_keys(at.stage);
    warpgroup_wait<0>();
    warpgroup_done(s);
    weigh(at.stage, kind);
    round_weights();
    int stage = at.stage;
    at.advance();
    BlockKind next = wait_block();
    while (next != BlockKind::kNone) {
      warpgroup_fence();
      if constexpr (kKeysFirst) {
        multiply_keys(at.stage);
        multiply_values(stage);
      } else {
        multiply_values(stage);
        multiply_keys(at.stage);
      }
      const int next_stage = at.stage;
      at.advance();
      const BlockKind after = wait_block();
      warpgroup_wait<1>();
      if constexpr (kKeysFirst) {
        warpgroup_done(s);
        weigh(next_stage, next);
        warpgroup_done(s);  // here, not where the weights are rounded
        warpgroup_wait<0>();
        add_block(stage, kind);
      } else {
        add_block(stage, kind);
        warpgroup_wait<0>();
        warpgroup_done(s);
        weigh(next_stage, next);
      }
      round_weights();
      kind = next;
      next = after;
      stage = next_stage;
    }
    finish(stage, kind);
  }
  // The last block.
  HEARTH_DEVICE void finish(int stage, BlockKind kind) {
    warpgroup_fence();
    multiply_values(stage);
    warpgroup_wait<0>();
    add_block(stage, kind);
  }

  // The sums of a block whose values are multiplied.
  HEARTH_DEVICE void add_block(int stage, BlockKind kind) {
    warpgroup_done(part);
    if (kind == BlockKind::kPartial && shared.info(stage).spoiled != 0) [[unlikely]]
      spoil(stage);
    release(stage);
    add_part();
    warpgroup_done(o);
  }

  HEARTH_DEVICE void write_rows(const Tile& tile) {
    const auto write = [&](auto* out) {
      const int lane = opaque(lane_index());
      HEARTH_UNROLL
      for (int i = 0; i < 2; ++i) {
        const int r = row_of(lane, i), token = shared.rows()[r].token;
        if (token < 0) continue;
        const int head = head_of(p, tile, Tile_::kRows, r);
        auto* row = out + (token * static_cast<std::int64_t>(p.head_count) + head) * kDim;
        const float last = last_factor(p, totals[i], head);
        HEARTH_UNROLL
        for (int n = 0; n < kSums / 4; ++n) {
          HEARTH_UNROLL
          for (int e = 0; e < 2; ++e) {
            const int value = n * 4 + i * 2 + e;
            const bool spoiled = (shared.spoiled_sums(value / 32) >> value % 32 & 1) != 0;
            store_out(row + n * 8 + Mma::c_column(lane, e),
                      last_value(o[value], spoiled ? float_from_bits(kNan) : last));
          }
        }
      }
    };
    if (p.out_bf16) {
      write(static_cast<std::uint16_t*>(p.out));
    } else {
      write(static_cast<float*>(p.out));
    }
  }
};

// By one wave.
template <class Tile_>
HEARTH_DEVICE void find_extents(const AttentionParams& p, const Tile_& shared) {
  // -1 has no rows, and those after it are all of them.
  int sequence = extent_of(p, shared.rows(), -2).next_sequence;
  for (Extent* extent = shared.extents();; ++extent) {
    const Extent found = extent_of(p, shared.rows(), sequence);
    if (lane_index() == 0) *extent = found;
    if (sequence == kNoSequence) return;
    sequence = found.next_sequence;
  }
}

template <int kDim, bool kPacked>
HEARTH_DEVICE void attention_hopper(const AttentionParams& p) {
  using Shape = HopperTile<kDim, kPacked>;
  using Shared = typename Shape::Shared;
  std::byte* memory = dynamic_shared();
  const Shape shared{memory + (Shared::kAlignment - shared_address(memory) % Shared::kAlignment) % Shared::kAlignment};
  const Tile tile(p);
  find_rows(p, tile, kAttentionHopperThreads, shared.rows());
  for (int i = thread_index(); i < Shape::kStages * 8 * 32; i += kAttentionHopperThreads) {
    reinterpret_cast<std::uint32_t*>(shared.values(i / 256) + kDim * 128)[i % 256] = 0x3f803f80u;
  }
  if (thread_index() == 0) {
    for (int stage = 0; stage < Shape::kStages; ++stage) {
      shared.full(stage).init(kCopyThreads + 1);
      shared.empty(stage).init(kConsumers * 4);
    }
    shared.landed().init(1);
  }
  fence_barrier_init();
  block_sync();
  if (wave_index() == 0) find_extents(p, shared);
  block_sync();
  if (wave_index() / 4 == kConsumers) {
    give_registers<kPacked ? 24 : 40>();
    Producer<Shape>(p, shared, tile.kv_head).run();
  } else {
    take_registers<kPacked ? 240 : 232>();
    Consumer<Shape> consumer(p, shared);
    consumer.load_queries(tile);
    consumer.run();
    consumer.write_rows(tile);
  }
}

// The blocks of keys and values of all sequences, as attention_hopper() copies them to its stages, where many tiles are
// to read them: a copy of 32 KB takes one instruction, and one of 8 bytes is slower than the matrix unit.
template <int kDim>
HEARTH_DEVICE void attention_pack(const AttentionParams& p, std::byte* shared) {
  using Copy = BlockCopy<kDim>;
  const int blocks = static_cast<int>(p.parts_stride);
  const int key = block_x() % blocks * kBlockKeys, head = block_x() / blocks;
  const int sequence = head / p.kv_heads, kv_head = head % p.kv_heads, key_count = p.step.key_counts[sequence];
  if (key >= key_count) return;
  const Copy copy{p, kv_head};
  const int position = Copy::lane_position(key);
  copy.copy(copy.find_octet(sequence, position, position < key_count), shared_address(shared));
  copy_commit();
  copy_wait<0>();
  block_sync();
  auto* to = reinterpret_cast<Bytes16*>(packed_block<kDim>(p, sequence, kv_head, key));
  const auto* from = reinterpret_cast<const Bytes16*>(shared);
  HEARTH_UNROLL
  for (int i = 0; i < AttentionHopperShared<kDim>::kPackedBytes / 16; i += kCopyThreads) {
    to[i + thread_index()] = from[i + thread_index()];
  }
}

}  // namespace

#define HEARTH_ATTENTION_PACK(dim)                                                 \
  HEARTH_KERNEL(attention_pack_##dim, kAttentionPackThreads, AttentionParams) {    \
    HEARTH_SHARED(Bytes16, shared[AttentionHopperShared<dim>::kPackedBytes / 16]); \
    attention_pack<dim>(p, reinterpret_cast<std::byte*>(shared));                  \
  }
HEARTH_ATTENTION_HOPPER_DIMS(HEARTH_ATTENTION_PACK)
#undef HEARTH_ATTENTION_PACK

#define HEARTH_ATTENTION_HOPPER(dim)                                                                 \
  HEARTH_KERNEL_BLOCKS(attention_hopper_##dim, kAttentionHopperThreads, 1, AttentionParams) {        \
    attention_hopper<dim, false>(p);                                                                 \
  }                                                                                                  \
  HEARTH_KERNEL_BLOCKS(attention_hopper_packed_##dim, kAttentionHopperThreads, 1, AttentionParams) { \
    attention_hopper<dim, true>(p);                                                                  \
  }
HEARTH_ATTENTION_HOPPER_DIMS(HEARTH_ATTENTION_HOPPER)
#undef HEARTH_ATTENTION_HOPPER

}  // namespace hearth::gpu
