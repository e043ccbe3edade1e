#include "quantize/recipe.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "base/ascii_case.h"
#include "base/error.h"
#include "base/escape.h"

namespace hearth {
namespace {

using Choice = std::optional<Format>;

// The first and the last eighth of the layers, and every third of the others.
bool is_felt_layer(const MatrixPlace& place) {
  const std::int64_t eighth = place.count / 8;
  return place.index < eighth || place.index >= 7 * place.count / 8 || (place.index - eighth) % 3 == 2;
}

bool is_early_layer(const MatrixPlace& place) {
  return place.index < place.count / 8;
}

// Models with eight experts have few and small matrices of attention: more bits for them cost little.
Choice of_eight_experts(const MatrixPlace& place) {
  if (place.expert_count != 8) return std::nullopt;
  if (place.role == MatrixRole::kValue || place.role == MatrixRole::kKey) return Format::kQ8_0;
  if (place.role == MatrixRole::kAttentionOutput) return Format::kQ5K;
  return std::nullopt;
}

// In models of 80 layers eight query heads share a value head, whose matrix is small.
Choice of_eighty_layers(const MatrixPlace& place, Choice chosen) {
  const bool is_small = place.role == MatrixRole::kValue && place.count == 80 && place.heads_per_key == 8;
  return is_small ? Format::kQ5K : chosen;
}

Choice q2_k(const MatrixPlace& place) {
  if (const Choice choice = of_eight_experts(place)) return choice;
  switch (place.role) {
    case MatrixRole::kValue:
      return of_eighty_layers(place, place.heads_per_key >= 4 ? Format::kQ4K : Format::kQ3K);
    case MatrixRole::kFfDown:
    case MatrixRole::kAttentionOutput:
      return Format::kQ3K;
    default:
      return std::nullopt;
  }
}

Choice q2_k_s(const MatrixPlace& place) {
  if (const Choice choice = of_eight_experts(place)) return choice;
  if (place.role == MatrixRole::kValue && place.heads_per_key >= 4) return of_eighty_layers(place, Format::kQ4K);
  if (place.role == MatrixRole::kFfDown && is_early_layer(place)) return Format::kQ4K;
  return std::nullopt;
}

Choice q3_k_s(const MatrixPlace& place) {
  if (const Choice choice = of_eight_experts(place)) return choice;
  return of_eighty_layers(place, std::nullopt);
}

Choice q3_k_m(const MatrixPlace& place) {
  if (const Choice choice = of_eight_experts(place)) return choice;
  switch (place.role) {
    case MatrixRole::kValue:
      return of_eighty_layers(place, place.index < 2 ? Format::kQ5K : Format::kQ4K);
    case MatrixRole::kFfDown:
      return place.index < place.count / 16 ? Format::kQ5K : Format::kQ4K;
    case MatrixRole::kAttentionOutput:
    case MatrixRole::kQueryKeyValue:
      return Format::kQ4K;
    default:
      return std::nullopt;
  }
}

Choice q3_k_l(const MatrixPlace& place) {
  if (const Choice choice = of_eight_experts(place)) return choice;
  switch (place.role) {
    case MatrixRole::kValue:
    case MatrixRole::kFfDown:
    case MatrixRole::kAttentionOutput:
      return Format::kQ5K;
    case MatrixRole::kQueryKeyValue:
      return Format::kQ4K;
    default:
      return std::nullopt;
  }
}

Choice q4_k_s(const MatrixPlace& place) {
  if (const Choice choice = of_eight_experts(place)) return choice;
  if (place.role == MatrixRole::kValue) {
    return of_eighty_layers(place, place.index < 4 ? Choice(Format::kQ5K) : std::nullopt);
  }
  if (place.role == MatrixRole::kFfDown && is_early_layer(place)) return Format::kQ5K;
  return std::nullopt;
}

Choice q4_k_m(const MatrixPlace& place) {
  if (const Choice choice = of_eight_experts(place)) return choice;
  switch (place.role) {
    case MatrixRole::kValue:
      return is_felt_layer(place) ? Format::kQ6K : of_eighty_layers(place, std::nullopt);
    case MatrixRole::kFfDown:
      return is_felt_layer(place) ? Choice(Format::kQ6K) : std::nullopt;
    case MatrixRole::kQueryKeyValue:
      return Format::kQ5K;
    default:
      return std::nullopt;
  }
}

Choice q5_k_s(const MatrixPlace& place) {
  const Choice choice = of_eight_experts(place);
  return choice == Format::kQ8_0 ? choice : std::nullopt;
}

Choice q5_k_m(const MatrixPlace& place) {
  if (const Choice choice = q5_k_s(place)) return choice;
  if (place.role == MatrixRole::kQueryKeyValue) return Format::kQ6K;
  const bool is_felt = place.role == MatrixRole::kValue || place.role == MatrixRole::kFfDown;
  return is_felt && is_felt_layer(place) ? Choice(Format::kQ6K) : std::nullopt;
}

Choice iq4(const MatrixPlace& place) {
  if (const Choice choice = of_eight_experts(place)) return choice;
  if (place.role == MatrixRole::kValue && place.heads_per_key >= 4) return Format::kQ5K;
  if (place.role == MatrixRole::kFfDown && is_early_layer(place) && !place.has_importance) return Format::kQ5K;
  return std::nullopt;
}

// With an importance matrix, a minimum too for what leads out of the first feed-forward parts.
Choice q4_0(const MatrixPlace& place) {
  const bool is_felt = place.role == MatrixRole::kFfDown && is_early_layer(place) && place.has_importance;
  return is_felt ? Choice(Format::kQ4_1) : std::nullopt;
}

Choice q5_0(const MatrixPlace& place) {
  const bool is_felt = place.role == MatrixRole::kFfDown && is_early_layer(place) && place.has_importance;
  return is_felt ? Choice(Format::kQ5_1) : std::nullopt;
}

// "MOE": experts in the base format, everything else in q8_0.
Choice for_experts_only(const MatrixPlace& place) {
  const bool is_expert =
      place.role == MatrixRole::kExpert || (place.role == MatrixRole::kFfDown && place.expert_count > 0);
  return is_expert ? std::nullopt : Choice(Format::kQ8_0);
}

constexpr std::array kRecipes{
    Recipe{"F32", Format::kF32, 0, nullptr},      Recipe{"F16", Format::kF16, 1, nullptr},
    Recipe{"BF16", Format::kBf16, 32, nullptr},   Recipe{"Q8_0", Format::kQ8_0, 7, nullptr},
    Recipe{"Q6_K", Format::kQ6K, 18, nullptr},    Recipe{"Q5_K_M", Format::kQ5K, 17, q5_k_m},
    Recipe{"Q5_K_S", Format::kQ5K, 16, q5_k_s},   Recipe{"Q4_K_M", Format::kQ4K, 15, q4_k_m},
    Recipe{"Q4_K_S", Format::kQ4K, 14, q4_k_s},   Recipe{"Q3_K_L", Format::kQ3K, 13, q3_k_l},
    Recipe{"Q3_K_M", Format::kQ3K, 12, q3_k_m},   Recipe{"Q3_K_S", Format::kQ3K, 11, q3_k_s},
    Recipe{"Q2_K", Format::kQ2K, 10, q2_k},       Recipe{"Q2_K_S", Format::kQ2K, 21, q2_k_s},
    Recipe{"Q4_0", Format::kQ4_0, 2, q4_0},       Recipe{"Q4_1", Format::kQ4_1, 3, nullptr},
    Recipe{"Q5_0", Format::kQ5_0, 8, q5_0},       Recipe{"Q5_1", Format::kQ5_1, 9, nullptr},
    Recipe{"IQ4_NL", Format::kIq4Nl, 25, iq4},    Recipe{"IQ4_XS", Format::kIq4Xs, 30, iq4},
    Recipe{"MXFP4", Format::kMxfp4, 38, nullptr}, Recipe{"MXFP4_MOE", Format::kMxfp4, 38, for_experts_only},
};

bool is_known_elsewhere(std::string_view name) {
  for (const std::string_view begin : {"IQ1_", "IQ2_", "IQ3_", "TQ1_", "TQ2_"}) {
    if (name.starts_with(begin)) return true;
  }
  return false;
}

}  // namespace

Format Recipe::format_of(const MatrixPlace& place) const {
  if (traits(base).is_quantized() && place.role == MatrixRole::kOutput) {
    const bool in_eight_bits = base == Format::kQ8_0 || more_bits == for_experts_only;
    return in_eight_bits ? Format::kQ8_0 : Format::kQ6K;
  }
  return more_bits == nullptr ? base : more_bits(place).value_or(base);
}

std::span<const Recipe> recipes() {
  return kRecipes;
}

const Recipe& recipe_by_name(std::string_view name) {
  std::string wanted = ascii_upper(std::string(name));
  if (wanted == "Q3_K" || wanted == "Q4_K" || wanted == "Q5_K") wanted += "_M";
  const auto found = std::find_if(kRecipes.begin(), kRecipes.end(), [&](const Recipe& r) { return r.name == wanted; });
  if (found != kRecipes.end()) return *found;
  std::vector<std::string_view> names;
  for (const Recipe& recipe : kRecipes) names.push_back(recipe.name);
  const std::string known = fmt::format("{}", fmt::join(names, ", "));
  if (is_known_elsewhere(wanted)) {
    throw Unsupported(
        fmt::format("type {}: Hearth reads such files and cannot write them; it writes {}", wanted, known));
  }
  throw InvalidInput(fmt::format("type {} is none of {}", quote_name(name), known));
}

MatrixRole matrix_role(std::string_view gguf_name) {
  static constexpr std::pair<std::string_view, MatrixRole> kEnds[] = {
      {".attn_q.weight", MatrixRole::kQuery},
      {".attn_k.weight", MatrixRole::kKey},
      {".attn_v.weight", MatrixRole::kValue},
      {".attn_kv_b.weight", MatrixRole::kValue},
      {".attn_v_b.weight", MatrixRole::kValue},
      {".attn_qkv.weight", MatrixRole::kQueryKeyValue},
      {".attn_output.weight", MatrixRole::kAttentionOutput},
      {".ffn_down.weight", MatrixRole::kFfDown},
      {".ffn_down_exps.weight", MatrixRole::kFfDown},
      {".ffn_down_shexp.weight", MatrixRole::kFfDown},
      {".ffn_gate_exps.weight", MatrixRole::kExpert},
      {".ffn_up_exps.weight", MatrixRole::kExpert},
      {".ffn_gate_up_exps.weight", MatrixRole::kExpert},
  };
  if (gguf_name == "output.weight") return MatrixRole::kOutput;
  if (gguf_name == "token_embd.weight") return MatrixRole::kTokenEmbedding;
  for (const auto& [end, role] : kEnds) {
    if (gguf_name.ends_with(end)) return role;
  }
  return MatrixRole::kOther;
}

std::optional<std::int64_t> layer_of(std::string_view gguf_name) {
  constexpr std::string_view kBegin = "blk.";
  if (!gguf_name.starts_with(kBegin)) return std::nullopt;
  std::int64_t layer = 0;
  const char* const end = gguf_name.data() + gguf_name.size();
  const auto [stop, error] = std::from_chars(gguf_name.data() + kBegin.size(), end, layer);
  return error == std::errc() && stop != end && *stop == '.' ? std::optional(layer) : std::nullopt;
}

bool stays_float(std::string_view gguf_name, int rank) {
  if (rank < 2 || !gguf_name.ends_with(".weight")) return true;
  static constexpr std::string_view kParts[] = {
      "_norm", "ffn_gate_inp", "position_embd",        "token_types", "ssm_conv1d", "shortconv.conv",
      "altup", "laurel",       "per_layer_model_proj", "attn_rel_b",  "attn_sinks",
  };
  return std::any_of(std::begin(kParts), std::end(kParts),
                     [&](std::string_view part) { return gguf_name.find(part) != std::string_view::npos; });
}

Format format_for_columns(Format wanted, std::int64_t columns) {
  const auto fits = [&](Format format) { return columns % traits(format).block_elements == 0; };
  if (fits(wanted)) return wanted;
  Format nearest = Format::kQ8_0;
  switch (wanted) {
    case Format::kQ2K:
    case Format::kQ3K:
    case Format::kIq4Xs:
      nearest = Format::kIq4Nl;
      break;
    case Format::kQ4K:
      nearest = Format::kQ5_0;
      break;
    case Format::kQ5K:
      nearest = Format::kQ5_1;
      break;
    default:
      break;
  }
  return fits(nearest) ? nearest : Format::kF16;
}

}  // namespace hearth
