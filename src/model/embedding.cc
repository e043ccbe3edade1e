#include "model/embedding.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "base/check.h"
#include "base/error.h"
#include "base/mapped_file.h"
#include "weights/json.h"
#include "weights/json_fields.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

struct PoolingName {
  std::string_view name;
  Pooling pooling;
};
constexpr std::array kPoolingNames{PoolingName{"mean", Pooling::kMean}, PoolingName{"cls", Pooling::kCls},
                                   PoolingName{"last", Pooling::kLast}, PoolingName{"none", Pooling::kNone}};

// A folder of sentence-transformers.
class SentenceFolder {
 public:
  explicit SentenceFolder(const fs::path& folder) : folder_(folder) {}

  void read(EmbeddingSpec& spec) const {
    std::error_code error;
    if (fs::exists(folder_ / "config_sentence_transformers.json", error)) read_prompts(spec);
    const fs::path modules = folder_ / "modules.json";
    if (!fs::exists(modules, error)) return;
    spec.normalize = false;
    // The file is a list, and this parser's documents are objects.
    const MappedFile file(modules);
    const json::object document =
        parse_json_object(fmt::format("{{\"modules\":{}}}", without_byte_order_mark(file.text())), modules.string());
    for (const json::value& item : as_array(document.at("modules"), "modules", modules.string())) {
      const json::object& module = as_object(item, "a module", modules.string());
      const std::string_view type = string_field(module, "type", modules.string()).value_or("");
      const std::string_view kind = type.substr(type.find_last_of('.') + 1);
      add(kind, folder_of(module, modules), spec);
    }
  }

 private:
  static fs::path folder_of(const json::object& module, const fs::path& modules) {
    const fs::path path(std::string(string_field(module, "path", modules.string()).value_or("")));
    const bool leaves = path.is_absolute() || std::find(path.begin(), path.end(), "..") != path.end();
    if (leaves) throw InvalidInput(fmt::format("{}: a module's path leaves the folder", modules.string()));
    return path;
  }

  json::object read_json(const fs::path& path) const {
    const MappedFile file(folder_ / path);
    return parse_json_object(file.text(), file.path().string());
  }

  void add(std::string_view kind, const fs::path& path, EmbeddingSpec& spec) const {
    if (kind == "Transformer") return;
    if (kind == "Pooling") {
      spec.pooling = read_pooling(path / "config.json");
    } else if (kind == "Normalize") {
      spec.normalize = true;
    } else if (kind == "Dense") {
      spec.dense.push_back(read_dense(path));
    } else {
      throw Unsupported(fmt::format("{}: modules.json names a '{}'; known are Transformer, Pooling, Dense, Normalize",
                                    folder_.string(), kind));
    }
  }

  Pooling read_pooling(const fs::path& path) const {
    const json::object config = read_json(path);
    const std::string file = (folder_ / path).string();
    if (const auto name = string_field(config, "pooling_mode", file)) {
      if (const auto pooling = parse_pooling(*name == "lasttoken" ? "last" : *name)) return *pooling;
      throw Unsupported(fmt::format("{}: pooling '{}'; supported are mean, cls and lasttoken", file, *name));
    }
    std::optional<Pooling> found;
    constexpr std::string_view kPrefix = "pooling_mode_";
    for (const auto& item : config) {
      const std::string_view key = item.key();
      if (!key.starts_with(kPrefix) || !as_bool(item.value(), key, file)) continue;
      const std::string_view mode = key.substr(kPrefix.size());
      const auto pooling = mode == "mean_tokens" ? std::optional(Pooling::kMean)
                           : mode == "cls_token" ? std::optional(Pooling::kCls)
                           : mode == "lasttoken" ? std::optional(Pooling::kLast)
                                                 : std::nullopt;
      if (!pooling || found) {
        throw Unsupported(fmt::format("{}: {} '{}'; supported are one of mean_tokens, cls_token and lasttoken", file,
                                      found ? "a further pooling," : "pooling", mode));
      }
      found = pooling;
    }
    if (!found) throw InvalidInput(fmt::format("{}: no pooling is chosen", file));
    return *found;
  }

