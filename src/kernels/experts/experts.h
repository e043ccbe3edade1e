// A feed-forward part of many experts, of which a router chooses a few for each token: the choice, the products with
// the chosen experts' matrices, and the weighted sum of what they say.
//
// A slot is one expert of one token: slot t * used + j is the one that token t ranks j-th. What a slot gets depends on
// its token and its expert alone, never on who else chose the expert (law 2): each product sums as matmul.h says.
#pragma once

#include <cstdint>

#include "kernels/matmul/matmul.h"

namespace hearth {

// What becomes of the router's products before experts are chosen by it, largest first, the lower number where equal.
enum class RouterScore : std::uint8_t {
  kSoftmax,        // over all experts
  kSigmoid,        // each by itself
  kChosenSoftmax,  // the products as they are; their weights are the softmax over the chosen ones
  // The products as they are; each choice's weight is its softmax over those that are not chosen before it and not
  // farther below it than `tolerance` times the larger of it and their own magnitude (SparseMixer, Liu et al. 2024).
  kSparseMixer,
};

// Experts may stand in groups, one after another, of which only the best few are chosen from.
enum class GroupScore : std::uint8_t { kLargest, kTwoLargest };

struct Routing {
  std::int64_t expert_count = 0;
  std::int64_t used = 0;  // experts of a token
  RouterScore score = RouterScore::kSoftmax;
  float tolerance = 0;  // of kSparseMixer
  std::int64_t group_count = 1;
  std::int64_t groups_used = 1;
  GroupScore group_score = GroupScore::kLargest;
  bool normalize = false;  // the chosen weights by their sum, `sum_offset` added to it, at least `sum_min`
  float sum_offset = 0;
  float sum_min = 0;
  float scale = 1;  // of the weights, last
};

inline constexpr std::int64_t kExpertsUsedMax = 64;
inline constexpr std::int64_t kExpertsMax = 1024;

// experts[t][j] and weights[t][j], j from the best one down. A `bias` counts where experts are chosen, and not in their
// weights. A token with a NaN among its scores gets experts that exist and weights that are NaN.
struct RouteArgs {
  Routing routing;
  const float* products;  // [tokens, experts]
  const float* bias;      // [experts], or null
  std::int64_t token_count;
  std::int32_t* experts;  // [tokens, used]
  float* weights;         // [tokens, used]
};

// Slots in the order of their experts, so that those of one expert can be multiplied together.
struct ExpertGroups {
  const std::int32_t* experts;  // [slots]: as route() chose them
  // No expert has two slots, as where there is but one token: a device may leave out what follows.
  bool is_single;
  std::int32_t* begin;  // [experts + 1]: where each expert's slots begin in `slots`
  std::int32_t* slots;  // [slots]: in no particular order within an expert
  // Of a GPU. Tiles of at most expert_tile_slots() slots of one expert: how many there are, then the expert and the
  // place in `slots` of each. [expert_tile_words()]
  std::int32_t* tiles;
};

// Slots of a tile: few, where an expert has few.
inline constexpr std::int64_t kExpertTileSlots[] = {16, 64};
constexpr std::int64_t expert_tile_slots(std::int64_t slot_count, std::int64_t expert_count) {
  return kExpertTileSlots[slot_count < 12 * expert_count ? 0 : 1];
}

// No more tiles than this are made.
constexpr std::int64_t expert_tiles_max(std::int64_t slot_count, std::int64_t expert_count) {
  return (slot_count < expert_count ? slot_count : expert_count) +
         slot_count / expert_tile_slots(slot_count, expert_count);
}
constexpr std::int64_t expert_tile_words(std::int64_t slot_count, std::int64_t expert_count) {
  // Fewer slots may be more tiles.
  return 1 + 2 * ((slot_count < expert_count ? slot_count : expert_count) + slot_count / kExpertTileSlots[0]);
}

struct GroupExpertsArgs {
  std::int64_t slot_count;
  std::int64_t expert_count;
  ExpertGroups groups;
};

// matmul.h's product of each slot with its expert's matrix, which may have a scale of its own.
struct ExpertMatmulArgs {
  // token_count: slots. x: [slots / slots_per_row, k]. weights: of the first expert. bias: [experts, n], or null.
  // y: [slots, n]. workspace: of expert_rows_bytes(), or those on a GPU; without it a GPU takes small tiles.
  MatmulArgs matmul;
  ExpertGroups groups;
  const float* scales;  // [experts], or null; times matmul.scale
  std::int64_t expert_count;
  std::int64_t expert_bytes;   // from an expert's weights to the next one's
  std::int64_t slots_per_row;  // slots that read one row of x
};

// Where a device brings the rows of one expert together: x, and on the CPU y.
constexpr std::int64_t expert_rows_bytes(std::int64_t slot_count, std::int64_t n, std::int64_t k) {
  return slot_count * (n + k) * std::int64_t{sizeof(float)};
}
constexpr std::int64_t expert_rows_bytes_on_gpu(std::int64_t slot_count, std::int64_t k) {
  return slot_count * k * std::int64_t{sizeof(std::uint16_t)};
}

// out[t] = sum_j weights[t][j] * y[t * used + j], j ascending, and then sigmoid(gate[t]) * shared[t] where there is a
// shared expert; without `gate` it is added as it is.
struct ExpertSumArgs {
  const float* y;        // [tokens * used, width]
  const float* weights;  // [tokens, used]
  const float* shared;   // [tokens, width], or null
  const float* gate;     // [tokens], or null
  std::int64_t token_count;
  std::int64_t used;
  std::int64_t width;
  float* out;  // [tokens, width]; may be shared
};

}  // namespace hearth
