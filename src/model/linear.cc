#include "model/linear.h"

#include <fmt/format.h>

#include <cstring>
#include <string_view>

#include "base/check.h"

namespace hearth {
namespace {

std::string_view to_string(Compute compute) {
  switch (compute) {
    case Compute::kF32:
      return "f32";
    case Compute::kBf16:
      return "bf16";
    case Compute::kInt8:
      return "int8";
  }
  CHECK(false);
}

const PerFormat<MatmulKernel>& matmuls(const KernelTable& kernels, Compute compute) {
  switch (compute) {
    case Compute::kF32:
      return kernels.matmul_f32;
    case Compute::kBf16:
      return kernels.matmul_bf16;
    case Compute::kInt8:
      return kernels.matmul_int8;
  }
  CHECK(false);
}

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

// [rows, columns] to [columns, rows], elements of `size` bytes.
void transpose(const std::byte* in, std::int64_t rows, std::int64_t columns, std::int64_t size, std::byte* out) {
  for (std::int64_t c = 0; c < columns; ++c) {
    for (std::int64_t r = 0; r < rows; ++r) {
      std::memcpy(out + (c * rows + r) * size, in + (r * columns + c) * size, static_cast<std::size_t>(size));
    }
  }
}

// Rows [heads][q, k, v][head_dim] to [q, k, v][heads][head_dim].
void gather_heads(const std::byte* in, std::int64_t heads, std::int64_t head_bytes, std::byte* out) {
  for (std::int64_t part = 0; part < 3; ++part) {
    for (std::int64_t h = 0; h < heads; ++h) {
      std::memcpy(out + (part * heads + h) * head_bytes, in + (3 * h + part) * head_bytes,
                  static_cast<std::size_t>(head_bytes));
    }
  }
}

}  // namespace

void MatmulInput::fill(Compute compute, MatmulArgs& args) {
  args.token_count = token_count_;
  args.k = k_;
  switch (compute) {
    case Compute::kF32:
      args.x = x_;
      return;
    case Compute::kBf16:
      if (!rounded_) conversions_.round_bf16(stream_, {x_, token_count_ * k_, conversions_.rounded});
      rounded_ = true;
      args.x = conversions_.rounded;
      return;
    case Compute::kInt8:
      if (!quantized_) conversions_.quantize_int8(stream_, {x_, token_count_, k_, conversions_.quantized});
      quantized_ = true;
      args.quantized = conversions_.quantized;
      return;
  }
}

Linear::Linear(Binder& binder, const std::string& name, std::int64_t in, std::int64_t out, const Options& options)
    : in_(in), out_(out) {
  const Shape shape = options.transposed ? Shape{in, out} : Shape{out, in};
  const WeightEntry* entry = binder.require(name + ".weight", shape);
  if (options.scale != FileScale::kNone) scale_ = binder.scalar(name + ".scale", 1);
  bias_place_ = binder.floats(name + ".bias", out, false, options.scale == FileScale::kProductAndBias ? scale_ : 1);
  if (entry != nullptr) bind_weight(binder, name, *entry, options);
}

void Linear::bind_weight(Binder& binder, const std::string& name, const WeightEntry& entry, const Options& options) {
  format_ = entry.format;
  const FormatTraits& format = traits(format_);
  compute_ = compute_for(binder, format_);
  kernel_ = matmuls(binder.kernels(), compute_)[format_];
  if (!kernel_) {
    binder.problem(fmt::format("{} has no kernel for operator 'matmul' with {} weights in {} (tensor '{}.weight')",
                               binder.backend().device.id().to_string(), format.name, to_string(compute_), name));
    return;
  }
  const std::int64_t row_bytes = format_bytes(format_, in_);
  const std::int64_t bytes = out_ * row_bytes;
  binder.operation({name, std::string(kernel_.run.name()), std::string(format.name),
                    kernel_.pack == nullptr ? bytes : kernel_.packed_bytes(out_, in_)});
  const std::byte* data = entry.bytes.data();
  const std::int64_t in_count = in_, out_count = out_;
  if (options.transposed) {
    if (format.is_quantized()) {
      binder.problem(fmt::format("tensor '{}.weight' is transposed and {}", name, format.name));
      return;
    }
    const std::int64_t size = format.block_bytes;
    weight_place_ =
        binder.reserve(bytes, [=](Stream&, std::byte* to) { transpose(data, in_count, out_count, size, to); });
  } else if (options.interleaved_heads > 0) {
    const std::int64_t heads = options.interleaved_heads;
    weight_place_ = binder.reserve(
        bytes, [=](Stream&, std::byte* to) { gather_heads(data, heads, out_count / (3 * heads) * row_bytes, to); });
    if (bias_place_) {
      // The bias follows the rows. It is short: gathered from the file again, whatever was planned for it above.
      const WeightEntry* bias = binder.find(name + ".bias");
      const FormatTraits& bias_format = traits(bias->format);
      bias_place_ = binder.reserve(out_count * std::int64_t{sizeof(float)}, [=, &bias_format](Stream&, std::byte* to) {
        std::vector<float> values(static_cast<std::size_t>(out_count));
        bias_format.decode_f32(bias->bytes.data(), values.data(), out_count);
        gather_heads(reinterpret_cast<const std::byte*>(values.data()), heads,
                     out_count / (3 * heads) * std::int64_t{sizeof(float)}, to);
      });
    }
  } else if (kernel_.pack != nullptr) {
    const auto pack = kernel_.pack;
    weight_place_ = binder.reserve(kernel_.packed_bytes(out_, in_),
                                   [=](Stream& stream, std::byte* to) { pack(stream, data, out_count, in_count, to); });
  } else {
    binder.count_mapped(entry);
    weight_place_ = WeightPlace::mapped(data);
  }
}

void Linear::locate(const std::byte* weight_buffer) {
  weight_ = weight_place_.resolve(weight_buffer);
  if (bias_place_) bias_ = reinterpret_cast<const float*>(bias_place_->resolve(weight_buffer));
}

void Linear::run(Stream& stream, MatmulInput& input, std::int64_t token_count, float* y, std::int64_t y_stride) const {
  MatmulArgs args{};
  input.fill(compute_, args);
  CHECK(args.k == in_ && args.token_count == token_count);
  args.n = out_;
  args.weights = weight_;
  args.format = format_;
  args.bias = bias_;
  args.scale = scale_;
  args.y = y;
  args.y_stride = y_stride;
  kernel_.run(stream, args);
}

Norm::Norm(Binder& binder, const std::string& name, std::int64_t width, NormKind kind, float epsilon)
    : width_(width), epsilon_(epsilon) {
  weight_place_ = binder.floats(name + ".weight", width, true);
  if (kind == NormKind::kRms) {
    rms_norm_ = binder.kernel(binder.kernels().rms_norm, name);
  } else {
    layer_norm_ = binder.kernel(binder.kernels().layer_norm, name);
    bias_place_ = binder.floats(name + ".bias", width, false);
  }
}

void Norm::locate(const std::byte* weight_buffer) {
  weight_ = reinterpret_cast<const float*>(weight_place_->resolve(weight_buffer));
  if (bias_place_) bias_ = reinterpret_cast<const float*>(bias_place_->resolve(weight_buffer));
}

void Norm::run(Stream& stream, const float* x, std::int64_t token_count, float* out) const {
  if (layer_norm_) {
    layer_norm_(stream, {x, token_count, width_, weight_, bias_, epsilon_, out});
  } else {
    rms_norm_(stream, {x, token_count, width_, 1, width_, weight_, epsilon_, out, width_});
  }
}

void Norm::run_heads(Stream& stream, float* x, std::int64_t token_count, std::int64_t row_stride,
                     std::int64_t head_count) const {
  rms_norm_(stream, {x, token_count, row_stride, head_count, width_, weight_, epsilon_, x, row_stride});
}

}  // namespace hearth
