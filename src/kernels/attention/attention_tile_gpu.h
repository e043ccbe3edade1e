// What the GPU kernels of attention share: whose rows see which keys, and the arithmetic of a block of keys with the
// matrix unit. That is written once, and so is its order.
//
// The products are q k and p v: 16 queries (rows: a token and a head) with keys, and their weights with dimensions of
// the values. Where a lane holds two rows of A the queries are A and the "others" (keys, dimensions) B; where it holds
// one they are B, and the others A, so that in both cases the scores that a product leaves in a lane are of queries
// whose weights that lane has to bring to the next product. For that, keys take the places in a product that
// key_of_tile() says.
//
// An array with k contiguous is read 16 bytes at a time. Where a lane holds one quad of a step, that is two quads that
// go to two steps of 16 k each: a pair of steps covers 32 elements, step s the quads 2 i + s of them, and a last odd
// step 16 in their order. Elsewhere every step has 16 in their order.
#pragma once

#include <type_traits>

#include "device/gpu/gpu.h"
#include "kernels/attention/attention.h"
#include "kernels/attention/attention_gpu.h"

namespace hearth::gpu {
namespace {

inline constexpr int kBlockKeys = static_cast<int>(kAttentionKeyBlockGpu);
inline constexpr int kOctets = kBlockKeys / 8;  // eight keys that stand in succession in the cache
inline constexpr int kBlockSteps = kBlockKeys / 16;
inline constexpr bool kQueriesAreRows = Mma::kRowsPerLane == 2;
inline constexpr int kQueriesPerLane = kQueriesAreRows ? 2 : 1;
inline constexpr int kOthers = kQueriesAreRows ? Mma::kTokens : 16;  // keys or dimensions of a product
inline constexpr int kTilesOfStep = 16 / kOthers;
inline constexpr bool kTwoSteps = Mma::kQuadsPerLane == 1;
inline constexpr int kScoreTiles = kBlockKeys / kOthers;
inline constexpr float kMinusInfinity = -__builtin_inff();
inline constexpr std::uint32_t kNan = 0x7fc00000u;

using QueryFragment = std::conditional_t<kQueriesAreRows, Mma::A, Mma::B>;
using OtherFragment = std::conditional_t<kQueriesAreRows, Mma::B, Mma::A>;

HEARTH_DEVICE Bytes8& quad_of(Mma::A& a, int i, int j) {
  return a.quad[i][j];
}
HEARTH_DEVICE Bytes8& quad_of(Mma::B& b, int, int j) {
  return b.quad[j];
}
HEARTH_DEVICE void multiply(Mma::C& c, const Mma::A& query, const Mma::B& other) {
  Mma::multiply(c, query, other);
}
HEARTH_DEVICE void multiply(Mma::C& c, const Mma::B& query, const Mma::A& other) {
  Mma::multiply(c, other, query);
}

// Which of the 16 queries is the lane's i-th.
HEARTH_DEVICE int lane_query(int lane, int i) {
  return kQueriesAreRows ? Mma::a_row(lane, i) : Mma::b_column(lane);
}
// The place of the other whose quads a lane holds.
HEARTH_DEVICE int lane_other(int lane) {
  return kQueriesAreRows ? Mma::b_column(lane) : Mma::a_row(lane, 0);
}
// Value e of C belongs to the lane's query …
HEARTH_DEVICE constexpr int value_query(int e) {
  return kQueriesAreRows ? e / 2 : 0;
}
// … and to this other.
HEARTH_DEVICE int value_other(int lane, int e) {
  return kQueriesAreRows ? Mma::c_column(lane, e) : Mma::c_row(lane, e);
}

// The key of a block at place `r` of tile n of the scores is key_of_place(r) + key_of_tile(n): in the step's own order
// of k, the values of a lane are quads, or (where both halves of a wave hold all of k) one half of it.
HEARTH_DEVICE int key_of_place(int r) {
  if (kQueriesAreRows) return 8 * (r / 2) + r % 2;
  if (Mma::kQuadsPerLane == 4) return 8 * (r % 2) + r / 2;
  return kTwoSteps ? 8 * (r / 4) + r % 4 : r;
}
HEARTH_DEVICE constexpr int key_of_tile(int n) {
  const int step = n / kTilesOfStep;
  return (kTwoSteps ? 32 * (step / 2) + 4 * (step % 2) : 16 * step) + 2 * (n % kTilesOfStep);
}
// The same for value e of a lane's scores, instead of a place.
HEARTH_DEVICE int key_of_lane(int lane) {
  return kQueriesAreRows ? 8 * (lane % 4) : 8 * (lane / 16);
}
HEARTH_DEVICE constexpr int key_of_value(int e) {
  return kQueriesAreRows ? e % 2 : e;
}

// Of 32 elements with k contiguous, the chunk of 8 that is a lane's j-th, j < Mma::kQuadsPerLane.
HEARTH_DEVICE int lane_chunk(int lane, int j) {
  if (kTwoSteps) return Mma::quad(lane, 0);
  return Mma::kQuadsPerLane == 4 ? j : 2 * j + lane / 16;
}
// Two steps of what a lane holds of such elements. `chunk_at(i, j)`: of the lane's row i, chunk lane_chunk(lane, j).
template <class Fragment, int kLaneRows, class ChunkAt>
HEARTH_DEVICE void load_pair(Fragment& first, Fragment& second, const ChunkAt& chunk_at) {
  HEARTH_UNROLL
  for (int i = 0; i < kLaneRows; ++i) {
    HEARTH_UNROLL
    for (int j = 0; j < Mma::kQuadsPerLane; ++j) {
      const Bytes16 chunk = chunk_at(i, j);
      const Bytes8 low{{chunk.word[0], chunk.word[1]}}, high{{chunk.word[2], chunk.word[3]}};
      if constexpr (kTwoSteps) {
        quad_of(first, i, 0) = low;
        quad_of(second, i, 0) = high;
      } else {
        constexpr int kChunksOfStep = kTwoSteps ? 1 : Mma::kQuadsPerLane / 2;
        Fragment& step = j < kChunksOfStep ? first : second;
        quad_of(step, i, 2 * (j % kChunksOfStep)) = low;
        quad_of(step, i, 2 * (j % kChunksOfStep) + 1) = high;
      }
    }
  }
}

// A row of the step: a token (and a head, that all rows of a tile know how to find), and the keys that it sees.
struct Row {
  std::int32_t token;  // negative: none
  std::int32_t sequence;
  std::int32_t begin, end;
  std::int32_t hidden_begin, hidden_end;  // of those
};

HEARTH_DEVICE Row row_of_token(const AttentionParams& p, int token) {
  const KeyRange range = visible_keys(p.mask, p.step, token);
  const KeyRange hidden = hidden_keys(p.mask, p.step.positions[token]);
  return {token,
          p.step.sequences[token],
          static_cast<std::int32_t>(range.begin),
          static_cast<std::int32_t>(range.end),
          static_cast<std::int32_t>(hidden.begin),
          static_cast<std::int32_t>(hidden.end)};
}

// Bits [begin, end) of 64, where these lie.
HEARTH_DEVICE std::uint64_t bit_range(int begin, int end) {
  const auto below = [](int count) {
    return count <= 0 ? std::uint64_t{0} : count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
  };
  return below(end) & ~below(begin);
}

// Which keys of the block from `key` on a row sees: bit j stands for key + j.
HEARTH_DEVICE std::uint64_t seen_keys(const AttentionParams& p, const Row& row, int key) {
  std::uint64_t seen = bit_range(row.begin - key, row.end - key);
  if (row.hidden_begin < row.hidden_end) seen &= ~bit_range(row.hidden_begin - key, row.hidden_end - key);
  if (p.mask.kind == MaskKind::kExplicit) {
    const std::uint8_t* matrix_row = p.mask.explicit_matrix + row.token * p.mask.explicit_stride;
    for (int j = row.begin > key ? row.begin - key : 0; j < kBlockKeys && key + j < row.end; ++j) {
      if (matrix_row[key + j] == 0) seen &= ~(std::uint64_t{1} << j);
    }
  }
  return seen;
}

// Whether no other token of the step is of the same sequence.
HEARTH_DEVICE bool is_single(const StepView& step, int token) {
  const std::int32_t sequence = step.sequences[token];
  return (token == 0 || step.sequences[token - 1] != sequence) &&
         (token + 1 == step.token_count || step.sequences[token + 1] != sequence);
}

// The token of a sequence that has one, or -1.
HEARTH_DEVICE int single_token(const StepView& step, int sequence) {
  int low = 0, high = static_cast<int>(step.token_count) - 1;
  // In a step of single tokens the first guess is right.
  int middle = sequence < high ? sequence : high;
  while (low < high) {
    if (step.sequences[middle] < sequence) {
      low = middle + 1;
    } else {
      high = middle;
    }
    const bool guessed =
        high == sequence && step.sequences[high] == sequence && (high == 0 || step.sequences[high - 1] != sequence);
    if (guessed) low = high;
    middle = (low + high) / 2;
  }
  return step.sequences[low] == sequence && is_single(step, low) ? low : -1;
}

// Where eight keys from a multiple of 8 are: the elements of k and (by dimension) of v that are dimension 0 of the
// first.
struct alignas(16) Octet {
  std::int64_t key;  // negative: not to be read
  std::int64_t value;
};
HEARTH_DEVICE Octet octet_at(const AttentionParams& p, int sequence, int kv_head, int position) {
  const auto tokens = static_cast<std::uint32_t>(p.block_tokens);
  const auto entry = static_cast<std::uint32_t>(position) / tokens;
  const auto in_block = static_cast<std::int64_t>(static_cast<std::uint32_t>(position) % tokens);
  const std::int64_t block = p.step.block_tables[sequence * p.step.block_table_stride + entry];
  const std::int64_t first = (block * p.kv_heads + kv_head) * p.block_tokens * p.head_dim;
  return {first + in_block * p.head_dim, first + in_block};
}

// The dimension at which a quad of a step begins.
template <int kDim>
HEARTH_DEVICE int query_dim(int step, int quad) {
  const bool whole = !kTwoSteps || (kDim % 32 != 0 && step == kDim / 16 - 1);
  return whole ? 16 * step + 4 * quad : 32 * (step / 2) + 8 * quad + 4 * (step % 2);
}

// Four elements from `dim` on, as bf16, of the query that begins at element `row` of p.q; negative: there is none.
HEARTH_DEVICE Bytes8 query_quad(const AttentionParams& p, std::int64_t row, int dim) {
  struct alignas(16) Floats4 {
    float value[4];
  };
  if (row < 0 || dim >= p.head_dim) return {};
  const Floats4 f = *reinterpret_cast<const Floats4*>(p.q + row + dim);
  return {{pair_of_floats(f.value[0], f.value[1]), pair_of_floats(f.value[2], f.value[3])}};
}

// Step `step` of the lane's queries, which begin at `rows`.
template <int kDim>
HEARTH_DEVICE void load_step(const AttentionParams& p, const std::int64_t (&rows)[kQueriesPerLane], int lane, int step,
                             QueryFragment& q) {
  HEARTH_UNROLL
  for (int i = 0; i < kQueriesPerLane; ++i) {
    HEARTH_UNROLL
    for (int j = 0; j < Mma::kQuadsPerLane; ++j) {
      quad_of(q, i, j) = query_quad(p, rows[i], query_dim<kDim>(step, Mma::quad(lane, j)));
    }
  }
}
template <int kDim>
HEARTH_DEVICE void load_queries(const AttentionParams& p, const std::int64_t (&rows)[kQueriesPerLane], int lane,
                                QueryFragment (&q)[kDim / 16]) {
  constexpr int kStepsAtOnce = kQueriesAreRows ? 8 : 2;  // as float32 they need twice the registers
  HEARTH_UNROLL
  for (int step = 0; step < kDim / 16; ++step) {
    load_step<kDim>(p, rows, lane, step, q[step]);
    if (step % kStepsAtOnce == kStepsAtOnce - 1) wave_sync();
  }
}

HEARTH_DEVICE float magnitude(float x) {
  return float_from_bits(float_bits(x) & 0x7fffffffu);
}

// tanh(x) = 1 - 2 / (e^2x + 1), to some 1e-7 absolute, which is what the exponent of a weight asks for; a division
// would cost registers where there are none.
HEARTH_DEVICE float cap_score(float x, float softcap) {
  const float y = exp2_fast(x * 2.8853900817779268f) + 1.0f;
  return softcap * (1.0f - exp2_fast(1.0f - log2_fast(y)));
}

// What one of a lane's queries has taken from its scores for each position between a key and its own.
struct Slope {
  float factor;  // of q . k
  std::int32_t position;
};
HEARTH_DEVICE Slope slope_of(const AttentionParams& p, int token, int head) {
  if (token < 0 || head < 0) return {0, 0};
  return {p.slopes[head] * p.slope_scale, p.step.positions[token]};
}

// Takes them from the scores of the block from `key` on.
HEARTH_DEVICE void take_distances(const Slope (&slopes)[kQueriesPerLane], int lane, int key, Mma::C (&s)[kScoreTiles]) {
  float first[kQueriesPerLane];
  HEARTH_UNROLL
  for (int i = 0; i < kQueriesPerLane; ++i) {
    first[i] = static_cast<float>(key + key_of_lane(lane) - slopes[i].position);
  }
  HEARTH_UNROLL
  for (int n = 0; n < kScoreTiles; ++n) {
    HEARTH_UNROLL
    for (int e = 0; e < Mma::kValues; ++e) {
      const int i = value_query(e);
      const float offset = first[i] + static_cast<float>(key_of_tile(n) + key_of_value(e));
      s[n].value[e] = fma_exact(-slopes[i].factor, magnitude(offset), s[n].value[e]);
    }
  }
}

// A block's scores become weights, as fragments for the product with the values; `block_max` gets the maxima. NaN is
// left out of a maximum, and stays in its weight. `seen`: the keys of the block that the lane's queries see; not looked
// at if that is `all`.
HEARTH_DEVICE void weigh(const AttentionParams& p, Mma::C (&s)[kScoreTiles], int lane, bool all,
                         const std::uint64_t (&seen)[kQueriesPerLane], QueryFragment (&weights)[kBlockSteps],
                         float (&block_max)[kQueriesPerLane]) {
  if (p.softcap > 0) {
    HEARTH_UNROLL
    for (int n = 0; n < kScoreTiles; ++n) {
      HEARTH_UNROLL
      for (int e = 0; e < Mma::kValues; ++e) s[n].value[e] = cap_score(s[n].value[e] * p.cap_scale, p.softcap);
    }
  }
  if (!all) {
    std::uint64_t of_lane[kQueriesPerLane];
    HEARTH_UNROLL
    for (int i = 0; i < kQueriesPerLane; ++i) of_lane[i] = seen[i] >> key_of_lane(lane);
    HEARTH_UNROLL
    for (int n = 0; n < kScoreTiles; ++n) {
      HEARTH_UNROLL
      for (int e = 0; e < Mma::kValues; ++e) {
        const bool is_seen = (of_lane[value_query(e)] >> (key_of_tile(n) + key_of_value(e)) & 1) != 0;
        s[n].value[e] = is_seen ? s[n].value[e] : kMinusInfinity;
      }
    }
  }
  float shift[kQueriesPerLane];
  HEARTH_UNROLL
  for (int i = 0; i < kQueriesPerLane; ++i) {
    float m = kMinusInfinity;
    HEARTH_UNROLL
    for (int n = 0; n < kScoreTiles; ++n) {
      HEARTH_UNROLL
      for (int e = 0; e < Mma::kValues; ++e) {
        if (value_query(e) == i) m = max_number(m, s[n].value[e]);
      }
    }
    if constexpr (kQueriesAreRows) {
      m = max_number(m, shuffle_xor(m, 1));
      m = max_number(m, shuffle_xor(m, 2));
    } else {
      HEARTH_UNROLL
      for (int mask = 16; mask < kWaveSize; mask *= 2) m = max_number(m, shuffle_xor(m, mask));
    }
    block_max[i] = m;
    shift[i] = m == kMinusInfinity ? 0.0f : -m * p.exponent_scale;
  }
  HEARTH_UNROLL
  for (int step = 0; step < kBlockSteps; ++step) {
    std::uint32_t words[kTilesOfStep][Mma::kValues / 2];
    HEARTH_UNROLL
    for (int h = 0; h < kTilesOfStep; ++h) {
      const Mma::C& c = s[step * kTilesOfStep + h];
      HEARTH_UNROLL
      for (int e = 0; e < Mma::kValues; e += 2) {
        const float shift_of_pair = shift[value_query(e)];
        words[h][e / 2] = pair_of_floats(exp2_flush(fma_exact(c.value[e], p.exponent_scale, shift_of_pair)),
                                         exp2_flush(fma_exact(c.value[e + 1], p.exponent_scale, shift_of_pair)));
      }
    }
    if constexpr (kQueriesAreRows) {
      HEARTH_UNROLL
      for (int i = 0; i < 2; ++i) quad_of(weights[step], i, 0) = {{words[0][i], words[1][i]}};
    } else if constexpr (Mma::kQuadsPerLane == 4) {
      // Each half of the wave has computed one half of k, and both hold all of it.
      HEARTH_UNROLL
      for (int w = 0; w < Mma::kValues / 2; ++w) {
        const std::uint32_t mine = words[0][w], theirs = shuffle_xor(mine, 16);
        quad_of(weights[step], 0, w / 2).word[w % 2] = lane < 16 ? mine : theirs;
        quad_of(weights[step], 0, 2 + w / 2).word[w % 2] = lane < 16 ? theirs : mine;
      }
    } else {
      HEARTH_UNROLL
      for (int w = 0; w < Mma::kValues / 2; ++w) quad_of(weights[step], 0, w / 2).word[w % 2] = words[0][w];
    }
  }
}

// The sums of a block's weights: their product with ones.
HEARTH_DEVICE void sum_weights(const QueryFragment (&weights)[kBlockSteps], float (&sums)[kQueriesPerLane]) {
  OtherFragment ones;
  HEARTH_UNROLL
  for (int j = 0; j < Mma::kQuadsPerLane; ++j) quad_of(ones, 0, j) = {{0x3f803f80u, 0x3f803f80u}};
  Mma::C c{};
  HEARTH_UNROLL
  for (int step = 0; step < kBlockSteps; ++step) multiply(c, weights[step], ones);
  HEARTH_UNROLL
  for (int e = 0; e < Mma::kValues; ++e) sums[value_query(e)] = c.value[e];
}

// What a row has of the blocks so far, and how the next is added to it.
struct RowTotals {
  float max = kMinusInfinity;
  float sum = 0;
};
struct MergeFactors {
  float total, block;
};
HEARTH_DEVICE MergeFactors merge(RowTotals& totals, float block_max, float block_sum, float exponent_scale) {
  const float max = max_number(totals.max, block_max);
  const float safe_max = max == kMinusInfinity ? 0.0f : max;
  const MergeFactors f{exp2_flush((totals.max - safe_max) * exponent_scale),
                       exp2_flush((block_max - safe_max) * exponent_scale)};
  totals.sum = fma_exact(totals.sum, f.total, block_sum * f.block);
  totals.max = max;
  return f;
}
HEARTH_DEVICE float merge_value(float total, float block, const MergeFactors& f) {
  return fma_exact(total, f.total, block * f.block);
}
// What a row's sum is to be multiplied by at the end.
HEARTH_DEVICE float last_factor(const AttentionParams& p, const RowTotals& totals, int head) {
  if (totals.sum == 0.0f) return 0.0f;
  // A sink far above all scores makes this infinite, and the row 0.
  const float sink = p.sinks == nullptr
                         ? 0.0f
                         : exp2_flush(fma_exact(totals.max, -p.exponent_scale, p.sinks[head] * 1.4426950408889634f));
  return 1.0f / (totals.sum + sink);
}
// All that is not finite becomes one NaN, and a zero positive: nothing shows which blocks were skipped.
HEARTH_DEVICE float last_value(float total, float factor) {
  const float value = total * factor + 0.0f;
  return (float_bits(value) & 0x7f800000u) == 0x7f800000u ? float_from_bits(kNan) : value;
}

HEARTH_DEVICE void store_out(float* out, float value) {
  *out = value;
}
HEARTH_DEVICE void store_out(std::uint16_t* out, float value) {
  *out = float_to_bf16(value);
}

}  // namespace
}  // namespace hearth::gpu
