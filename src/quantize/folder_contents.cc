#include "quantize/folder_contents.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <sstream>

#include "base/error.h"
#include "base/escape.h"
#include "model/architecture.h"
#include "quantize/folder_tokenizer.h"
#include "quantize/spec_metadata.h"

namespace hearth {
namespace {

// Families whose converted files are tested to give the folders' own logits: config.json's model_type, and GGUF's name.
struct ConvertibleFamily {
  std::string_view config_name, gguf_name;
};
constexpr ConvertibleFamily kConvertible[] = {
    {"llama", "llama"},
    {"mistral", "llama"},
    {"qwen2", "qwen2"},
    {"qwen2_moe", "qwen2moe"},
    {"qwen3", "qwen3"},
    {"qwen3_moe", "qwen3moe"},
    {"gemma", "gemma"},
    {"gemma2", "gemma2"},
    {"gemma3_text", "gemma3"},
    {"phi", "phi2"},
    {"phi3", "phi3"},
    {"phimoe", "phimoe"},
    {"mixtral", "llama"},
    {"gpt2", "gpt2"},
    {"gpt_bigcode", "starcoder"},
    {"gpt_neox", "gptneox"},
    {"starcoder2", "starcoder2"},
    {"olmo2", "olmo2"},
    {"olmo3", "olmo2"},
    {"granite", "granite"},
    {"granitemoe", "granitemoe"},
    {"glm", "chatglm"},
    {"glm4", "glm4"},
    {"glm4_moe", "glm4moe"},
    {"stablelm", "stablelm"},
    {"exaone4", "exaone4"},
    {"smollm3", "smollm3"},
    {"seed_oss", "seed_oss"},
    {"ernie4_5", "ernie4_5"},
    {"ernie4_5_moe", "ernie4_5-moe"},
    {"hunyuan_v1_dense", "hunyuan-dense"},
    {"cohere", "command-r"},
    {"cohere2", "cohere2"},
    {"falcon", "falcon"},
    {"dots1", "dots1"},
    {"minimax_m2", "minimax-m2"},
};

constexpr std::array kModelWeights{Weight::kTokenEmbedding, Weight::kPositionEmbedding, Weight::kTokenTypeEmbedding,
                                   Weight::kEmbeddingNorm,  Weight::kOutputNorm,        Weight::kOutput};
constexpr std::array kLayerWeights{Weight::kAttentionNorm,
                                   Weight::kQuery,
                                   Weight::kKey,
                                   Weight::kValue,
                                   Weight::kQueryKeyValue,
                                   Weight::kQueryNorm,
                                   Weight::kKeyNorm,
                                   Weight::kAttentionSinks,
                                   Weight::kFfNorm,
                                   Weight::kAttentionOutput,
                                   Weight::kAttentionPostNorm,
                                   Weight::kFfGate,
                                   Weight::kFfUp,
                                   Weight::kFfGateUp,
                                   Weight::kFfDown,
                                   Weight::kFfPostNorm,
                                   Weight::kRouter,
                                   Weight::kRouterBias,
                                   Weight::kSharedGate,
                                   Weight::kSharedUp,
                                   Weight::kSharedDown,
                                   Weight::kSharedRouter};
constexpr std::array kExpertWeights{Weight::kExpertGate, Weight::kExpertUp, Weight::kExpertGateUp, Weight::kExpertDown};

bool is_norm(Weight weight) {
  static constexpr std::array kNorms{Weight::kOutputNorm, Weight::kAttentionNorm,     Weight::kQueryNorm,
                                     Weight::kKeyNorm,    Weight::kAttentionPostNorm, Weight::kFfNorm,
                                     Weight::kFfPostNorm, Weight::kEmbeddingNorm};
  return std::find(kNorms.begin(), kNorms.end(), weight) != kNorms.end();
}

// Tensors of checkpoints that hold no weight: frequencies and masks that are made anew.
bool is_made_anew(std::string_view name) {
  for (const std::string_view end : {"rotary_emb.inv_freq", "rotary_emb.cos_cached", "rotary_emb.sin_cached",
                                     ".attn.bias", ".attn.masked_bias", "position_ids"}) {
    if (name.ends_with(end)) return true;
  }
  return false;
}

using ReadRows = std::function<void(std::int64_t begin, std::int64_t end, float* out)>;

// Row `row` of the result is row `from(row)` of what `read` reads.
ReadRows rearranged(ReadRows read, std::int64_t columns, std::function<std::int64_t(std::int64_t)> from) {
  return [=](std::int64_t begin, std::int64_t end, float* out) {
    for (std::int64_t row = begin; row < end; ++row) {
      read(from(row), from(row) + 1, out + (row - begin) * columns);
    }
  };
}

// Where a row of queries or keys stands whose rope's pairs are to be adjacent: files of the other kind have the first
// elements of all pairs and then the second ones.
std::int64_t half_split_row(std::int64_t row, std::int64_t head_dim, std::int64_t rotary_dim) {
  const std::int64_t head = row / head_dim, at = row % head_dim;
  return at < rotary_dim ? head * head_dim + at / 2 + at % 2 * (rotary_dim / 2) : row;
}

class FolderConverter {
 public:
  FolderConverter(const ModelSource& folder, const ConvertibleFamily& family, const Settings& settings,
                  LoraAdapter* adapter)
      : folder_(folder),
        adapter_(adapter),
        family_(family),
        spec_(read_model_spec(settings)),
        names_(architecture_of(settings).config_names, architecture_of(settings).own_names),
        gguf_names_(NameScheme::kGguf, gguf_architecture().own_names) {
    names_.place_within(folder.tensors());
  }

