// SmolLM 3 (Hugging Face 2025): Llama's shape, every fourth layer without rope.
#include "model/architectures/common.h"
#include "model/architectures/families.h"
#include "weights/json_fields.h"

namespace hearth {
namespace {

ModelSpec read_smollm3(const Settings& settings) {
  ModelSpec spec = read_gated_decoder(settings, {.gguf_pairs = RopePairs::kAdjacent});
  const boost::json::value* listed = settings.config("no_rope_layers");
  const bool is_listed = listed != nullptr && listed->is_array() && listed->get_array().size() == spec.layers.size();
  const std::int64_t interval = settings.positive({"", {"no_rope_layer_interval"}}).value_or(4);
  for (std::size_t i = 0; i < spec.layers.size(); ++i) {
    // The list says 1 for a layer with rope.
    const bool rotates = is_listed ? as_integer(listed->get_array()[i], "no_rope_layers", settings.file_name()) != 0
                                   : (static_cast<std::int64_t>(i) + 1) % interval != 0;
    if (!rotates) spec.layers[i].attention().rope = -1;
  }
  if (settings.boolean(settings::kUsesWindow).value_or(false)) read_sliding_window(settings, 0, spec);
  return spec;
}

}  // namespace

std::span<const Architecture> smollm3_family() {
  static constexpr Architecture kFamily[]{{"smollm3", "smollm3", NameScheme::kLlama, read_smollm3}};
  return kFamily;
}

}  // namespace hearth