  DenseLayer read_dense(const fs::path& path) const {
    const auto source = ModelSource::open(folder_ / path);
    const json::object& config = source->config();
    const std::string file = (folder_ / path).string();
    const std::string_view activation = string_field(config, "activation_function", file).value_or("Tanh");
    const bool tanh = activation.ends_with("Tanh");
    if (!tanh && !activation.ends_with("Identity")) {
      throw Unsupported(fmt::format("{}: the activation '{}' of a dense layer", file, activation));
    }
    auto layer = read_dense_layer(*source, "linear");
    if (!layer) throw InvalidInput(fmt::format("{}: there is no matrix 'linear.weight'", file));
    if (tanh) layer->function = DenseLayer::Function::kTanh;
    return std::move(*layer);
  }

  void read_prompts(EmbeddingSpec& spec) const {
    constexpr const char* kFile = "config_sentence_transformers.json";
    const json::object config = read_json(kFile);
    const json::object* prompts = object_field(config, "prompts", kFile);
    if (prompts == nullptr) return;
    for (const auto& item : *prompts) {
      spec.prompts.push_back({std::string(item.key()), std::string(as_string(item.value(), item.key(), kFile))});
    }
    const auto name = string_field(config, "default_prompt_name", kFile);
    const EmbeddingSpec::Prompt* found = name ? spec.find_prompt(*name) : nullptr;
    if (found != nullptr) spec.default_prompt = found->text;
  }

  fs::path folder_;
};

// Of a GGUF file: a number, and for EmbeddingGemma the dense layers.
void read_gguf_pooling(const ModelSource& source, const ModelSpec& model, EmbeddingSpec& spec) {
  const std::string key = model.architecture + ".pooling_type";
  const std::int64_t type = source.metadata().integer(key).value_or(-1);
  if (type == 4) {
    throw Unsupported(
        fmt::format("{}: the model ranks documents ({} is 4), and makes no vectors of texts: `hearth rerank`, "
                    "/v1/rerank",
                    source.path().string(), key));
  }
  if (type > 3) {
    throw Unsupported(
        fmt::format("{}: {} is {}; supported are 0 to 3 (none, mean, cls, last)", source.path().string(), key, type));
  }
  if (type >= 1) spec.pooling = type == 1 ? Pooling::kMean : type == 2 ? Pooling::kCls : Pooling::kLast;
  for (const char* name : {"dense_2", "dense_3"}) {
    if (auto layer = read_dense_layer(source, name)) spec.dense.push_back(std::move(*layer));
  }
}

double apply(DenseLayer::Function function, double x) {
  switch (function) {
    case DenseLayer::Function::kTanh:
      return std::tanh(x);
    case DenseLayer::Function::kRelu:
      return std::isnan(x) ? x : std::max(x, 0.0);
    case DenseLayer::Function::kGelu:
      return 0.5 * x * (1 + std::erf(x / std::numbers::sqrt2));
    case DenseLayer::Function::kNone:
      break;
  }
  return x;
}

void normalize(const DenseLayer& layer, std::vector<float>& y) {
  const auto count = static_cast<double>(y.size());
  double mean = 0, squares = 0;
  for (const float value : y) mean += static_cast<double>(value) / count;
  for (const float value : y) squares += (static_cast<double>(value) - mean) * (static_cast<double>(value) - mean);
  const double scale = 1 / std::sqrt(squares / count + layer.norm_epsilon);
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double bias = layer.norm_bias.empty() ? 0 : static_cast<double>(layer.norm_bias[i]);
    y[i] = static_cast<float>((static_cast<double>(y[i]) - mean) * scale * static_cast<double>(layer.norm_weight[i]) +
                              bias);
  }
}

std::vector<float> through(const DenseLayer& layer, const std::vector<float>& x) {
  std::vector<float> y(static_cast<std::size_t>(layer.out));
  for (std::size_t o = 0; o < y.size(); ++o) {
    const float* row = layer.weight.data() + o * x.size();
    double sum = layer.bias.empty() ? 0 : static_cast<double>(layer.bias[o]);
    for (std::size_t i = 0; i < x.size(); ++i) sum += static_cast<double>(row[i]) * static_cast<double>(x[i]);
    y[o] = static_cast<float>(apply(layer.function, sum));
  }
  if (!layer.norm_weight.empty()) normalize(layer, y);
  return y;
}

}  // namespace