  FolderContents convert() {
    if (!folder_.unreadable().empty()) {
      refuse(fmt::format("tensor {} cannot be read", quote_name(folder_.unreadable().front().name)));
    }
    const WeightEntry* embedding = find(names_.of(Weight::kTokenEmbedding), ".weight");
    if (embedding == nullptr) embedding = add_output_as_embedding();
    rows_ = embedding->shape[0];
    add_rope_tensors();
    compare_descriptions();
    for (const Weight weight : kModelWeights) add_weight(weight, -1);
    for (std::int64_t layer = 0; layer < spec_.layer_count(); ++layer) {
      for (const Weight weight : kLayerWeights) add_weight(weight, layer);
      if (layer_spec(layer).has_experts()) {
        for (const Weight weight : kExpertWeights) add_experts(weight, layer);
      }
    }
    refuse_leftovers();
    ModelContents& contents = result_.contents;
    const AttentionSpec& attention = spec_.layers.front().attention();
    contents.heads_per_key = attention.head_count / attention.kv_head_count;
    for (const LayerSpec& layer : spec_.layers) {
      if (layer.has_experts()) contents.expert_count = layer.experts().routing.expert_count;
    }
    // Made now, so that what is wrong with a tokenizer is said before anything is written.
    GgufWriter trial;
    add_folder_tokenizer(folder_, rows_, trial, result_.notes);
    contents.add_metadata = [&folder = folder_, family = family_, spec = spec_, rows = rows_](GgufWriter& writer) {
      add_model_metadata(folder, family, spec, rows, writer);
      std::vector<std::string> known;
      add_folder_tokenizer(folder, rows, writer, known);
    };
    return std::move(result_);
  }

 private:
  [[noreturn]] void refuse(const std::string& why) const {
    throw Unsupported(fmt::format("{}: cannot be converted: {}", folder_.path().string(), why));
  }

  const Architecture& gguf_architecture() const {
    for (const Architecture& architecture : architectures()) {
      if (architecture.gguf_name == family_.gguf_name) return architecture;
    }
    refuse(fmt::format("GGUF has no architecture '{}'", family_.gguf_name));
  }

  // Checkpoints with one matrix for both ends may keep it under the name of the other.
  const WeightEntry* add_output_as_embedding() {
    const WeightEntry* output = find(names_.of(Weight::kOutput), ".weight");
    if (output == nullptr) refuse("there is no token embedding");
    used_.insert(output->name);
    add_tensor(Weight::kTokenEmbedding, -1, gguf_name(Weight::kTokenEmbedding, -1) + ".weight", *output);
    return output;
  }

