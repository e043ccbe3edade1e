#include "model/blocks/linear.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include "base/check.h"

namespace hearth {
namespace {

// Rows of a matrix that the file keeps in another order, or in several tensors.
class RowSource {
 public:
  struct Piece {
    const WeightEntry* tensor;
    std::int64_t rows;
    std::vector<std::int64_t> order;  // which of the file's rows they are; empty: as they stand
  };
  RowSource(std::vector<Piece> pieces, Format format, std::int64_t in, const Linear::Options& options)
      : pieces_(std::move(pieces)),
        row_bytes_(format_bytes(format, in)),
        element_bytes_(traits(format).block_bytes),
        in_(in),
        options_(options) {}

  // Rows [begin, end), in the file where they stand there in a row.
  const std::byte* operator()(std::int64_t begin, std::int64_t end, std::vector<std::byte>& scratch) const {
    const bool as_they_stand = !options_.transposed && options_.interleaved_groups == 0 && pieces_[0].order.empty();
    if (pieces_.size() == 1 && as_they_stand) {
      return pieces_[0].tensor->rows(begin, end, scratch);
    }
    scratch.resize(static_cast<std::size_t>((end - begin) * row_bytes_));
    std::vector<std::byte> made;
    for (std::int64_t row = begin; row < end;) {
      std::byte* const to = scratch.data() + (row - begin) * row_bytes_;
      row += copy_rows(row, end - row, made, to);
    }
    return scratch.data();
  }

 private:
  // The rows from `row` on that one piece has in a run, at most `count` of them; returns how many. `made` is room for
  // rows that no file holds.
  std::int64_t copy_rows(std::int64_t row, std::int64_t count, std::vector<std::byte>& made, std::byte* to) const {
    std::size_t i = 0;
    for (; row >= pieces_[i].rows; ++i) row -= pieces_[i].rows;
    const Piece& piece = pieces_[i];
    if (options_.transposed) {
      for (std::int64_t c = 0; c < in_; ++c) {
        std::memcpy(to + c * element_bytes_, piece.tensor->bytes.data() + (c * piece.rows + row) * element_bytes_,
                    static_cast<std::size_t>(element_bytes_));
      }
      return 1;
    }
    const auto place = [&](std::int64_t r) {
      return piece.order.empty() ? file_row(r, piece.rows, options_) : piece.order[static_cast<std::size_t>(r)];
    };
    const std::int64_t from = place(row), most = std::min(count, piece.rows - row);
    std::int64_t run = 1;
    if (from == Linear::Part::kZeros) {
      // Zeros in every format: scales are.
      std::memset(to, 0, static_cast<std::size_t>(row_bytes_));
      return run;
    }
    while (run < most && place(row + run) == from + run) ++run;
    std::memcpy(to, piece.tensor->rows(from, from + run, made), static_cast<std::size_t>(run * row_bytes_));
    return run;
  }

 public:
  // Where the file keeps row `row` of [all q, all k, all v][head_dim], if it has them group by group.
  static std::int64_t file_row(std::int64_t row, std::int64_t row_count, const Linear::Options& options) {
    const std::int64_t groups = options.interleaved_groups, queries = options.interleaved_queries;
    if (groups == 0) return row;
    const std::int64_t group_heads = queries + 2, head_rows = row_count / (groups * group_heads);
    const std::int64_t head = row / head_rows, of_k_and_v = head - groups * queries;
    const std::int64_t file_head = of_k_and_v < 0 ? head / queries * group_heads + head % queries
                                                  : of_k_and_v % groups * group_heads + queries + of_k_and_v / groups;
    return file_head * head_rows + row % head_rows;
  }

