// Models with the shapes of well-known ones and random weights, made in memory: speed does not depend on what weights
// say, so that a model can be measured that is not there.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/repeated_memory.h"
#include "weights/model_source.h"

namespace hearth {

struct ModelShape {
  std::string_view name;          // "llama-3.1-8b"
  std::string_view architecture;  // as GGUF spells it
  std::int64_t layers, width, ff_width, heads, kv_heads, head_dim, vocabulary;
  double rope_base;
  std::int64_t context;
  bool tied;                    // one matrix for embedding and output
  bool qkv_bias = false;        // of queries, keys and values
  bool query_key_norm = false;  // a norm of each query and key head
  // Of every layer's feed-forward part, whose width then is each expert's; 0: a dense one.
  std::int64_t experts = 0, experts_used = 0;
  std::string_view expert_format = "";  // of its experts, where it is published in one alone
  std::int64_t window = 0;              // of every other layer's attention
  bool sinks = false;                   // and biases of all products
  // Layers without a bit have a short convolution over so many tokens in place of attention.
  std::int64_t conv_kernel = 0;
  std::uint64_t attention_layers = ~std::uint64_t{0};

  bool has_attention(std::int64_t layer) const { return conv_kernel == 0 || (attention_layers >> layer & 1) != 0; }
};

std::span<const ModelShape> model_shapes();
// Throws InvalidInput, listing the known ones.
const ModelShape& model_shape(std::string_view name);

// What a synthetic model's tensor is, before there are any bytes.
struct SyntheticTensor {
  std::string name;
  Format format;
  Shape shape;
};

// The tensors of a shape with its matrices in `format`: the name of a weight format that Hearth can write, or of a mix
// as llama.cpp makes them ("q4_k_m"). Norms and biases are float32. Throws InvalidInput for a format that is neither
// (listing those that are), or one whose blocks the shape's rows do not fill.
std::vector<SyntheticTensor> synthetic_tensors(const ModelShape& shape, std::string_view format);
std::int64_t total_bytes(std::span<const SyntheticTensor> tensors);
std::int64_t total_elements(std::span<const SyntheticTensor> tensors);

// The model itself. Its matrices repeat a pool of random blocks (weights from N(0, 0.02)) and take next to no memory,
// whatever the model's size, until make_distinct().
class SyntheticModel {
 public:
  // Throws what synthetic_tensors() does, and OutOfMemory.
  SyntheticModel(const ModelShape& shape, std::string_view format);
  SyntheticModel(const SyntheticModel&) = delete;
  SyntheticModel& operator=(const SyntheticModel&) = delete;
  const ModelSource& source() const { return *source_; }

  // Bytes of the matrices in a format, and giving them memory of their own: where a kernel reads weights in place, the
  // pool would be read from the processor's cache.
  std::int64_t matrix_bytes(Format format) const;
  void make_distinct(Format format);

 private:
  // The matrices of one format, one after another.
  struct Matrices {
    Format format;
    RepeatedMemory memory;
  };

  std::string head_;  // a GGUF file without tensors
  std::vector<Matrices> matrices_;
  std::vector<std::vector<float>> vectors_;
  std::unique_ptr<ModelSource> source_;
};

}  // namespace hearth