  const LayerSpec& layer_spec(std::int64_t layer) const { return spec_.layers[static_cast<std::size_t>(layer)]; }

  static void add_model_metadata(const ModelSource& folder, const ConvertibleFamily& family, const ModelSpec& spec,
                                 std::int64_t rows, GgufWriter& writer) {
    writer.add("general.architecture", family.gguf_name);
    std::filesystem::path name = folder.path().filename();
    if (name.empty()) name = folder.path().parent_path().filename();
    writer.add("general.name", std::string_view(name.string()));
    add_spec_metadata(family.gguf_name, spec, writer);
    writer.add(fmt::format("{}.vocab_size", family.gguf_name), static_cast<std::uint32_t>(rows));
  }

  // Reads the metadata as a file's, and refuses what became another model.
  void compare_descriptions() {
    GgufWriter writer;
    add_model_metadata(folder_, family_, spec_, rows_, writer);
    std::ostringstream out;
    writer.write(out);
    const std::string head = out.str();
    std::vector<WeightEntry> tensors;
    for (const ContentTensor& tensor : result_.contents.tensors) {
      tensors.push_back({tensor.name, tensor.format, tensor.shape, tensor.bytes});
    }
    add_expected_tensors(tensors);
    const auto source =
        ModelSource::in_memory("the converted model", std::as_bytes(std::span(head)), std::move(tensors));
    try {
      gguf_spec_ = read_model_spec(Settings(*source));
    } catch (const Unsupported& error) {
      refuse(error.what());
    }
    if (const std::string difference = first_difference(spec_, gguf_spec_); !difference.empty()) {
      refuse(fmt::format("GGUF files of '{}' cannot say what config.json does of {}", family_.gguf_name, difference));
    }
  }

  // What descriptions look at is whether a tensor is there.
  void add_expected_tensors(std::vector<WeightEntry>& tensors) const {
    for (std::int64_t layer = 0; layer < spec_.layer_count(); ++layer) {
      for (const Weight weight : kLayerWeights) {
        const WeightEntry* entry = find(names_.of(weight, layer), ".weight");
        if (entry == nullptr || !belongs(weight, layer) || gguf_name(weight, layer).empty()) continue;
        const std::string name = gguf_name(weight, layer) + ".weight";
        const auto has_name = [&](const WeightEntry& other) { return other.name == name; };
        if (std::ranges::none_of(tensors, has_name)) {
          tensors.push_back({name, entry->format, entry->shape, entry->bytes, entry->composed});
        }
      }
    }
  }

  void add_rope_tensors() {
    for (auto& [name, values] : rope_tensors(spec_)) {
      const auto held = std::make_shared<const std::vector<float>>(std::move(values));
      ContentTensor tensor{name, Shape{std::ssize(*held)}, Format::kF32, std::as_bytes(std::span(*held)), {}, {}};
      tensor.read_rows = [held](std::int64_t, std::int64_t, float* out) { std::ranges::copy(*held, out); };
      result_.contents.tensors.push_back(std::move(tensor));
    }
  }

  // The tensor of one of several names, which are looked for in turn.
  const WeightEntry* find(const std::string& names, std::string_view suffix) const {
    for (std::size_t begin = 0; begin <= names.size();) {
      const std::size_t end = std::min(names.find('|', begin), names.size());
      const std::string name = names.substr(begin, end - begin) + std::string(suffix);
      if (end > begin) {
        if (const WeightEntry* entry = folder_.find(name)) return entry;
        // Checkpoints without a head leave out the first part of names.
        const std::size_t rest = name.find('.') + 1;
        if (const WeightEntry* entry = folder_.find(std::string_view(name).substr(rest))) return entry;
      }
      begin = end + 1;
    }
    return nullptr;
  }

