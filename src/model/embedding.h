// How a text's states become its embedding: pooling, layers behind it, length; and what texts begin with. Read from
// what sentence-transformers lays beside a checkpoint (modules.json and the folders that it names), or from GGUF.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/model_spec.h"
#include "weights/model_source.h"

namespace hearth {

enum class Pooling : std::uint8_t { kMean, kCls, kLast, kNone };  // kCls: the first token's; kNone: every token's
std::optional<Pooling> parse_pooling(std::string_view name);      // "mean", "cls", "last", "none"

// y = norm(act(W x + b)), computed on the host: a text has one of them.
struct DenseLayer {
  enum class Function : std::uint8_t { kNone, kTanh, kRelu, kGelu };

  std::int64_t in = 0, out = 0;
  std::vector<float> weight;  // [out, in]
  std::vector<float> bias;    // [out], or empty
  Function function = Function::kNone;
  // Of a LayerNorm, [out]; empty: there is none, or no bias.
  std::vector<float> norm_weight, norm_bias;
  double norm_epsilon = 0;
};

// Of the tensors `name`.weight, a matrix, and `name`.bias, decoded; nullopt where there is no such matrix. Throws
// InvalidInput where they do not fit.
std::optional<DenseLayer> read_dense_layer(const ModelSource& source, const std::string& name);
// A tensor's values as float32; empty where there is none.
std::vector<float> read_floats(const ModelSource& source, const std::string& name);

struct EmbeddingSpec {
  Pooling pooling = Pooling::kLast;
  bool normalize = true;
  std::vector<DenseLayer> dense;
  struct Prompt {
    std::string name, text;
  };
  std::vector<Prompt> prompts;  // what texts of one purpose begin with ("query", "document")
  std::string default_prompt;   // the text of the one for texts of no stated purpose; empty: none
  std::int64_t width = 0;       // of an embedding

  const Prompt* find_prompt(std::string_view name) const;
};

// Where files say nothing: the mean for models that look ahead, else the last token's state; at length 1. Throws
// InvalidInput, or Unsupported with the name of a module that is not known.
EmbeddingSpec read_embedding_spec(const ModelSource& source, const ModelSpec& model);

// Pools a text's states, which may come in pieces.
class Pooler {
 public:
  Pooler(Pooling pooling, std::int64_t width);
  void add(std::span<const float> rows);  // [tokens, width]
  std::vector<float> result() const;      // [width]; kNone: [tokens, width]

 private:
  Pooling pooling_;
  std::size_t width_;
  std::size_t token_count_ = 0;
  std::vector<double> sums_;   // kMean
  std::vector<float> states_;  // others
};

// The layers behind pooling.
std::vector<float> through_dense(std::span<const DenseLayer> layers, std::vector<float> pooled);

// The first `dimensions` (at most the vector's) at length 1; zeros stay zeros.
std::vector<float> normalized(std::vector<float> vector, std::size_t dimensions);

}  // namespace hearth
