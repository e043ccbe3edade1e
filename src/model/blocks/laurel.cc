#include "model/blocks/laurel.h"

#include <fmt/format.h>

#include <cmath>

namespace hearth {

Laurel::Laurel(const LayerParts& parts, std::int64_t layer)
    : width_(parts.spec.width),
      rank_(parts.spec.layers[static_cast<std::size_t>(layer)].laurel_rank),
      conversions_(parts.binder.conversions()),
      left_(parts.binder, parts.binder.name(Weight::kLaurelLeft, layer), width_, rank_,
            {.scale = FileScale::kNone, .input = Format::kF32}),
      right_(parts.binder, parts.binder.name(Weight::kLaurelRight, layer), rank_, width_,
             {.scale = FileScale::kNone, .input = Format::kF32}),
      norm_(parts.binder, parts.binder.name(Weight::kLaurelNorm, layer), width_, parts.spec.norm),
      add_(parts.binder.kernel(parts.binder.kernels().residual_add, fmt::format("layer {} laurel", layer))) {
  const auto floats = [&](std::string_view name, std::int64_t width) {
    const std::int64_t tokens = parts.binder.limits().tokens_max;
    return parts.binder.work_space().area<float>(name, tokens * width * std::int64_t{sizeof(float)});
  };
  middle_ = floats("laurel, middle", rank_);
  way_ = floats("laurel", width_);
}

void Laurel::run(const StepContext& c, const float* input) const {
  const std::int64_t tokens = c.step.token_count, elements = tokens * width_;
  {
    MatmulInput x(c.stream, conversions_, input, Format::kF32, tokens, width_);
    left_.run(c.stream, x, tokens, middle_.get(), rank_);
  }
  MatmulInput middle(c.stream, conversions_, middle_.get(), Format::kF32, tokens, rank_);
  right_.run(c.stream, middle, tokens, way_.get(), width_);
  norm_.run(c.stream, way_.get(), tokens, nullptr, way_.get(), Format::kF32);
  add_(c.stream, {c.x, c.delta, elements});
  add_(c.stream, {way_.get(), input, elements});
  add_(c.stream, {c.x, way_.get(), elements, std::sqrt(0.5f)});
}

}  // namespace hearth
