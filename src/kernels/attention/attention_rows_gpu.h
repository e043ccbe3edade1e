// What the kernels whose blocks of threads walk the keys of a tile of rows share (attention_gpu.cu,
// attention_hopper_gpu.cu): which rows a tile has, and which blocks of keys they see.
#pragma once

#include "kernels/attention/attention_tile_gpu.h"

namespace hearth::gpu {
namespace {

// What the rows of one sequence have in common.
struct Extent {
  int begin, end;                        // keys that some row sees
  int full_begin, full_end;              // keys that all see, but for the hidden ones
  int hidden_begin_max, hidden_end_min;  // hidden from all
  int hidden_begin_min, hidden_end_max;  // hidden from some
  int sequence, next_sequence;           // theirs, and that of the rows after it
  int alone;                             // whether no row has another sequence

  HEARTH_DEVICE bool all_visible(int key) const {
    return alone != 0 && full_begin <= key && key + kBlockKeys <= full_end &&
           (key >= hidden_end_max || key + kBlockKeys <= hidden_begin_min);
  }
  // The first block from `key` on that is not hidden from all rows.
  HEARTH_DEVICE int block_from(int key) const {
    const bool hidden = key >= hidden_begin_max && key + kBlockKeys <= hidden_end_min;
    return hidden ? hidden_end_min / kBlockKeys * kBlockKeys : key;
  }
  HEARTH_DEVICE int first_block() const { return block_from(begin / kBlockKeys * kBlockKeys); }
  // Whether some of the eight keys from `position` on are to be read.
  HEARTH_DEVICE bool sees_octet(int position) const { return position + 8 > begin && position < end; }
};

inline constexpr int kNoSequence = 0x7fffffff;

HEARTH_DEVICE int wave_min(int value) {
  HEARTH_UNROLL
  for (int mask = kWaveSize / 2; mask > 0; mask /= 2) {
    const int other = shuffle_xor(value, mask);
    value = other < value ? other : value;
  }
  return value;
}
HEARTH_DEVICE int wave_max_int(int value) {
  return -wave_min(-value);
}

// Every wave computes it for itself. -2 is a sequence before all others, of no row.
template <int kRows>
HEARTH_DEVICE Extent extent_of(const AttentionParams& p, const Row (&rows)[kRows], int sequence) {
  const auto lower = [](int& a, int b) { a = b < a ? b : a; };
  const auto raise = [](int& a, int b) { a = b > a ? b : a; };
  Extent x{kNoSequence, 0, 0, kNoSequence, 0, kNoSequence, kNoSequence, 0, sequence, kNoSequence, 1};
  for (int r = lane_index(); r < kRows; r += kWaveSize) {
    const Row row = rows[r];
    if (row.token < 0) continue;
    if (row.sequence != sequence) {
      x.alone = 0;
      if (row.sequence > sequence) lower(x.next_sequence, row.sequence);
      continue;
    }
    raise(x.full_begin, row.begin);
    lower(x.full_end, row.end);
    raise(x.hidden_begin_max, row.hidden_begin);
    lower(x.hidden_end_min, row.hidden_end);
    if (row.hidden_begin < row.hidden_end) {
      lower(x.hidden_begin_min, row.hidden_begin);
      raise(x.hidden_end_max, row.hidden_end);
    }
    if (row.begin >= row.end) continue;
    lower(x.begin, row.begin);
    raise(x.end, row.end);
  }
  if (p.mask.kind == MaskKind::kExplicit) x.alone = 0;
  return {wave_min(x.begin),
          wave_max_int(x.end),
          wave_max_int(x.full_begin),
          wave_min(x.full_end),
          wave_max_int(x.hidden_begin_max),
          wave_min(x.hidden_end_min),
          wave_min(x.hidden_begin_min),
          wave_max_int(x.hidden_end_max),
          sequence,
          wave_min(x.next_sequence),
          wave_min(x.alone)};
}

// Which tile of rows this block of threads takes: of which key/value head, of which unit of tokens.
struct Tile {
  int kv_head, unit, index;

  // The last tokens see the most keys under a causal mask: the longest tiles first.
  HEARTH_DEVICE explicit Tile(const AttentionParams& p) {
    const int tile_of_step = grid_x() / p.kv_heads - 1 - block_x() / p.kv_heads;
    kv_head = block_x() % p.kv_heads;
    unit = tile_of_step / p.unit_tiles;
    index = tile_of_step % p.unit_tiles;
  }
};

// Which of the tile's rows belong to which tokens; by all threads of the block.
template <int kRows>
HEARTH_DEVICE void find_rows(const AttentionParams& p, const Tile& tile, int threads, Row (&rows)[kRows]) {
  const int group = p.head_count / p.kv_heads;
  for (int r = thread_index(); r < kRows; r += threads) {
    const int of_unit = tile.index * kRows + r;
    const int token = tile.unit * p.unit_tokens + of_unit / group;
    const bool exists = of_unit < p.unit_tokens * group && token < p.step.token_count;
    Row row{-1, -1, 0, 0, 0, 0};
    if (exists && !(p.skip_single_tokens && is_single(p.step, token))) row = row_of_token(p, token);
    rows[r] = row;
  }
}

// The head of row `r` of a tile of so many rows.
HEARTH_DEVICE int head_of(const AttentionParams& p, const Tile& tile, int row_count, int r) {
  const int group = p.head_count / p.kv_heads;
  return tile.kv_head * group + (tile.index * row_count + r) % group;
}

}  // namespace
}  // namespace hearth::gpu
