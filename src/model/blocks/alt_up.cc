#include "model/blocks/alt_up.h"

#include <fmt/format.h>

namespace hearth {
namespace {

Planned<float> area_of_streams(Binder& binder, const ModelSpec& spec) {
  const std::int64_t floats = spec.alt_up->streams * binder.limits().tokens_max * spec.width;
  return binder.work_space().area<float>("residual streams", floats * std::int64_t{sizeof(float)});
}

// A matrix for every stream but the first; GGUF files have them one below the other, in one tensor.
std::vector<Linear> bind_matrices(Binder& binder, const ModelSpec& spec, Weight weight) {
  const std::int64_t count = spec.alt_up->streams - 1, width = spec.width;
  const bool stacked = count > 1 && binder.name(weight, 0) == binder.name(weight, 1);
  std::vector<Linear> result;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::string name = binder.name(weight, i);
    const Linear::Part part =
        stacked ? Linear::rows_of(name, i * width, (i + 1) * width, count * width) : Linear::Part{name, width};
    result.emplace_back(binder, std::array{part}, width,
                        Linear::Options{.scale = FileScale::kNone, .bias = false, .input = Format::kF32});
  }
  return result;
}

Norm bind_router_norm(const LayerParts& parts, std::int64_t layer) {
  const std::string name = parts.binder.name(Weight::kAltUpRouterNorm, layer);
  const std::int64_t width = parts.spec.width;
  const float factor = 1 / static_cast<float>(width);
  return Norm(parts.binder, parts.binder.floats(name + ".weight", width, true, factor), name, width,
              parts.spec.norm.epsilon);
}

}  // namespace

AltUpEnds::AltUpEnds(Binder& binder, const ModelSpec& spec)
    : spec_(*spec.alt_up),
      width_(spec.width),
      conversions_(binder.conversions()),
      apart_(bind_matrices(binder, spec, Weight::kAltUpProjection)),
      together_(bind_matrices(binder, spec, Weight::kAltUpMerge)),
      match_(binder.kernel(binder.kernels().match_magnitude, "streams")),
      row_gather_(binder.kernel(binder.kernels().row_gather, "streams' rows")),
      add_(binder.kernel(binder.kernels().residual_add, "streams' sum")),
      streams_(area_of_streams(binder, spec)) {
  const std::int64_t bytes = binder.limits().logit_rows_max * width_ * std::int64_t{sizeof(float)};
  gathered_ = binder.work_space().area<float>("logit rows of a stream", bytes);
  merged_ = binder.work_space().area<float>("logit rows of streams", (spec_.streams - 1) * bytes);
}

void AltUpEnds::expand(Stream& stream, std::int64_t token_count) const {
  float* out = first();
  for (const Linear& linear : apart_) {
    out += token_count * width_;
    MatmulInput x(stream, conversions_, first(), Format::kF32, token_count, width_);
    linear.run(stream, x, token_count, out, width_);
    match_(stream, {out, first(), token_count, width_, spec_.magnitude_min});
  }
}

void AltUpEnds::merge(Stream& stream, std::int64_t token_count, const std::int32_t* rows, std::int64_t row_count,
                      float* out) const {
  row_gather_(stream, {rows, row_count, first(), width_, out});
  float *from = first(), *merged = merged_.get();
  for (const Linear& linear : together_) {
    from += token_count * width_;
    row_gather_(stream, {rows, row_count, from, width_, gathered_.get()});
    MatmulInput x(stream, conversions_, gathered_.get(), Format::kF32, row_count, width_);
    linear.run(stream, x, row_count, merged, width_);
    match_(stream, {merged, out, row_count, width_, spec_.magnitude_min});
    merged += row_count * width_;
  }
  const std::int64_t elements = row_count * width_;
  for (std::int64_t i = 1; i < spec_.streams; ++i) {
    const float scale = i + 1 == spec_.streams ? 1 / static_cast<float>(spec_.streams) : 1;
    add_(stream, {out, merged_.get() + (i - 1) * elements, elements, scale});
  }
}

AltUpLayer::AltUpLayer(const LayerParts& parts, std::int64_t layer)
    : spec_(*parts.spec.alt_up),
      width_(parts.spec.width),
      handed_on_(parts.binder.kernels().activation_format),
      conversions_(parts.binder.conversions()),
      norm_(bind_router_norm(parts, layer)),
      router_(parts.binder, parts.binder.name(Weight::kAltUpRouter, layer), width_, spec_.streams,
              {.scale = FileScale::kNone, .bias = false}),
      streams_(area_of_streams(parts.binder, parts.spec)) {
  Binder& binder = parts.binder;
  const std::int64_t count = spec_.streams, tokens = binder.limits().tokens_max;
  predicting_ = binder.floats(binder.name(Weight::kAltUpPredict, layer) + ".weight", Shape{count * count, count}, true);
  correcting_ = binder.floats(binder.name(Weight::kAltUpCorrect, layer) + ".weight", Shape{count, count}, true, 1, 0,
                              spec_.correction_max);
  if (spec_.scaled) scale_ = binder.floats(binder.name(Weight::kAltUpScale, layer), width_, true);
  predict_ = binder.kernel(binder.kernels().alt_up_predict, fmt::format("layer {} alt_up_predict", layer));
  correct_ = binder.kernel(binder.kernels().alt_up_correct, fmt::format("layer {} alt_up_correct", layer));
  add_ = binder.kernel(binder.kernels().residual_add, fmt::format("layer {} streams", layer));
  const auto floats = [&](std::string_view name, std::int64_t width) {
    return binder.work_space().area<float>(name, tokens * width * std::int64_t{sizeof(float)});
  };
  normed_ = binder.work_space().area<void>("normed", format_bytes(handed_on_, tokens * width_));
  products_ = floats("streams' router", count);
  corrected_ = floats("corrected stream", width_);
}

// With the router's products for this vector of each token.
AltUpStreams AltUpLayer::streams_of(const StepContext& c, const float* modes_of) const {
  const std::int64_t tokens = c.step.token_count;
  norm_.run(c.stream, modes_of, tokens, nullptr, normed_.get(), handed_on_);
  MatmulInput x(c.stream, conversions_, normed_.get(), handed_on_, tokens, width_);
  router_.run(c.stream, x, tokens, products_.get(), spec_.streams);
  return {streams_.get(), spec_.streams, spec_.active, tokens, width_, products_.get()};
}

void AltUpLayer::predict(const StepContext& c) const {
  const float* const active = streams_.get() + spec_.active * c.step.token_count * width_;
  predict_(c.stream, {streams_of(c, active), predicting_.get(), c.x});
}

void AltUpLayer::correct(const StepContext& c) const {
  correct_(c.stream, {streams_of(c, c.x), correcting_.get(), c.x, scale_.get(), corrected_.get()});
}

void AltUpLayer::add_to_others(const StepContext& c) const {
  const std::int64_t elements = c.step.token_count * width_;
  for (std::int64_t i = 1; i < spec_.streams; ++i) {
    add_(c.stream, {streams_.get() + i * elements, c.delta, elements});
  }
}

}  // namespace hearth