  std::string gguf_name(Weight weight, std::int64_t layer) const {
    const std::string names = gguf_names_.of(weight, std::max<std::int64_t>(0, layer));
    return names.substr(0, names.find('|'));
  }

  // Checkpoints share names between weights that models do not have at once.
  bool belongs(Weight weight, std::int64_t layer) const {
    if (layer < 0) return true;
    const LayerSpec& spec = layer_spec(layer);
    switch (weight) {
      case Weight::kAttentionPostNorm:
      case Weight::kFfPostNorm:
        return spec.norm_after;
      case Weight::kAttentionNorm:
      case Weight::kFfNorm:
        return spec.norm_before;
      case Weight::kFfGate:
      case Weight::kFfUp:
      case Weight::kFfGateUp:
      case Weight::kFfDown:
        return !spec.has_experts();
      case Weight::kRouter:
      case Weight::kRouterBias:
      case Weight::kSharedGate:
      case Weight::kSharedUp:
      case Weight::kSharedDown:
      case Weight::kSharedRouter:
        return spec.has_experts();
      default:
        return true;
    }
  }

  void add_weight(Weight weight, std::int64_t layer) {
    const std::string from = names_.of(weight, std::max<std::int64_t>(0, layer)), to = gguf_name(weight, layer);
    if (from.empty() || to.empty() || !belongs(weight, layer)) return;
    for (const std::string_view suffix : {".weight", ".bias", ""}) {
      const WeightEntry* entry = find(from, suffix);
      if (entry == nullptr || !used_.insert(entry->name).second) continue;
      add_tensor(weight, layer, to + std::string(suffix), *entry);
    }
  }

  void add_tensor(Weight weight, std::int64_t layer, const std::string& name, const WeightEntry& entry) {
    ContentTensor tensor = content_tensor(name, entry);
    const bool is_matrix = entry.shape.rank() == 2;
    if (is_matrix && layer >= 0 && spec_.transposed_linears) transpose(entry, tensor);
    if (adapter_ != nullptr) adapter_->merge(entry.name, tensor);
    const bool has_rope_rows = weight == Weight::kQuery || weight == Weight::kKey;
    if (has_rope_rows && layer >= 0) rearrange_rope(layer, tensor);
    if (weight == Weight::kQueryKeyValue) separate_fused(layer, tensor);
    if (is_norm(weight) && !name.ends_with(".bias")) shift_norm(tensor);
    // One number to a row is one dimension less in GGUF.
    if (weight == Weight::kSharedRouter && is_matrix && tensor.shape[0] == 1) tensor.shape = Shape{tensor.shape[1]};
    result_.contents.tensors.push_back(std::move(tensor));
  }

  void forget_bytes(ContentTensor& tensor) const { tensor.bytes = {}; }

  bool pairs_differ(std::int64_t layer) const {
    const int rope = layer_spec(layer).attention().rope;
    if (rope < 0) return false;
    const auto at = static_cast<std::size_t>(rope);
    return spec_.ropes[at].pairs != gguf_spec_.ropes[at].pairs;
  }

  // Row (or, of a bias, number) i of the result is `from(i)` of what stands in the folder.
  void rearrange(ContentTensor& tensor, std::function<std::int64_t(std::int64_t)> from) const {
    forget_bytes(tensor);
    const std::int64_t columns = tensor.shape.columns();
    if (tensor.shape.rank() == 2) {
      tensor.read_rows = rearranged(std::move(tensor.read_rows), columns, std::move(from));
      return;
    }
    tensor.read_rows = [read = std::move(tensor.read_rows), columns, from = std::move(from)](std::int64_t, std::int64_t,
                                                                                             float* out) {
      std::vector<float> values(static_cast<std::size_t>(columns));
      read(0, 1, values.data());
      for (std::int64_t i = 0; i < columns; ++i) out[i] = values[static_cast<std::size_t>(from(i))];
    };
  }

