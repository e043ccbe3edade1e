// Attention for the rows of a tile: a block of threads walks the keys that any of its rows sees, of one sequence after
// another. Keys and values go through shared memory in pieces, one being copied while the one before it is multiplied.
// A row's sums stay in the registers of its wave.
//
// A hidden key's weight is 0, and 0 times an infinity or NaN is NaN. So wherever a block of keys is not wholly visible
// to all rows, the values' elements that are not finite are replaced by 0 and noted; afterwards the sums become NaN in
// the rows that do see one. What nobody wrote or copied is thereby harmless as well.
#include "kernels/attention/attention_rows_gpu.h"

namespace hearth::gpu {
namespace {

// Bytes from one row of a piece to the next: a multiple of 64, of which rows in succession use alternate halves of the
// banks, either because it is an odd one or because of swizzle().
constexpr int row_stride(int bytes) {
  return (bytes + 63) / 64 * 64;
}

// What a row's chunks of 16 bytes are numbered with exclusive or, so that lanes that read at a time use all banks:
// pairs of rows (and four chunks) where queries are rows, else eight rows. Of keys, lanes read rows key_of_place().
template <int kStride, bool kKeys>
HEARTH_DEVICE int swizzle(int row) {
  const int half = kStride % 128 == 0 ? (row & 1) << 2 : 0;
  if (kQueriesAreRows) return half;
  return half | (row & 2) | (kKeys && Mma::kQuadsPerLane != 2 ? row >> 3 & 1 : row >> 2 & 1);
}
template <int kStride, bool kKeys>
HEARTH_DEVICE int chunk_offset(int row, int chunk) {
  return row * kStride + (chunk ^ swizzle<kStride, kKeys>(row)) * 16;
}

// Where a lane finds its chunks of all rows that differ from `row` in bits which swizzle() does not look at.
template <int kStride, bool kKeys>
struct LaneChunks {
  int even[Mma::kQuadsPerLane];