 private:
  std::vector<Piece> pieces_;
  std::int64_t row_bytes_, element_bytes_, in_;
  Linear::Options options_;
};

float file_scale(Binder& binder, const std::string& name, const Linear::Options& options) {
  return options.scale == FileScale::kNone ? 1.0f : binder.scalar(name + ".scale", 1);
}

}  // namespace

// What a mode means for one weight. Automatic, a quantized weight without an int8 kernel computes in bf16: the plan
// says so.
Compute compute_for(const Binder& binder, Format format) {
  switch (binder.compute()) {
    case ComputeMode::kF32:
      return Compute::kF32;
    case ComputeMode::kBf16:
      return Compute::kBf16;
    case ComputeMode::kInt8:
      return Compute::kInt8;
    case ComputeMode::kAuto:
      break;
  }
  if (format == Format::kF32) return Compute::kF32;
  return traits(format).is_quantized() && binder.kernels().matmul_int8[format] ? Compute::kInt8 : Compute::kBf16;
}

void MatmulInput::fill(Compute compute, MatmulArgs& args) {
  args.token_count = token_count_;
  args.k = k_;
  args.workspace = conversions_.workspace.get();
  args.workspace_bytes = conversions_.workspace_bytes;
  switch (compute) {
    case Compute::kF32:
      args.x = x_;
      return;
    case Compute::kBf16:
      args.x = format_ == Format::kBf16 ? x_ : conversions_.rounded.get();
      if (format_ == Format::kBf16 || rounded_) return;
      conversions_.round_bf16(stream_, {static_cast<const float*>(x_), token_count_ * k_, conversions_.rounded.get()});
      rounded_ = true;
      return;
    case Compute::kInt8:
      args.quantized = {conversions_.q.get(), conversions_.q_scale.get(), conversions_.q_sum.get(),
                        conversions_.q_group_sum.get()};
      if (!quantized_) {
        conversions_.quantize_int8(stream_, {static_cast<const float*>(x_), token_count_, k_, args.quantized});
      }
      quantized_ = true;
      return;
  }
}

void MatmulInput::show(std::span<const std::string> tensors) const {
  show(tensors, nullptr, 0, 1);
}

void MatmulInput::show(std::span<const std::string> tensors, const std::int32_t* experts, std::int64_t expert_count,
                       std::int64_t slots_per_row) const {
  if (!conversions_.observer) return;
  conversions_.observer({tensors, x_, format_, token_count_, k_, experts, expert_count, slots_per_row});
}

Linear::Linear(Binder& binder, std::span<const Part> parts, std::int64_t in, const Options& options) : in_(in) {
  for (const Part& part : parts) {
    out_ += part.out;
    tensors_.push_back(part.name + ".weight");
  }
  scale_ = options.factor * parts[0].factor * options.input_factor * file_scale(binder, parts[0].name, options);
  bind_weight(binder, parts, options);
  bind_bias(binder, parts, options);
}

void Linear::bind_weight(Binder& binder, std::span<const Part> parts, const Options& options) {
  std::vector<RowSource::Piece> pieces;
  const WeightEntry* entry = nullptr;
  for (const Part& part : parts) {
    CHECK(part.rows.empty() || (!options.transposed && options.interleaved_groups == 0));
    const Shape shape = options.transposed ? Shape{in_, part.out} : Shape{part.rows_in_file(), in_};
    entry = binder.require_matrix(part.name + ".weight", shape);
    if (entry == nullptr) return;
    pieces.push_back({entry, part.out, part.rows});
  }
  const std::string& name = parts[0].name;
  format_ = entry->format;
  const FormatTraits& format = traits(format_);
  compute_ = compute_for(binder, format_);
  kernel_ = matmuls(binder.kernels(), compute_)[format_];
  if (!kernel_) {
    binder.problem(fmt::format("{} has no kernel for operator 'matmul' with {} weights in {} (tensor '{}.weight')",
                               binder.backend().device.id().to_string(), format.name, to_string(compute_), name));
    return;
  }
  if (options.transposed && format.is_quantized()) {
    binder.problem(fmt::format("tensor '{}.weight' is transposed and {}", name, format.name));
    return;
  }
  binder.need_matmul(compute_, options.input.value_or(binder.kernels().activation_format), binder.limits().tokens_max,
                     out_, in_);
  std::string names = name;
  for (const Part& part : parts.subspan(1)) names += " + " + part.name;
  binder.operation(
      {names, std::string(kernel_.run.name()), std::string(format.name),
       kernel_.packing == nullptr ? out_ * format_bytes(format_, in_) : kernel_.packing->bytes(out_, in_)});
  if (parts.size() == 1 && !options.transposed && options.interleaved_groups == 0 && parts[0].rows.empty()) {
    weight_ = binder.place_matrix(*entry, kernel_.packing);
  } else {
    weight_ =
        binder.reserve_matrix(format_, out_, in_, kernel_.packing, RowSource(std::move(pieces), format_, in_, options));
  }
}

void Linear::bind_bias(Binder& binder, std::span<const Part> parts, const Options& options) {
  if (!options.bias) return;
  const float factor =
      options.scale == FileScale::kProductAndBias ? scale_ / options.input_factor : options.factor * parts[0].factor;
  if (parts.size() == 1 && options.interleaved_groups == 0 && parts[0].rows.empty()) {
    bias_ = binder.floats(parts[0].name + ".bias", out_, false, factor);
    return;
  }
  struct Piece {
    const WeightEntry* entry;  // null: zeros
    std::int64_t count;
    std::vector<std::int64_t> order;
  };
  std::vector<Piece> pieces;
  bool any = false;
  for (const Part& part : parts) {
    const std::string name = part.name + ".bias";
    const WeightEntry* entry =
        binder.find(name) == nullptr ? nullptr : binder.require(name, Shape{part.rows_in_file()});
    any = any || entry != nullptr;
    pieces.push_back({entry, part.out, part.rows});
  }
  if (!any) return;
  const auto fill = [=](std::byte* to) {
    auto* out = reinterpret_cast<float*>(to);
    for (const Piece& piece : pieces) {
      const std::int64_t in_file = piece.entry == nullptr ? 0 : piece.entry->shape.element_count();
      std::vector<float> values(static_cast<std::size_t>(in_file));
      if (in_file > 0) traits(piece.entry->format).decode_f32(piece.entry->bytes.data(), values.data(), in_file);
      for (std::int64_t i = 0; i < piece.count; ++i) {
        const std::int64_t from = !piece.order.empty() ? piece.order[static_cast<std::size_t>(i)]
                                                       : RowSource::file_row(i, piece.count, options);
        *out++ = in_file == 0 || from == Part::kZeros ? 0.0f : factor * values[static_cast<std::size_t>(from)];
      }
    }
  };
  bias_ = binder.reserve(out_ * std::int64_t{sizeof(float)}, fill).as<const float>();
}

Linear::Part Linear::rows_of(std::string name, std::int64_t begin, std::int64_t end, std::int64_t file_rows,
                             float factor) {
  if (begin == 0 && end == file_rows) return {std::move(name), end, {}, 0, factor};
  std::vector<std::int64_t> rows(static_cast<std::size_t>(end - begin));
  std::iota(rows.begin(), rows.end(), begin);
  return {std::move(name), end - begin, std::move(rows), file_rows, factor};
}

std::vector<Linear> Linear::bind_side_by_side(Binder& binder, std::span<const Part> parts, std::int64_t in,
                                              const Options& options) {
  std::vector<Linear> result;
  const auto mergeable = [&](const Part& a, const Part& b) {
    if (binder.backend().device.is_cpu()) return false;
    const WeightEntry *first = binder.find(a.name + ".weight"), *second = binder.find(b.name + ".weight");
    return first != nullptr && second != nullptr && first->format == second->format && a.factor == b.factor &&
           file_scale(binder, a.name, options) == file_scale(binder, b.name, options);
  };
  for (std::size_t begin = 0; begin < parts.size();) {
    std::size_t end = begin + 1;
    while (end < parts.size() && mergeable(parts[begin], parts[end])) ++end;
    result.emplace_back(binder, parts.subspan(begin, end - begin), in, options);
    begin = end;
  }
  return result;
}

void run_side_by_side(std::span<const Linear> linears, Stream& stream, MatmulInput& input, std::int64_t token_count,
                      float* y, std::int64_t y_stride) {
  for (const Linear& linear : linears) {
    linear.run(stream, input, token_count, y, y_stride);
    y += linear.out();
  }
}

void Linear::run(Stream& stream, MatmulInput& input, std::int64_t token_count, float* y, std::int64_t y_stride) const {
  input.show(tensors_);
  MatmulArgs args{};
  input.fill(compute_, args);
  CHECK(args.k == in_ && args.token_count == token_count);
  args.n = out_;
  args.weights = weight_.get();
  args.format = format_;
  args.bias = bias_.get();
  args.scale = scale_;
  args.y = y;
  args.y_stride = y_stride;
  kernel_.run(stream, args);
}

namespace {

// [heads, width], of which the file may have each head by itself.
Planned<const float> bind_norm_weight(Binder& binder, const std::string& name, const Shape& shape, float offset) {
  const std::int64_t heads = shape[0], width = shape[1];
  const auto of_head = [&](std::int64_t head) { return fmt::format("{}.norms.{}.weight", name, head); };
  if (heads == 1 || binder.find(of_head(0)) == nullptr) {
    return binder.floats(name + ".weight", heads == 1 ? Shape{width} : shape, true, 1, offset);
  }
  std::vector<const WeightEntry*> entries;
  for (std::int64_t head = 0; head < heads; ++head) {
    const WeightEntry* entry = binder.require(of_head(head), Shape{width});
    if (entry == nullptr) return {};
    entries.push_back(entry);
  }
  const auto fill = [=](std::byte* to) {
    auto* out = reinterpret_cast<float*>(to);
    for (const WeightEntry* entry : entries) {
      traits(entry->format).decode_f32(entry->bytes.data(), out, width);
      std::for_each(out, out + width, [=](float& value) { value += offset; });
      out += width;
    }
  };
  return binder.reserve(heads * width * std::int64_t{sizeof(float)}, fill).as<const float>();
}

Planned<const float> bind_ones(Binder& binder, std::int64_t count) {
  const auto fill = [count](std::byte* to) { std::fill_n(reinterpret_cast<float*>(to), count, 1.0f); };
  return binder.reserve(count * std::int64_t{sizeof(float)}, fill).as<const float>();
}

}  // namespace

Norm::Norm(Binder& binder, const std::string& name, std::int64_t width, const NormSpec& spec, std::int64_t own_weights)
    : width_(width), own_weights_(own_weights), epsilon_(spec.epsilon) {
  weight_ = spec.has_weights ? bind_norm_weight(binder, name, Shape{own_weights, width}, spec.weight_offset)
                             : bind_ones(binder, own_weights * width);
  if (spec.kind == NormKind::kRms) {
    rms_norm_ = binder.kernel(binder.kernels().rms_norm, name);
  } else {
    layer_norm_ = binder.kernel(binder.kernels().layer_norm, name);
    if (spec.has_weights) bias_ = binder.floats(name + ".bias", own_weights * width, false);
  }
}

Norm::Norm(Binder& binder, Planned<const float> weight, const std::string& operator_name, std::int64_t width,
           float epsilon)
    : width_(width),
      own_weights_(1),
      epsilon_(epsilon),
      rms_norm_(binder.kernel(binder.kernels().rms_norm, operator_name)),
      weight_(weight) {}

void Norm::run(Stream& stream, const float* x, std::int64_t token_count, float* residual, void* out,
               Format out_format) const {
  if (layer_norm_) {
    layer_norm_(stream, {x, token_count, width_, weight_.get(), bias_.get(), epsilon_, out, residual, out_format});
  } else {
    rms_norm_(stream, {x, token_count, width_, 1, width_, weight_.get(), epsilon_, out, width_, residual, out_format});
  }
}

void Norm::run_heads(Stream& stream, float* x, std::int64_t token_count, std::int64_t row_stride,
                     std::int64_t head_count) const {
  if (layer_norm_) {
    layer_norm_(stream, {.x = x,
                         .row_count = token_count,
                         .width = width_,
                         .weight = weight_.get(),
                         .bias = bias_.get(),
                         .epsilon = epsilon_,
                         .out = x,
                         .group_count = head_count,
                         .row_stride = row_stride,
                         .weight_stride = own_weights_ > 1 ? width_ : 0});
    return;
  }
  rms_norm_(stream, {x, token_count, row_stride, head_count, width_, weight_.get(), epsilon_, x, row_stride});
}

}  // namespace hearth