std::vector<float> read_floats(const ModelSource& source, const std::string& name) {
  const WeightEntry* entry = source.find(name);
  if (entry == nullptr) return {};
  std::vector<float> values(static_cast<std::size_t>(entry->shape.element_count()));
  std::vector<std::byte> scratch;
  traits(entry->format).decode_f32(entry->rows(0, entry->shape.rows(), scratch), values.data(), std::ssize(values));
  return values;
}

std::optional<DenseLayer> read_dense_layer(const ModelSource& source, const std::string& name) {
  const WeightEntry* entry = source.find(name + ".weight");
  if (entry == nullptr || entry->shape.rank() > 2) return std::nullopt;  // a matrix of one row may be a vector
  DenseLayer layer;
  layer.out = entry->shape.rows();
  layer.in = entry->shape.columns();
  layer.weight = read_floats(source, name + ".weight");
  layer.bias = read_floats(source, name + ".bias");
  if (!layer.bias.empty() && std::ssize(layer.bias) != layer.out) {
    throw InvalidInput(fmt::format("{}: '{}.bias' has {} elements, not {}", source.path().string(), name,
                                   layer.bias.size(), layer.out));
  }
  return layer;
}

std::optional<Pooling> parse_pooling(std::string_view name) {
  const auto found = std::ranges::find(kPoolingNames, name, &PoolingName::name);
  return found == kPoolingNames.end() ? std::nullopt : std::optional(found->pooling);
}

const EmbeddingSpec::Prompt* EmbeddingSpec::find_prompt(std::string_view name) const {
  const auto found = std::ranges::find(prompts, name, &Prompt::name);
  return found == prompts.end() ? nullptr : &*found;
}

EmbeddingSpec read_embedding_spec(const ModelSource& source, const ModelSpec& model) {
  EmbeddingSpec spec;
  spec.pooling = model.looks_ahead() ? Pooling::kMean : Pooling::kLast;
  if (source.kind() == ModelSource::Kind::kGguf) {
    read_gguf_pooling(source, model, spec);
  } else {
    SentenceFolder(source.path()).read(spec);
  }
  spec.width = model.width;
  for (const DenseLayer& layer : spec.dense) {
    if (layer.in != spec.width) {
      throw InvalidInput(fmt::format("{}: a dense layer takes {} elements, and is given {}", source.path().string(),
                                     layer.in, spec.width));
    }
    spec.width = layer.out;
  }
  return spec;
}

Pooler::Pooler(Pooling pooling, std::int64_t width) : pooling_(pooling), width_(static_cast<std::size_t>(width)) {
  if (pooling == Pooling::kMean) sums_.resize(width_);
}

void Pooler::add(std::span<const float> rows) {
  CHECK(rows.size() % width_ == 0);
  const std::size_t count = rows.size() / width_;
  if (count == 0) return;
  switch (pooling_) {
    case Pooling::kMean:
      for (std::size_t i = 0; i < rows.size(); ++i) sums_[i % width_] += static_cast<double>(rows[i]);
      break;
    case Pooling::kCls:
      if (token_count_ == 0) states_.assign(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(width_));
      break;
    case Pooling::kLast:
      states_.assign(rows.end() - static_cast<std::ptrdiff_t>(width_), rows.end());
      break;
    case Pooling::kNone:
      states_.insert(states_.end(), rows.begin(), rows.end());
      break;
  }
  token_count_ += count;
}

std::vector<float> Pooler::result() const {
  if (pooling_ != Pooling::kMean) return states_;
  std::vector<float> mean(width_);
  for (std::size_t i = 0; i < width_; ++i) {
    mean[i] = static_cast<float>(sums_[i] / static_cast<double>(std::max<std::size_t>(token_count_, 1)));
  }
  return mean;
}

std::vector<float> through_dense(std::span<const DenseLayer> layers, std::vector<float> pooled) {
  for (const DenseLayer& layer : layers) pooled = through(layer, pooled);
  return pooled;
}

std::vector<float> normalized(std::vector<float> vector, std::size_t dimensions) {
  vector.resize(std::min(dimensions, vector.size()));
  double sum = 0;
  for (const float x : vector) sum += static_cast<double>(x) * static_cast<double>(x);
  const double scale = sum > 0 ? 1 / std::sqrt(sum) : 0;
  for (float& x : vector) x = static_cast<float>(static_cast<double>(x) * scale);
  return vector;
}

}  // namespace hearth
