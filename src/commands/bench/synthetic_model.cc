#include "commands/bench/synthetic_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <numeric>
#include <optional>
#include <random>
#include <sstream>

#include "base/check.h"
#include "base/error.h"
#include "formats/random_block.h"
#include "weights/gguf_writer.h"

namespace hearth {
namespace {

constexpr std::array kShapes = {
    ModelShape{"tiny", "llama", 4, 256, 768, 8, 4, 32, 512, 1e4, 2048, true},
    ModelShape{"llama-3.2-1b", "llama", 16, 2048, 8192, 32, 8, 64, 128256, 5e5, 131072, true},
    ModelShape{"llama-3.1-8b", "llama", 32, 4096, 14336, 32, 8, 128, 128256, 5e5, 131072, false},
    ModelShape{"llama-2-7b", "llama", 32, 4096, 11008, 32, 32, 128, 32000, 1e4, 4096, false},
    ModelShape{"qwen2.5-0.5b", "qwen2", 24, 896, 4864, 14, 2, 64, 151936, 1e6, 32768, true, true},
    ModelShape{"qwen3-0.6b", "qwen3", 28, 1024, 3072, 16, 8, 128, 151936, 1e6, 40960, true, false, true},
    ModelShape{"qwen3-4b", "qwen3", 36, 2560, 9728, 32, 8, 128, 151936, 1e6, 40960, true, false, true},
    ModelShape{"qwen3-8b", "qwen3", 36, 4096, 12288, 32, 8, 128, 151936, 1e6, 40960, false, false, true},
    ModelShape{"qwen3-32b", "qwen3", 64, 5120, 25600, 64, 8, 128, 151936, 1e6, 40960, false, false, true},
    ModelShape{"qwen3-30b-a3b", "qwen3moe", 48, 2048, 768, 32, 4, 128, 151936, 1e6, 40960, false, false, true, 128, 8},
    ModelShape{"gpt-oss-20b", "gpt-oss", 24, 2880, 2880, 64, 8, 64, 201088, 1.5e5, 131072, false, true, false, 32, 4,
               "mxfp4", 128, true},
    ModelShape{"lfm2-1.2b", "lfm2", 16,  2048,   8192,  32,    8,
               64,          65536,  1e6, 128000, true,  false, true,
               0,           0,      "",  0,      false, 3,     0b0101'0101'0010'0100},
    ModelShape{"llama-3.3-70b", "llama", 80, 8192, 28672, 64, 8, 128, 128256, 5e5, 131072, false},
};

// A mix keeps most matrices in one format and those in which errors show most in a better one.
struct FormatMix {
  std::string_view name;
  Format base, better;
};
constexpr std::array kMixes = {FormatMix{"q4_k_m", Format::kQ4K, Format::kQ6K}};

// llama.cpp's choice of the layers whose values and down projections get the better format: the first and last eighth,
// and every third between.
bool layer_gets_better(std::int64_t layer, std::int64_t layers) {
  const std::int64_t eighth = layers / 8;
  return layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2;
}

std::optional<FormatMix> find_mix(std::string_view name) {
  const auto mix = std::find_if(kMixes.begin(), kMixes.end(), [&](const FormatMix& m) { return m.name == name; });
  if (mix != kMixes.end()) return *mix;
  const std::optional<Format> format = format_by_name(name);
  if (!format) return std::nullopt;
  return FormatMix{name, *format, *format};
}

FormatMix mix_by_name(std::string_view name) {
  if (const auto mix = find_mix(name)) return *mix;
  std::vector<std::string_view> known;
  for (const FormatTraits& format : all_formats()) known.push_back(format.name);
  for (const FormatMix& mix : kMixes) known.push_back(mix.name);
  throw InvalidInput(fmt::format("format '{}' cannot be made; known are {}", name, fmt::join(known, ", ")));
}

// Collects a shape's tensors, matrices checked against their format's blocks.
class TensorList {
 public:
  explicit TensorList(const ModelShape& shape) : shape_(shape) {}

  void matrix(std::string name, std::int64_t rows, std::int64_t columns, Format format) {
    const int elements = traits(format).block_elements;
    if (columns % elements != 0) {
      throw InvalidInput(fmt::format("shape '{}': rows of {} elements cannot be cut into {}'s blocks of {}",
                                     shape_.name, columns, traits(format).name, elements));
    }
    tensors_.push_back({std::move(name), format, Shape{rows, columns}});
  }
  // A matrix of each expert.
  void experts(std::string name, std::int64_t rows, std::int64_t columns, Format format) {
    matrix(std::move(name), rows, columns, format);
    tensors_.back().shape = Shape{shape_.experts, rows, columns};
  }
  void vector(std::string name, std::int64_t count) {
    tensors_.push_back({std::move(name), Format::kF32, Shape{count}});
  }
  std::vector<SyntheticTensor> take() { return std::move(tensors_); }

 private:
  const ModelShape& shape_;
  std::vector<SyntheticTensor> tensors_;
};

void add_feed_forward(const ModelShape& shape, Format base, Format varied, const std::string& prefix,
                      TensorList& list) {
  if (shape.experts == 0) {
    list.matrix(prefix + "ffn_gate.weight", shape.ff_width, shape.width, base);
    list.matrix(prefix + "ffn_up.weight", shape.ff_width, shape.width, base);
    list.matrix(prefix + "ffn_down.weight", shape.width, shape.ff_width, varied);
    return;
  }
  if (!shape.expert_format.empty()) base = varied = *format_by_name(shape.expert_format);
  list.matrix(prefix + "ffn_gate_inp.weight", shape.experts, shape.width, Format::kF32);
  list.experts(prefix + "ffn_gate_exps.weight", shape.ff_width, shape.width, base);
  list.experts(prefix + "ffn_up_exps.weight", shape.ff_width, shape.width, base);
  list.experts(prefix + "ffn_down_exps.weight", shape.width, shape.ff_width, varied);
  if (!shape.sinks) return;
  list.vector(prefix + "ffn_gate_inp.bias", shape.experts);
  list.matrix(prefix + "ffn_gate_exps.bias", shape.experts, shape.ff_width, Format::kF32);
  list.matrix(prefix + "ffn_up_exps.bias", shape.experts, shape.ff_width, Format::kF32);
  list.matrix(prefix + "ffn_down_exps.bias", shape.experts, shape.width, Format::kF32);
}

void add_short_conv(const ModelShape& shape, Format base, const std::string& prefix, TensorList& list) {
  list.matrix(prefix + "shortconv.in_proj.weight", 3 * shape.width, shape.width, base);
  list.matrix(prefix + "shortconv.conv.weight", shape.width, shape.conv_kernel, Format::kF32);
  list.matrix(prefix + "shortconv.out_proj.weight", shape.width, shape.width, base);
}

void add_attention(const ModelShape& shape, Format base, Format varied, const std::string& prefix, TensorList& list) {
  const auto name = [&](std::string_view part) { return prefix + std::string(part); };
  const std::int64_t q_width = shape.heads * shape.head_dim, kv_width = shape.kv_heads * shape.head_dim;
  list.matrix(name("attn_q.weight"), q_width, shape.width, base);
  list.matrix(name("attn_k.weight"), kv_width, shape.width, base);
  list.matrix(name("attn_v.weight"), kv_width, shape.width, varied);
  list.matrix(name("attn_output.weight"), shape.width, q_width, base);
  if (shape.qkv_bias) {
    list.vector(name("attn_q.bias"), q_width);
    list.vector(name("attn_k.bias"), kv_width);
    list.vector(name("attn_v.bias"), kv_width);
  }
  if (shape.sinks) {
    list.vector(name("attn_sinks.weight"), shape.heads);
    list.vector(name("attn_output.bias"), shape.width);
  }
  if (shape.query_key_norm) {
    list.vector(name("attn_q_norm.weight"), shape.head_dim);
    list.vector(name("attn_k_norm.weight"), shape.head_dim);
  }
}

void add_layer(const ModelShape& shape, const FormatMix& mix, std::int64_t layer, TensorList& list) {
  const std::string prefix = fmt::format("blk.{}.", layer);
  const Format varied = layer_gets_better(layer, shape.layers) ? mix.better : mix.base;
  list.vector(prefix + "attn_norm.weight", shape.width);
  list.vector(prefix + (shape.sinks ? "post_attention_norm.weight" : "ffn_norm.weight"), shape.width);
  if (shape.has_attention(layer)) {
    add_attention(shape, mix.base, varied, prefix, list);
  } else {
    add_short_conv(shape, mix.base, prefix, list);
  }
  add_feed_forward(shape, mix.base, varied, prefix, list);
}

// As files list them: 0 for layers without attention.
std::vector<std::int32_t> kv_heads_by_layer(const ModelShape& shape) {
  std::vector<std::int32_t> counts;
  for (std::int64_t layer = 0; layer < shape.layers; ++layer) {
    counts.push_back(shape.has_attention(layer) ? static_cast<std::int32_t>(shape.kv_heads) : 0);
  }
  return counts;
}

// The metadata that an architecture reads its settings from, as a GGUF file without tensors.
std::string gguf_head(const ModelShape& shape, std::string_view name) {
  GgufWriter writer;
  writer.add("general.architecture", shape.architecture);
  writer.add("general.name", name);
  const auto add = [&](std::string_view key, auto value) {
    writer.add(fmt::format("{}.{}", shape.architecture, key), value);
  };
  const auto add_count = [&](std::string_view key, std::int64_t value) { add(key, static_cast<std::uint32_t>(value)); };
  add_count("block_count", shape.layers);
  add_count("context_length", shape.context);
  add_count("embedding_length", shape.width);
  add_count("feed_forward_length", shape.ff_width);
  if (shape.experts > 0) {
    add_count("expert_feed_forward_length", shape.ff_width);
    add_count("expert_count", shape.experts);
    add_count("expert_used_count", shape.experts_used);
  }
  if (shape.window > 0) add_count("attention.sliding_window", shape.window);
  add_count("attention.head_count", shape.heads);
  if (shape.conv_kernel > 0) {
    add("attention.head_count_kv", kv_heads_by_layer(shape));
    add_count("shortconv.l_cache", shape.conv_kernel);
  } else {
    add_count("attention.head_count_kv", shape.kv_heads);
  }
  add_count("attention.key_length", shape.head_dim);
  add_count("attention.value_length", shape.head_dim);
  add_count("rope.dimension_count", shape.head_dim);
  add_count("vocab_size", shape.vocabulary);
  add("rope.freq_base", static_cast<float>(shape.rope_base));
  add("attention.layer_norm_rms_epsilon", 1e-5f);
  std::ostringstream out;
  writer.write(out);
  return std::move(out).str();
}

constexpr float kDeviation = 0.02f;

std::vector<float> random_weights(std::int64_t count) {
  std::mt19937_64 generator(1);
  std::normal_distribution<float> distribution(0.0f, kDeviation);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = distribution(generator);
  return values;
}

// Whole blocks and whole pages of random weights, for a range of `bytes`. Encoding can be slow, so a few rows are
// encoded and repeated within it.
std::vector<std::byte> random_pattern(Format format, std::int64_t bytes) {
  constexpr std::int64_t kPatternBytesMax = 64 << 20;  // what a large model's file in memory takes
  constexpr std::int64_t kEncodedElements = 1 << 17;
  const FormatTraits& t = traits(format);
  const std::int64_t unit =
      std::lcm(std::int64_t{t.block_bytes}, static_cast<std::int64_t>(RepeatedMemory::page_bytes()));
  const std::int64_t units =
      std::clamp<std::int64_t>((bytes + unit - 1) / unit, 1, std::max<std::int64_t>(kPatternBytesMax / unit, 1));
  const std::int64_t block_count = units * unit / t.block_bytes;
  const std::int64_t encoded_blocks = std::min(block_count, kEncodedElements / t.block_elements);
  std::vector<std::byte> pattern(static_cast<std::size_t>(units * unit));
  if (t.encode != nullptr) {
    t.encode(random_weights(encoded_blocks * t.block_elements).data(), pattern.data(),
             encoded_blocks * t.block_elements);
  } else {
    std::mt19937 generator(1);
    for (std::int64_t b = 0; b < encoded_blocks; ++b) {
      random_block(t, generator, kDeviation, pattern.data() + b * t.block_bytes);
    }
  }
  const auto encoded_bytes = static_cast<std::size_t>(encoded_blocks * t.block_bytes);
  for (std::size_t at = encoded_bytes; at < pattern.size(); at += encoded_bytes) {
    std::memcpy(pattern.data() + at, pattern.data(), std::min(encoded_bytes, pattern.size() - at));
  }
  return pattern;
}

// Tensors start at whole blocks, so that the pattern's blocks are theirs, and at multiples of 32 bytes as in a file.
std::int64_t bytes_with_padding(const SyntheticTensor& tensor) {
  const std::int64_t blocks = 32 * std::int64_t{traits(tensor.format).block_bytes};
  return (format_bytes(tensor.format, tensor.shape.element_count()) + blocks - 1) / blocks * blocks;
}

}  // namespace

std::span<const ModelShape> model_shapes() {
  return kShapes;
}

const ModelShape& model_shape(std::string_view name) {
  const auto found = std::find_if(kShapes.begin(), kShapes.end(), [&](const ModelShape& s) { return s.name == name; });
  if (found != kShapes.end()) return *found;
  std::vector<std::string_view> known;
  for (const ModelShape& shape : kShapes) known.push_back(shape.name);
  throw InvalidInput(fmt::format("shape '{}' is not known; known are {}", name, fmt::join(known, ", ")));
}

std::vector<SyntheticTensor> synthetic_tensors(const ModelShape& shape, std::string_view format) {
  const FormatMix mix = mix_by_name(format);
  TensorList list(shape);
  list.matrix("token_embd.weight", shape.vocabulary, shape.width, shape.tied ? mix.better : mix.base);
  list.vector(shape.conv_kernel > 0 ? "token_embd_norm.weight" : "output_norm.weight", shape.width);
  if (!shape.tied) list.matrix("output.weight", shape.vocabulary, shape.width, mix.better);
  for (std::int64_t layer = 0; layer < shape.layers; ++layer) add_layer(shape, mix, layer, list);
  return list.take();
}

std::int64_t total_bytes(std::span<const SyntheticTensor> tensors) {
  return std::accumulate(tensors.begin(), tensors.end(), std::int64_t{0}, [](std::int64_t sum, const auto& tensor) {
    return sum + format_bytes(tensor.format, tensor.shape.element_count());
  });
}

std::int64_t total_elements(std::span<const SyntheticTensor> tensors) {
  return std::accumulate(tensors.begin(), tensors.end(), std::int64_t{0},
                         [](std::int64_t sum, const auto& tensor) { return sum + tensor.shape.element_count(); });
}

SyntheticModel::SyntheticModel(const ModelShape& shape, std::string_view format) {
  const std::vector<SyntheticTensor> tensors = synthetic_tensors(shape, format);
  const std::string name = fmt::format("{} {}", shape.name, format);
  head_ = gguf_head(shape, name);

  std::map<Format, std::int64_t> format_sizes;
  for (const SyntheticTensor& tensor : tensors) {
    if (tensor.shape.rank() >= 2) format_sizes[tensor.format] += bytes_with_padding(tensor);
  }
  std::map<Format, const std::byte*> next;
  for (const auto& [matrix_format, bytes] : format_sizes) {
    matrices_.push_back(
        {matrix_format, RepeatedMemory(random_pattern(matrix_format, bytes), static_cast<std::size_t>(bytes))});
    next[matrix_format] = matrices_.back().memory.bytes().data();
  }

  std::vector<WeightEntry> entries;
  for (const SyntheticTensor& tensor : tensors) {
    const std::int64_t count = tensor.shape.element_count();
    if (tensor.shape.rank() >= 2) {
      const std::byte*& data = next[tensor.format];
      const auto bytes = static_cast<std::size_t>(format_bytes(tensor.format, count));
      entries.push_back({tensor.name, tensor.format, tensor.shape, {data, bytes}});
      data += bytes_with_padding(tensor);
    } else {
      const bool norm = tensor.name.ends_with("norm.weight");
      vectors_.push_back(norm ? std::vector<float>(static_cast<std::size_t>(count), 1.0f) : random_weights(count));
      entries.push_back({tensor.name, tensor.format, tensor.shape, std::as_bytes(std::span(vectors_.back()))});
    }
  }
  source_ = ModelSource::in_memory(name, std::as_bytes(std::span(head_)), std::move(entries));
}

std::int64_t SyntheticModel::matrix_bytes(Format format) const {
  for (const Matrices& matrices : matrices_) {
    if (matrices.format == format) return static_cast<std::int64_t>(matrices.memory.bytes().size());
  }
  return 0;
}

void SyntheticModel::make_distinct(Format format) {
  for (Matrices& matrices : matrices_) {
    if (matrices.format == format) matrices.memory.make_distinct();
  }
}

}  // namespace hearth