  HEARTH_DEVICE LaneChunks(int row, int lane) {
    HEARTH_UNROLL
    for (int j = 0; j < Mma::kQuadsPerLane; ++j) {
      even[j] = chunk_offset<kStride, kKeys>(row, lane_chunk(lane, j));
    }
  }
  // Chunk 4 pair + lane_chunk(lane, j) of the row `rows` below.
  HEARTH_DEVICE int at(int rows, int pair, int j) const {
    const int odd = kStride % 128 == 0 ? even[j] ^ 64 : even[j] + 64;
    return rows * kStride + pair / 2 * 128 + (pair % 2 != 0 ? odd : even[j]);
  }
};

// Blocks of threads at a time on a multiprocessor, 0 being the compiler's own choice: what an H200 was fastest with.
constexpr int attention_tile_blocks(int head_dim) {
  return head_dim > 128 ? 0 : head_dim > 96 ? 2 : 3;
}

template <int kDimension>
struct TileShape {
  static constexpr int kDim = kDimension;
  static constexpr int kThreads = attention_tile_threads(kDim);
  static constexpr int kRows = kThreads / kWaveSize * kAttentionTileRows;
  static constexpr bool kQueriesInShared = kDim > 128;
  static constexpr int kPieceDims = kQueriesInShared ? 64 : kDim;
  static constexpr int kPieces = kDim / kPieceDims;  // of a block's keys, and of its values
  static constexpr int kKeyStride = row_stride(kPieceDims * 2);
  static constexpr int kValueStride = kBlockKeys * 2;
  static constexpr int kQueryStride = row_stride(kDim * 2);
  static constexpr int kPieceBytes =
      kBlockKeys * kKeyStride > kPieceDims* kValueStride ? kBlockKeys* kKeyStride : kPieceDims* kValueStride;
  static constexpr int kChunks = kBlockKeys * kPieceDims / 8;  // of a piece
  static constexpr int kOutTiles = kDim / kOthers;
  static constexpr int kSpoiledWords = (kOutTiles * Mma::kValues + 31) / 32;
  static_assert(kChunks % kThreads == 0);
};

template <class Shape>
struct TileShared {
  alignas(16) char pieces[2][Shape::kPieceBytes];
  alignas(16) char queries[Shape::kQueriesInShared ? Shape::kRows * Shape::kQueryStride : 16];
  alignas(8) std::uint8_t not_finite[Shape::kDim][kOctets];  // bit i: key i of the octet
  Octet octets[2][kOctets];
  Row rows[Shape::kRows];
  Slope slopes[Shape::kRows];  // where there are any
  Extent extent;
  std::int32_t spoiled[2];  // the visit whose values have an element that is not finite
  // Bit i of a thread's: value i of its sums, counted through, is NaN because its row sees such an element.
  std::uint32_t spoiled_sums[Shape::kSpoiledWords][Shape::kThreads];
};

// The row and the chunk in it that is this thread's of those from `at` on.
struct Place {
  int row, chunk;
};
template <int kThreads, int kRowChunks>
HEARTH_DEVICE Place place_of(int at, int thread) {
  if constexpr (kThreads % kRowChunks == 0) {
    return {at / kRowChunks + thread / kRowChunks, thread % kRowChunks};
  } else {
    return {(at + thread) / kRowChunks, (at + thread) % kRowChunks};
  }
}

// Of a piece. Where the registers are full of sums, a loop over them is not to be unrolled.
template <class Shape>
HEARTH_DEVICE int chunk_count() {
  return Shape::kPieces > 1 ? opaque(Shape::kChunks) : Shape::kChunks;
}

// Piece `piece` of the keys of a block, by all threads.
template <class Shape>
HEARTH_DEVICE void copy_keys(const AttentionParams& p, char* to, const Octet (&octets)[kOctets], int piece) {
  constexpr int kRowChunks = Shape::kPieceDims / 8;
  const int thread = opaque(thread_index());  // its addresses would fill the registers
  for (int at = 0; at < chunk_count<Shape>(); at += Shape::kThreads) {
    const auto [row, chunk] = place_of<Shape::kThreads, kRowChunks>(at, thread);
    const int dim = piece * Shape::kPieceDims + chunk * 8;
    const std::int64_t first = octets[row / 8].key;
    const bool valid = first >= 0 && dim < p.head_dim;
    const std::int64_t element = valid ? first + (row % 8 * p.head_dim + dim) : 0;
    copy_async(to + chunk_offset<Shape::kKeyStride, true>(row, chunk), p.k + element * 2, valid);
  }
  copy_commit();
}

template <class Shape>
HEARTH_DEVICE void copy_values(const AttentionParams& p, char* to, const Octet (&octets)[kOctets], int piece) {
  const int thread = opaque(thread_index());  // its addresses would fill the registers
  for (int at = 0; at < chunk_count<Shape>(); at += Shape::kThreads) {
    const auto [row, chunk] = place_of<Shape::kThreads, kOctets>(at, thread);
    const int dim = piece * Shape::kPieceDims + row;
    const std::int64_t first = octets[chunk].value;
    const bool valid = octets[chunk].key >= 0 && dim < p.head_dim;
    const std::int64_t element = valid ? first + dim * p.block_tokens : 0;
    copy_async(to + chunk_offset<Shape::kValueStride, false>(row, chunk), p.v + element * 2, valid);
  }
  copy_commit();
}

// Takes what is not finite out of the chunks that this thread copied.
template <class Shape>
HEARTH_DEVICE void clean_values(TileShared<Shape>& shared, char* values, int piece, int visit) {
  const int thread = opaque(thread_index());  // its addresses would fill the registers
  for (int at = 0; at < chunk_count<Shape>(); at += Shape::kThreads) {
    const auto [row, chunk] = place_of<Shape::kThreads, kOctets>(at, thread);
    auto* words = reinterpret_cast<Bytes16*>(values + chunk_offset<Shape::kValueStride, false>(row, chunk));
    Bytes16 value = *words;
    std::uint32_t found = 0;
    HEARTH_UNROLL
    for (int i = 0; i < 4; ++i) {
      if ((value.word[i] & 0x7f80u) == 0x7f80u) found |= 1u << (2 * i), value.word[i] &= 0xffff0000u;
      if ((value.word[i] & 0x7f800000u) == 0x7f800000u) found |= 2u << (2 * i), value.word[i] &= 0xffffu;
    }
    shared.not_finite[piece * Shape::kPieceDims + row][chunk] = static_cast<std::uint8_t>(found);
    if (found != 0) *words = value, shared.spoiled[piece % 2] = visit;
  }
}

HEARTH_DEVICE Bytes16 read_chunk(const char* from) {
  return *reinterpret_cast<const Bytes16*>(from);
}

// s += q k over the dimensions of a piece.
template <class Shape>
HEARTH_DEVICE void add_scores(const TileShared<Shape>& shared, const char* keys,
                              const QueryFragment (&q)[Shape::kDim / 16], int piece, int lane,
                              Mma::C (&s)[kScoreTiles]) {
  constexpr int kPairs = Shape::kPieceDims / 32, kSteps = Shape::kPieceDims / 16, kStride = Shape::kKeyStride;
  lane = opaque(lane);
  const LaneChunks<kStride, true> chunks(key_of_place(lane_other(lane)), lane);
  HEARTH_UNROLL
  for (int pair = 0; pair < kPairs; ++pair) {
    QueryFragment q0, q1;
    if constexpr (Shape::kQueriesInShared) {
      load_pair<QueryFragment, kQueriesPerLane>(q0, q1, [&](int i, int j) {
        const int row = wave_index() * kAttentionTileRows + lane_query(lane, i);
        const LaneChunks<Shape::kQueryStride, false> of_row(row, lane);
        return read_chunk(shared.queries + of_row.at(0, piece * kPairs + pair, j));
      });
    } else {
      q0 = q[2 * pair], q1 = q[2 * pair + 1];
    }
    HEARTH_UNROLL
    for (int n = 0; n < kScoreTiles; ++n) {
      OtherFragment k0, k1;
      load_pair<OtherFragment, 1>(k0, k1,
                                  [&](int, int j) { return read_chunk(keys + chunks.at(key_of_tile(n), pair, j)); });
      multiply(s[n], q0, k0);
      multiply(s[n], q1, k1);
      pin(s[n]);
    }
  }
  if constexpr (kSteps % 2 != 0) {
    HEARTH_UNROLL
    for (int n = 0; n < kScoreTiles; ++n) {
      OtherFragment k;
      const int row = key_of_tile(n) + key_of_place(lane_other(lane));
      HEARTH_UNROLL
      for (int j = 0; j < Mma::kQuadsPerLane; ++j) {
        const int quad = Mma::quad(lane, j);
        quad_of(k, 0, j) = *reinterpret_cast<const Bytes8*>(
            keys + chunk_offset<kStride, true>(row, kPairs * 4 + quad / 2) + quad % 2 * 8);
      }
      multiply(s[n], q[kSteps - 1], k);
    }
  }
}

// o = o * factor + p v * factor, for the dimensions of a piece.
template <class Shape>
HEARTH_DEVICE void add_values(const char* values, const QueryFragment (&weights)[kBlockSteps],
                              const MergeFactors (&factors)[kQueriesPerLane], int piece, int lane,
                              Mma::C (&o)[Shape::kOutTiles]) {
  constexpr int kTiles = Shape::kPieceDims / kOthers;
  lane = opaque(lane);
  const LaneChunks<Shape::kValueStride, false> chunks(lane_other(lane), lane);
  HEARTH_UNROLL
  for (int n = 0; n < kTiles; ++n) {
    schedule_fence();
    Mma::C c{};
    HEARTH_UNROLL
    for (int pair = 0; pair < kBlockSteps / 2; ++pair) {
      OtherFragment v0, v1;
      load_pair<OtherFragment, 1>(v0, v1,
                                  [&](int, int j) { return read_chunk(values + chunks.at(n * kOthers, pair, j)); });
      multiply(c, weights[2 * pair], v0);
      multiply(c, weights[2 * pair + 1], v1);
    }
    Mma::C& sum = o[piece * kTiles + n];
    HEARTH_UNROLL
    for (int e = 0; e < Mma::kValues; ++e) {
      sum.value[e] = merge_value(sum.value[e], c.value[e], factors[value_query(e)]);
    }
    pin(sum);
  }
}

// The state of a wave: 16 rows.
template <class Shape>
struct WaveState {
  QueryFragment q[Shape::kDim / 16];  // unless it is in shared memory
  Mma::C o[Shape::kOutTiles];
  RowTotals totals[kQueriesPerLane];
};

// Which keys of the block from `key` on the lane's queries see, those of `sequence`.
template <class Shape>
HEARTH_DEVICE void seen_by_lane(const AttentionParams& p, const TileShared<Shape>& shared, int lane, int sequence,
                                int key, std::uint64_t (&seen)[kQueriesPerLane]) {
  HEARTH_UNROLL
  for (int i = 0; i < kQueriesPerLane; ++i) {
    const Row row = shared.rows[wave_index() * kAttentionTileRows + lane_query(lane, i)];
    seen[i] = row.sequence == sequence ? seen_keys(p, row, key) : 0;
  }
}

// Takes note of the sums that see elements of a piece of values that are not finite.
template <class Shape>
HEARTH_DEVICE void spoil(TileShared<Shape>& shared, int piece, int lane, const std::uint64_t (&seen)[kQueriesPerLane]) {
  for (int value = 0; value < opaque(Shape::kOutTiles * Mma::kValues); ++value) {
    const int e = value % Mma::kValues, dim = value / Mma::kValues * kOthers + value_other(lane, e);
    if (dim < piece * Shape::kPieceDims || dim >= (piece + 1) * Shape::kPieceDims) continue;
    const auto not_finite = *reinterpret_cast<const std::uint64_t*>(shared.not_finite[dim]);
    const std::uint64_t of_query = value_query(e) == 0 ? seen[0] : seen[kQueriesPerLane - 1];
    if ((not_finite & of_query) != 0) shared.spoiled_sums[value / 32][thread_index()] |= 1u << value % 32;
  }
}

// The queries of one sequence and all of its keys.
template <class Shape>
HEARTH_DEVICE void attend_sequence(const AttentionParams& p, TileShared<Shape>& shared, WaveState<Shape>& state,
                                   int kv_head, int sequence) {
  constexpr int kPieces = Shape::kPieces;
  const int lane = lane_index();
  const Extent& extent = shared.extent;
  int key = extent.first_block();
  if (extent.begin >= extent.end || key >= extent.end) return;
  const auto find_octets = [&](int slot, int from) {
    if (thread_index() >= kOctets) return;
    const int position = from + thread_index() * 8;
    Octet octet{-1, -1};
    if (extent.sees_octet(position)) octet = octet_at(p, sequence, kv_head, position);
    shared.octets[slot][thread_index()] = octet;
  };
  find_octets(0, key);
  block_sync();
  copy_keys<Shape>(p, shared.pieces[0], shared.octets[0], 0);
  for (int visit = 0; key < extent.end; ++visit) {
    const int slot = visit % 2, next = extent.block_from(key + kBlockKeys);
    const bool all = extent.all_visible(key);
    // Waits for piece `piece` of the block's keys and then values, and has the one after it copied.
    const auto turn = [&](int piece) {
      block_sync();
      char* to = shared.pieces[(piece + 1) % 2];
      if (piece == 0) find_octets(1 - slot, next);
      if (piece + 1 < kPieces) {
        copy_keys<Shape>(p, to, shared.octets[slot], piece + 1);
      } else if (piece + 1 < 2 * kPieces) {
        copy_values<Shape>(p, to, shared.octets[slot], piece + 1 - kPieces);
      } else if (next < extent.end) {
        copy_keys<Shape>(p, to, shared.octets[1 - slot], 0);
      }
    };
    Mma::C s[kScoreTiles] = {};
    HEARTH_UNROLL
    for (int piece = 0; piece < kPieces; ++piece) {
      copy_wait<0>();
      turn(piece);
      add_scores(shared, shared.pieces[piece % 2], state.q, piece, lane, s);
    }
    if (Shape::kDim <= kAttentionSlopeDimMax && p.slopes != nullptr) {
      const int l = opaque(lane);
      Slope slopes[kQueriesPerLane];
      HEARTH_UNROLL
      for (int i = 0; i < kQueriesPerLane; ++i) {
        slopes[i] = shared.slopes[wave_index() * kAttentionTileRows + lane_query(l, i)];
      }
      take_distances(slopes, l, key, s);
    }
    QueryFragment weights[kBlockSteps];
    float block_max[kQueriesPerLane], block_sum[kQueriesPerLane];
    std::uint64_t seen[kQueriesPerLane] = {};
    if (!all) seen_by_lane(p, shared, lane, sequence, key, seen);
    weigh(p, s, lane, all, seen, weights, block_max);
    sum_weights(weights, block_sum);
    MergeFactors factors[kQueriesPerLane];
    HEARTH_UNROLL
    for (int i = 0; i < kQueriesPerLane; ++i) {
      factors[i] = merge(state.totals[i], block_max[i], block_sum[i], p.exponent_scale);
    }
    HEARTH_UNROLL
    for (int piece = 0; piece < kPieces; ++piece) {
      char* values = shared.pieces[(kPieces + piece) % 2];
      copy_wait<0>();
      if (!all) clean_values(shared, values, piece, visit);
      turn(kPieces + piece);
      if (!all && shared.spoiled[piece % 2] == visit) {
        seen_by_lane(p, shared, opaque(lane), sequence, key, seen);
        spoil(shared, piece, lane, seen);
      }
      add_values<Shape>(values, weights, factors, piece, lane, state.o);
    }
    key = next;
  }
}

template <class Shape>
HEARTH_DEVICE void write_rows(const AttentionParams& p, const TileShared<Shape>& shared, const WaveState<Shape>& state,
                              const Tile& tile) {
  const int lane = opaque(lane_index());
  const auto write = [&](auto* out) {
    HEARTH_UNROLL
    for (int i = 0; i < kQueriesPerLane; ++i) {
      const int r = wave_index() * kAttentionTileRows + lane_query(lane, i), token = shared.rows[r].token;
      if (token < 0) continue;
      const int head = head_of(p, tile, Shape::kRows, r);
      auto* row = out + (static_cast<std::int64_t>(token) * p.head_count + head) * p.head_dim;
      const float last = last_factor(p, state.totals[i], head);
      HEARTH_UNROLL
      for (int n = 0; n < Shape::kOutTiles; ++n) {
        HEARTH_UNROLL
        for (int e = 0; e < Mma::kValues; ++e) {
          const int value = n * Mma::kValues + e, dim = n * kOthers + value_other(lane, e);
          if (value_query(e) != i || dim >= p.head_dim) continue;
          const bool spoiled = (shared.spoiled_sums[value / 32][thread_index()] >> value % 32 & 1) != 0;
          store_out(row + dim, last_value(state.o[n].value[e], spoiled ? float_from_bits(kNan) : last));
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

template <class Shape>
HEARTH_DEVICE void attend_tile(const AttentionParams& p, TileShared<Shape>& shared) {
  const Tile tile(p);
  const int lane = lane_index();
  find_rows(p, tile, Shape::kThreads, shared.rows);
  const bool has_slopes = Shape::kDim <= kAttentionSlopeDimMax && p.slopes != nullptr;
  for (int r = thread_index(); has_slopes && r < Shape::kRows; r += Shape::kThreads) {
    shared.slopes[r] = slope_of(p, shared.rows[r].token, head_of(p, tile, Shape::kRows, r));
  }
  HEARTH_UNROLL
  for (int w = 0; w < Shape::kSpoiledWords; ++w) shared.spoiled_sums[w][thread_index()] = 0;
  block_sync();
  WaveState<Shape> state;
  const auto query_of = [&](int r) -> std::int64_t {
    const int token = shared.rows[r].token;
    const std::int64_t head = head_of(p, tile, Shape::kRows, r);
    return token < 0 ? -1 : token * p.q_stride + head * p.head_dim;
  };
  if constexpr (Shape::kQueriesInShared) {
    constexpr int kRowChunks = Shape::kDim / 8;
    for (int at = thread_index(); at < Shape::kRows * kRowChunks; at += Shape::kThreads) {
      const int r = at / kRowChunks, chunk = at % kRowChunks;
      const std::int64_t q = query_of(r);
      auto* to = reinterpret_cast<Bytes8*>(shared.queries + chunk_offset<Shape::kQueryStride, false>(r, chunk));
      to[0] = query_quad(p, q, chunk * 8);
      to[1] = query_quad(p, q, chunk * 8 + 4);
    }
  } else {
    std::int64_t rows[kQueriesPerLane];
    HEARTH_UNROLL
    for (int i = 0; i < kQueriesPerLane; ++i) {
      rows[i] = query_of(wave_index() * kAttentionTileRows + lane_query(lane, i));
    }
    load_queries<Shape::kDim>(p, rows, lane, state.q);
  }
  HEARTH_UNROLL
  for (Mma::C& tile_of_sums : state.o) tile_of_sums = {};
  // -1 has no rows, and those after it are all of them.
  for (int sequence = extent_of(p, shared.rows, -2).next_sequence; sequence != kNoSequence;) {
    block_sync();  // all have read what stands there
    const Extent extent = extent_of(p, shared.rows, sequence);
    if (thread_index() == 0) shared.extent = extent;
    block_sync();
    attend_sequence(p, shared, state, tile.kv_head, sequence);
    sequence = shared.extent.next_sequence;
  }
  write_rows(p, shared, state, tile);
}

}  // namespace

#define HEARTH_ATTENTION_TILE(dim)                                                                    \
  HEARTH_KERNEL_BLOCKS(attention_tile_##dim, attention_tile_threads(dim), attention_tile_blocks(dim), \
                       AttentionParams) {                                                             \
    HEARTH_SHARED(TileShared<TileShape<dim>>, shared);                                                \
    attend_tile(p, shared);                                                                           \
  }
HEARTH_ATTENTION_HEAD_DIMS(HEARTH_ATTENTION_TILE)
#undef HEARTH_ATTENTION_TILE

}  // namespace hearth::gpu