  void rearrange_rope(std::int64_t layer, ContentTensor& tensor) const {
    if (!pairs_differ(layer)) return;
    const AttentionSpec& attention = layer_spec(layer).attention();
    const RopeSpec& rope = spec_.ropes[static_cast<std::size_t>(attention.rope)];
    if (rope.pairs != RopePairs::kHalfSplit) refuse("adjacent pairs of the rope");
    rearrange(tensor, [head_dim = attention.head_dim, rotary_dim = rope.rotary_dim](std::int64_t row) {
      return half_split_row(row, head_dim, rotary_dim);
    });
  }

  // Queries, keys and values in one: GGUF has all queries, all keys, all values.
  void separate_fused(std::int64_t layer, ContentTensor& tensor) const {
    if (pairs_differ(layer)) refuse("the rope's pairs of fused projections");
    if (spec_.interleaved_qkv_heads == gguf_spec_.interleaved_qkv_heads) return;
    if (gguf_spec_.interleaved_qkv_heads) refuse("fused projections head by head");
    const AttentionSpec& attention = layer_spec(layer).attention();
    rearrange(tensor, [head_dim = attention.head_dim, keys = attention.kv_head_count,
                       shared = attention.head_count / attention.kv_head_count](std::int64_t row) {
      const std::int64_t head = row / head_dim, key = head - keys * shared;
      const std::int64_t group = key < 0 ? head / shared : key % keys;
      const std::int64_t place = key < 0 ? head % shared : shared + key / keys;
      return (group * (shared + 2) + place) * head_dim + row % head_dim;
    });
  }

  void shift_norm(ContentTensor& tensor) const {
    const float offset = spec_.norm.weight_offset - gguf_spec_.norm.weight_offset;
    if (offset == 0) return;
    forget_bytes(tensor);
    const std::int64_t columns = tensor.shape.columns();
    tensor.read_rows = [read = std::move(tensor.read_rows), columns, offset](std::int64_t begin, std::int64_t end,
                                                                             float* out) {
      read(begin, end, out);
      for (std::int64_t i = 0; i < (end - begin) * columns; ++i) out[i] += offset;
    };
  }

  void transpose(const WeightEntry& entry, ContentTensor& tensor) const {
    if (traits(entry.format).is_quantized()) refuse(fmt::format("{} is quantized and transposed", entry.name));
    const std::int64_t in = entry.shape[0], out_rows = entry.shape[1];
    tensor.shape = Shape{out_rows, in};
    forget_bytes(tensor);
    tensor.read_rows = [data = entry.bytes.data(), format = entry.format, in, out_rows](std::int64_t begin,
                                                                                        std::int64_t end, float* out) {
      const std::int64_t element_bytes = traits(format).block_bytes;
      std::vector<float> values(static_cast<std::size_t>(end - begin));
      for (std::int64_t i = 0; i < in; ++i) {
        traits(format).decode_f32(data + (i * out_rows + begin) * element_bytes, values.data(), end - begin);
        for (std::int64_t row = 0; row < end - begin; ++row) out[row * in + i] = values[static_cast<std::size_t>(row)];
      }
    };
  }

  // One tensor for all experts of a layer: as it is, of one for each expert, or gate and up out of both in one.
  void add_experts(Weight weight, std::int64_t layer) {
    const std::string from = names_.of(weight, layer, 0);
    if (from.empty()) return;
    const std::int64_t count = layer_spec(layer).experts().routing.expert_count;
    const bool is_stacked = names_.of(weight, layer, 1) == from;
    const WeightEntry* first = find(from, ".weight");
    if (first == nullptr) first = find(stacked_beginning(from), "");
    if (first == nullptr) return;
    if (first->shape.rank() == 3) {
      add_stacked_experts(weight, layer, *first, count);
      return;
    }
    if (is_stacked || first->shape.rank() != 2) refuse(fmt::format("{} is no matrix of an expert", first->name));
    if (weight == Weight::kExpertGateUp) refuse("gate and up of experts in one tensor each");
    std::vector<ContentTensor> parts;
    for (std::int64_t expert = 0; expert < count; ++expert) {
      const WeightEntry* entry = find(names_.of(weight, layer, expert), ".weight");
      if (entry == nullptr || entry->shape != first->shape) {
        refuse(fmt::format("{} is not there for all experts", first->name));
      }
      used_.insert(entry->name);
      parts.push_back(content_tensor("", *entry));
      if (adapter_ != nullptr) adapter_->merge(entry->name, parts.back());
    }
    const std::int64_t rows = first->shape[0], columns = first->shape[1];
    ContentTensor tensor{gguf_name(weight, layer) + ".weight", Shape{count, rows, columns}, first->format, {}, {}, {}};
    for (const ContentTensor& part : parts) {
      tensor.mapped.insert(tensor.mapped.end(), part.mapped.begin(), part.mapped.end());
    }
    tensor.read_rows = [parts = std::move(parts), rows, columns](std::int64_t begin, std::int64_t end, float* out) {
      for (std::int64_t row = begin; row < end; ++row) {
        const auto expert = static_cast<std::size_t>(row / rows);
        parts[expert].read_rows(row % rows, row % rows + 1, out + (row - begin) * columns);
      }
    };
    result_.contents.tensors.push_back(std::move(tensor));
  }

