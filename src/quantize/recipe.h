// The mixtures of formats that people know by name ("Q4_K_M"): which format each matrix of a model gets. A recipe gives
// most matrices its base format, and more bits to those that a model feels most: the output, values of attention and
// what leads out of the feed-forward part, in some layers. The names mean what they mean to llama.cpp, so that a file
// has the size and the formats that its name promises.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "formats/format.h"

namespace hearth {

// What a matrix does, as far as recipes tell matrices apart.
enum class MatrixRole : std::uint8_t {
  kOutput,  // or the token embedding, where there is no output of its own
  kTokenEmbedding,
  kQuery,
  kKey,
  kValue,
  kQueryKeyValue,
  kAttentionOutput,
  kFfDown,
  kExpert,  // but for what leads out of experts, which is kFfDown
  kOther,
};

struct MatrixPlace {
  MatrixRole role = MatrixRole::kOther;
  std::int64_t index = 0, count = 1;  // among the layers that have such a matrix
  std::int64_t heads_per_key = 1;     // query heads that share a key head
  std::int64_t expert_count = 0;
  bool has_importance = false;
};

struct Recipe {
  std::string_view name;  // "Q4_K_M"
  Format base;
  int file_type;                                                 // general.file_type of GGUF
  std::optional<Format> (*more_bits)(const MatrixPlace& place);  // where another format than the base; or null

  Format format_of(const MatrixPlace& place) const;
};

std::span<const Recipe> recipes();
// By name, in capitals or not; "Q4_K" is "Q4_K_M" and so on. Throws InvalidInput listing the names, and Unsupported for
// a name that others know and Hearth has no encoder for.
const Recipe& recipe_by_name(std::string_view name);

// GGUF's name of a tensor says its role.
MatrixRole matrix_role(std::string_view gguf_name);
// N of "blk.N."; nullopt for a tensor outside of the layers.
std::optional<std::int64_t> layer_of(std::string_view gguf_name);

// Whether a tensor stays in floating point in every recipe: norms, biases, routers, convolutions and what else is small
// or felt at once.
bool stays_float(std::string_view gguf_name, int rank);

// The format that takes the place of one whose blocks do not divide rows of so many columns: the nearest with blocks of
// 32 and no fewer bits, or else f16.
Format format_for_columns(Format wanted, std::int64_t columns);

}  // namespace hearth
