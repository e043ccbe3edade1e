#include "model/blocks/recurrence.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace hearth {
namespace {

// Null after a problem, or where an absent tensor is none.
const WeightEntry* find_floats(Binder& binder, const std::string& tensor, std::int64_t count, bool needed) {
  const WeightEntry* entry = binder.find(tensor);
  if (entry == nullptr) {
    if (needed) binder.problem(fmt::format("tensor '{}' [{}] is missing", tensor, count));
    return nullptr;
  }
  if (entry->shape.element_count() != count) {
    binder.problem(fmt::format("tensor '{}' has shape {}, not {} elements", tensor, entry->shape.to_string(), count));
    return nullptr;
  }
  if (traits(entry->format).is_quantized()) {
    binder.problem(fmt::format("tensor '{}' is {}; a list of floats is expected", tensor, traits(entry->format).name));
    return nullptr;
  }
  return entry;
}

Planned<const float> reserve_floats(Binder& binder, const WeightEntry& entry, float (*map)(float)) {
  const std::int64_t count = entry.shape.element_count();
  const auto fill = [=, &entry](std::byte* to) {
    auto* const out = reinterpret_cast<float*>(to);
    traits(entry.format).decode_f32(entry.bytes.data(), out, count);
    std::transform(out, out + count, out, map);
  };
  return binder.reserve(count * std::int64_t{sizeof(float)}, fill).as<const float>();
}

}  // namespace

Planned<const float> bind_flat_floats(Binder& binder, const std::string& tensor, std::int64_t count, bool needed) {
  const WeightEntry* entry = find_floats(binder, tensor, count, needed);
  if (entry == nullptr) return {};
  return reserve_floats(binder, *entry, [](float x) { return x; });
}

Planned<const float> bind_decay_rates(Binder& binder, const std::string& tensor, std::int64_t count) {
  const WeightEntry* entry = find_floats(binder, tensor, count, true);
  if (entry == nullptr) return {};
  const bool is_rate = binder.scheme() == NameScheme::kGguf;
  return reserve_floats(
      binder, *entry, is_rate ? [](float x) { return x; } : [](float x) { return -std::exp(x); });
}

Convolution::Convolution(Binder& binder, std::span<const std::string> names, std::span<const std::int64_t> channels,
                         std::int64_t kernel, std::int64_t layer)
    : kernel_(kernel) {
  std::vector<const WeightEntry*> weights;
  for (std::size_t i = 0; i < names.size(); ++i) {
    channels_ += channels[i];
    weights.push_back(find_floats(binder, names[i] + ".weight", channels[i] * kernel, true));
    if (weights.back() == nullptr) return;
  }
  const auto fill = [=, all = channels_](std::byte* to) {
    auto* const out = reinterpret_cast<float*>(to);
    std::int64_t first = 0;
    for (const WeightEntry* entry : weights) {
      const std::int64_t count = entry->shape.element_count();
      std::vector<float> by_channel(static_cast<std::size_t>(count));
      traits(entry->format).decode_f32(entry->bytes.data(), by_channel.data(), count);
      for (std::int64_t i = 0; i < count; ++i) {
        out[i % kernel * all + first + i / kernel] = by_channel[static_cast<std::size_t>(i)];
      }
      first += count / kernel;
    }
  };
  weight_ = binder.reserve(channels_ * kernel * std::int64_t{sizeof(float)}, fill).as<const float>();
  if (names.size() == 1) bias_ = bind_flat_floats(binder, names[0] + ".bias", channels_, false);
  conv_ = binder.kernel(binder.kernels().causal_conv, fmt::format("layer {} causal_conv", layer));
}

void Convolution::run(const StepContext& c, const float* x, std::int64_t x_stride, const LayerStates& states,
                      float* out) const {
  conv_(c.stream, {.x = x,
                   .input_gate = nullptr,
                   .output_gate = nullptr,
                   .x_stride = x_stride,
                   .weight = weight_.get(),
                   .bias = bias_.get(),
                   .channels = channels_,
                   .kernel = kernel_,
                   .silu = true,
                   .step = c.step,
                   .states = states,
                   .out = out,
                   .out_stride = channels_,
                   .out_format = Format::kF32});
}

}  // namespace hearth
