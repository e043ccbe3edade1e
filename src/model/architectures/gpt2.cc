// GPT-2 (Radford et al. 2019) and GPT-BigCode / StarCoder (Li et al. 2023): learned positions, LayerNorm, fused query,
// key and value projections with biases. StarCoder's query heads share one key/value head. GPT-Neo (Black et al. 2021)
// has a window on every other layer, three projections, and scores that nothing scales.
#include <fmt/format.h>

#include <boost/json/array.hpp>

#include "base/error.h"
#include "model/architectures/common.h"
#include "model/architectures/families.h"
#include "weights/json_fields.h"

namespace hearth {
namespace {

ModelSpec read_gpt2(const Settings& settings) {
  ModelSpec spec = read_gpt_sizes(settings);
  spec.transposed_linears = !settings.is_gguf();
  const bool by_layer = settings.boolean({"", {"scale_attn_by_inverse_layer_idx"}}).value_or(false);
  for (std::size_t i = 0; i < spec.layers.size(); ++i) {
    AttentionSpec& attention = spec.layers[i].attention();
    attention.kv_head_count = attention.head_count;
    if (by_layer) attention.scale /= static_cast<float>(i + 1);
  }
  return spec;
}

ModelSpec read_gpt_bigcode(const Settings& settings) {
  ModelSpec spec = read_gpt_sizes(settings);
  if (settings.is_gguf()) return spec;
  const bool multi_query = settings.boolean({"", {"multi_query"}}).value_or(true);
  spec.interleaved_qkv_heads = !multi_query;
  for (LayerSpec& layer : spec.layers) {
    layer.attention().kv_head_count = multi_query ? 1 : layer.attention().head_count;
  }
  return spec;
}

void add_neo_layer(const Settings& settings, const boost::json::value& type, std::vector<bool>& local) {
  const std::string_view name = as_string(type, "attention_types", settings.file_name());
  if (name != "local" && name != "global") {
    throw Unsupported(fmt::format("{}: attention of type '{}' is not supported", settings.file_name(), name));
  }
  local.push_back(name == "local");
}

// Of `attention_layers`, or of `attention_types`: pairs of a list of types and how many times it comes.
std::vector<bool> local_neo_layers(const Settings& settings) {
  const std::int64_t layers = settings.layer_count();
  std::vector<bool> local;
  const boost::json::array* listed = settings.config_list("attention_layers");
  const boost::json::array* groups = settings.config_list("attention_types");
  for (std::size_t i = 0; listed != nullptr && i < listed->size(); ++i) add_neo_layer(settings, (*listed)[i], local);
  for (std::size_t i = 0; listed == nullptr && groups != nullptr && i < groups->size(); ++i) {
    const boost::json::array& group = as_array((*groups)[i], "attention_types", settings.file_name());
    if (group.size() != 2) throw InvalidInput(fmt::format("{}: attention_types has no pairs", settings.file_name()));
    const std::int64_t times = as_integer(group[1], "attention_types", settings.file_name());
    for (std::int64_t n = 0; n < times && std::ssize(local) <= layers; ++n) {
      for (const auto& type : as_array(group[0], "attention_types", settings.file_name())) {
        add_neo_layer(settings, type, local);
      }
    }
  }
  if (std::ssize(local) == layers) return local;
  throw InvalidInput(
      fmt::format("{}: attention_types lists {} layers of {}", settings.file_name(), local.size(), layers));
}

ModelSpec read_gpt_neo(const Settings& settings) {
  ModelSpec spec = read_gpt_sizes(settings);
  slide(local_neo_layers(settings), settings.positive({"", {"window_size"}}).value_or(256), spec);
  for (LayerSpec& layer : spec.layers) layer.attention().scale = 1;
  return spec;
}

constexpr OwnName kNeoNames[]{
    {NameScheme::kGpt2, Weight::kQuery, "transformer.h.{}.attn.attention.q_proj"},
    {NameScheme::kGpt2, Weight::kKey, "transformer.h.{}.attn.attention.k_proj"},
    {NameScheme::kGpt2, Weight::kValue, "transformer.h.{}.attn.attention.v_proj"},
    {NameScheme::kGpt2, Weight::kQueryKeyValue, ""},
    {NameScheme::kGpt2, Weight::kAttentionOutput, "transformer.h.{}.attn.attention.out_proj"}};

}  // namespace

std::span<const Architecture> gpt2_family() {
  static constexpr Architecture kFamily[]{{"gpt2", "gpt2", NameScheme::kGpt2, read_gpt2},
                                          {"starcoder", "gpt_bigcode", NameScheme::kGpt2, read_gpt_bigcode},
                                          {"", "gpt_neo", NameScheme::kGpt2, read_gpt_neo, kNeoNames}};
  return kFamily;
}

}  // namespace hearth
