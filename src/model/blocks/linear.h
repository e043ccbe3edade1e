// The blocks that hold weights: a matrix product with its kernel, norms and the embeddings. Each resolves its kernels
// when it is built, and calls what it stored.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/binder.h"
#include "model/model_spec.h"

namespace hearth {

// A matmul's input, converted at most once to what its consumers read: several products share one (q, k and v; gate
// and up).
class MatmulInput {
 public:
  // x: [tokens, k] of `format`: float32, or what the device's operators hand on (KernelTable::activation_format).
  MatmulInput(Stream& stream, const MatmulConversions& conversions, const void* x, Format format,
              std::int64_t token_count, std::int64_t k)
      : stream_(stream), conversions_(conversions), x_(x), format_(format), token_count_(token_count), k_(k) {}

  void fill(Compute compute, MatmulArgs& args);
  // The observer, if there is one, hears of the input as matrices of these names are about to read it.
  void show(std::span<const std::string> tensors) const;
  void show(std::span<const std::string> tensors, const std::int32_t* experts, std::int64_t expert_count,
            std::int64_t slots_per_row) const;

 private:
  Stream& stream_;
  const MatmulConversions& conversions_;
  const void* x_;
  Format format_;
  std::int64_t token_count_, k_;
  bool rounded_ = false, quantized_ = false;
};

// What a GGUF file's "<name>.scale", one float, is multiplied with: files of some formats keep a matrix's overall scale
// there. llama.cpp, whose files these are, differs by place: attention scales the product, feed-forward blocks the sum
// with the bias, and some families do not read it.
enum class FileScale : std::uint8_t { kProduct, kProductAndBias, kNone };

// y = x W^T, with the file's scale and bias where it has them. W may be several of the file's matrices, one below the
// other.
class Linear {
 public:
  struct Options {
    bool transposed = false;  // the file has [in, out]
    // > 0: the file has, for each of so many key/value heads, the rows of its `interleaved_queries` query heads, of k
    // and of v; stored as all q, all k, all v.
    std::int64_t interleaved_groups = 0;
    std::int64_t interleaved_queries = 1;
    FileScale scale = FileScale::kProduct;
    bool bias = true;        // where the file has one
    float factor = 1;        // y is multiplied by it, the bias included
    float input_factor = 1;  // and this is the input's, not the bias's
    // The form of the input where it is not what the device's operators hand on (KernelTable::activation_format).
    std::optional<Format> input = std::nullopt;
  };
  struct Part {
    std::string name;  // the tensor's name without ".weight"
    std::int64_t out;
    // Which of the tensor's `file_rows` rows it is, in this order, or kZeros; empty: all of them, and their number is
    // `out`.
    std::vector<std::int64_t> rows = {};
    std::int64_t file_rows = 0;
    float factor = 1;  // times the options'

    static constexpr std::int64_t kZeros = -1;
    std::int64_t rows_in_file() const { return rows.empty() ? out : file_rows; }
  };
  // Rows [begin, end) of a tensor that has `file_rows`.
  static Part rows_of(std::string name, std::int64_t begin, std::int64_t end, std::int64_t file_rows, float factor = 1);
  Linear(Binder& binder, std::span<const Part> parts, std::int64_t in, const Options& options);
  Linear(Binder& binder, const std::string& name, std::int64_t in, std::int64_t out, const Options& options)
      : Linear(binder, std::array{Part{name, out}}, in, options) {}

  // One for each run of parts that can be one matrix: of one format and scale, on a device whose weights are packed
  // anyway. Fewer, larger products.
  static std::vector<Linear> bind_side_by_side(Binder& binder, std::span<const Part> parts, std::int64_t in,
                                               const Options& options);

  // y: [tokens, out], rows `y_stride` elements apart.
  void run(Stream& stream, MatmulInput& input, std::int64_t token_count, float* y, std::int64_t y_stride) const;

  Compute compute() const { return compute_; }
  std::int64_t in() const { return in_; }
  std::int64_t out() const { return out_; }

 private:
  void bind_weight(Binder& binder, std::span<const Part> parts, const Options& options);
  void bind_bias(Binder& binder, std::span<const Part> parts, const Options& options);

  std::int64_t in_, out_ = 0;
  std::vector<std::string> tensors_;  // that it is made of
  Compute compute_ = Compute::kF32;
  MatmulKernel kernel_;
  Format format_ = Format::kF32;
  float scale_ = 1;
  Planned<const std::byte> weight_;
  Planned<const float> bias_;
};

// Runs Linears whose outputs stand side by side: y is [tokens, sum of their out], rows `y_stride` elements apart.
void run_side_by_side(std::span<const Linear> linears, Stream& stream, MatmulInput& input, std::int64_t token_count,
                      float* y, std::int64_t y_stride);

// How a weight of this format is multiplied in the binder's compute mode.
Compute compute_for(const Binder& binder, Format format);

// RMS or layer norm over whole rows, or over heads.
class Norm {
 public:
  // `name`: of the weights, or where the spec has none of the operator. `own_weights` > 1: so many heads that each have
  // weights of their own, in one tensor, or in as many whose names go on with ".norms.0" and so forth.
  Norm(Binder& binder, const std::string& name, std::int64_t width, const NormSpec& spec, std::int64_t own_weights = 1);
  // An RMS norm with weights of the caller's, [width].
  Norm(Binder& binder, Planned<const float> weight, const std::string& operator_name, std::int64_t width,
       float epsilon);
  // Of x, or where `residual` is given of residual += x; out is of `out_format`.
  void run(Stream& stream, const float* x, std::int64_t token_count, float* residual, void* out,
           Format out_format) const;
  // Of each of `head_count` heads, in place, in rows `row_stride` apart.
  void run_heads(Stream& stream, float* x, std::int64_t token_count, std::int64_t row_stride,
                 std::int64_t head_count) const;
  const float* weight() const { return weight_.get(); }
  float epsilon() const { return epsilon_; }

 private:
  std::int64_t width_, own_weights_;
  float epsilon_;
  Kernel<RmsNormArgs> rms_norm_;
  Kernel<LayerNormArgs> layer_norm_;
  Planned<const float> weight_, bias_;
};

}  // namespace hearth