  // "model.layers.0.mlp.experts.0.gate_proj" is "model.layers.0.mlp.experts.gate_proj" where experts are stacked.
  static std::string stacked_beginning(const std::string& name) {
    const std::size_t at = name.find(".experts.0.");
    return at == std::string::npos ? name : name.substr(0, at + 9) + name.substr(at + 10);
  }

  void add_stacked_experts(Weight weight, std::int64_t layer, const WeightEntry& entry, std::int64_t count) {
    if (spec_.transposed_experts || spec_.interleaved_gate_up || entry.shape[0] != count) {
      refuse(fmt::format("the order of rows in {}", entry.name));
    }
    used_.insert(entry.name);
    if (weight != Weight::kExpertGateUp) {
      result_.contents.tensors.push_back(content_tensor(gguf_name(weight, layer) + ".weight", entry));
      return;
    }
    const std::int64_t both = entry.shape[1], rows = both / 2, columns = entry.shape[2];
    for (const auto& [part, first_row] : {std::pair{Weight::kExpertGate, std::int64_t{0}}, {Weight::kExpertUp, rows}}) {
      ContentTensor tensor = content_tensor(gguf_name(part, layer) + ".weight", entry);
      forget_bytes(tensor);
      tensor.shape = Shape{count, rows, columns};
      tensor.read_rows = rearranged(std::move(tensor.read_rows), columns, [=, skipped = first_row](std::int64_t row) {
        return row / rows * both + skipped + row % rows;
      });
      result_.contents.tensors.push_back(std::move(tensor));
    }
  }

  void refuse_leftovers() const {
    for (const WeightEntry& entry : folder_.tensors()) {
      if (used_.contains(entry.name) || is_made_anew(entry.name)) continue;
      refuse(fmt::format("tensor {} has no place in such a file", quote_name(entry.name)));
    }
  }

  const ModelSource& folder_;
  LoraAdapter* adapter_;  // null: none
  const ConvertibleFamily& family_;
  const ModelSpec spec_;
  ModelSpec gguf_spec_;
  TensorNames names_;
  const TensorNames gguf_names_;
  std::int64_t rows_ = 0;
  std::set<std::string> used_;
  FolderContents result_;
};

}  // namespace

FolderContents contents_of_folder(const ModelSource& folder, LoraAdapter* adapter) {
  const Settings settings(folder);
  if (const auto larger = settings.larger_model_note()) {
    throw Unsupported(fmt::format("{}: cannot be converted: {}", folder.path().string(), *larger));
  }
  std::vector<std::string_view> known;
  for (const ConvertibleFamily& family : kConvertible) {
    if (family.config_name == settings.architecture())
      return FolderConverter(folder, family, settings, adapter).convert();
    known.push_back(family.config_name);
  }
  throw Unsupported(fmt::format("{}: models of type '{}' cannot be converted; these can: {}", folder.path().string(),
                                settings.architecture(), fmt::join(known, ", ")));
}

}  // namespace hearth
