#include "model/blocks/experts.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>

namespace hearth {

namespace {

constexpr MlpWeights kSharedWeights{Weight::kSharedGate, Weight::kSharedUp, Weight::kSharedDown, Weight::kSharedGateUp};

const ExpertsSpec& experts_of(const ModelSpec& spec, std::int64_t layer) {
  return spec.layers[static_cast<std::size_t>(layer)].experts();
}

// Of what experts read and say.
std::int64_t row_width(const ModelSpec& spec, std::int64_t layer) {
  const std::int64_t own = experts_of(spec, layer).row_width;
  return own > 0 ? own : spec.width;
}
Format row_format(const ModelSpec& spec, std::int64_t layer, Format input) {
  return experts_of(spec, layer).row_width > 0 ? Format::kF32 : input;
}

// Whether both matrices of an expert can stand one below the other, as one.
bool can_join(Binder& binder, std::int64_t layer, std::int64_t rows) {
  const auto find = [&](Weight weight, std::string_view suffix) {
    return binder.find(binder.name(weight, layer, 0) + std::string(suffix));
  };
  const WeightEntry *gate = find(Weight::kExpertGate, ".weight"), *up = find(Weight::kExpertUp, ".weight");
  if (gate == nullptr || up == nullptr || gate->format != up->format) return false;
  const WeightPacking* packing =
      expert_matmuls(binder.kernels(), compute_for(binder, gate->format))[gate->format].packing;
  if (packing == nullptr || rows % packing->tile_rows != 0) return false;
  const auto has = [&](Weight weight, std::string_view suffix) { return find(weight, suffix) != nullptr; };
  return !has(Weight::kExpertGate, ".scale") && !has(Weight::kExpertUp, ".scale") &&
         has(Weight::kExpertGate, ".bias") == has(Weight::kExpertUp, ".bias");
}

// The file's matrices of `weights`, each [rows, in], one below the other.
ExpertLinear bind_experts(Binder& binder, const ModelSpec& spec, const std::vector<Weight>& weights, std::int64_t layer,
                          std::int64_t in, std::int64_t rows, Format input) {
  const Routing& routing = experts_of(spec, layer).routing;
  const std::int64_t count = routing.expert_count;
  std::vector<ExpertMatrices> parts;
  for (const Weight weight : weights) {
    parts.push_back(find_expert_matrices(binder, spec, weight, layer, count, in, rows));
  }
  ExpertLinear::Floats floats;
  floats.bias = bind_expert_floats(binder, spec, weights, layer, count, ".bias", rows);
  if (spec.ff_scales) floats.scales = bind_expert_floats(binder, spec, weights, layer, count, ".scale", 1);
  const std::string own_scale = binder.name(Weight::kExpertScale, layer);
  if (weights[0] == Weight::kExpertDown && !own_scale.empty()) floats.scales = binder.floats(own_scale, count, true);
  return {binder, binder.name(weights[0], layer, 0), parts, {count, routing.used, in, rows, input, true}, floats};
}

std::vector<ExpertLinear> bind_gate_up(Binder& binder, const ModelSpec& spec, std::int64_t layer, Format input) {
  const std::int64_t width = experts_of(spec, layer).width, in = row_width(spec, layer);
  std::vector<ExpertLinear> result;
  if (!experts_of(spec, layer).gated) {
    result.push_back(bind_experts(binder, spec, {Weight::kExpertUp}, layer, in, width, input));
  } else if (!has_expert_matrices(binder, Weight::kExpertGate, layer) &&
             has_expert_matrices(binder, Weight::kExpertGateUp, layer)) {
    result.push_back(bind_experts(binder, spec, {Weight::kExpertGateUp}, layer, in, 2 * width, input));
  } else if (can_join(binder, layer, width)) {
    result.push_back(bind_experts(binder, spec, {Weight::kExpertGate, Weight::kExpertUp}, layer, in, width, input));
  } else {
    for (const Weight weight : {Weight::kExpertGate, Weight::kExpertUp}) {
      result.push_back(bind_experts(binder, spec, {weight}, layer, in, width, input));
    }
  }
  return result;
}

}  // namespace

ExpertLinear::ExpertLinear(Binder& binder, const std::string& name, const std::vector<ExpertMatrices>& parts,
                           const Sizes& sizes, const Floats& floats)
    : in_(sizes.in), out_(sizes.rows * std::ssize(parts)), expert_count_(sizes.expert_count), floats_(floats) {
  for (const ExpertMatrices& part : parts) {
    if (!part) return;
  }
  for (const ExpertMatrices& part : parts) {
    if (part.stacked != nullptr) tensors_.push_back(part.stacked->name);
  }
  format_ = parts[0].format;
  CHECK(parts.back().format == format_);
  compute_ = compute_for(binder, format_);
  kernel_ = expert_matmuls(binder.kernels(), compute_)[format_];
  if (!kernel_) {
    binder.problem(
        fmt::format("{} has no kernel for operator 'expert_matmul' with {} weights in {} (tensor '{}.weight')",
                    binder.backend().device.id().to_string(), traits(format_).name, to_string(compute_), name));
    return;
  }
  const std::int64_t slots = binder.limits().tokens_max * sizes.used;
  binder.need_matmul(compute_, sizes.input, slots, out_, in_);
  workspace_bytes_ =
      binder.backend().device.is_cpu() ? expert_rows_bytes(slots, out_, in_) : expert_rows_bytes_on_gpu(slots, in_);
  workspace_ = binder.work_space().area<void>("expert rows", workspace_bytes_);
  place(binder, parts, sizes);
  binder.operation(
      {name, std::string(kernel_.run.name()), std::string(traits(format_).name), sizes.used * expert_bytes_});
}

// The matrices of an expert stand one below the other.
void ExpertLinear::place(Binder& binder, const std::vector<ExpertMatrices>& parts, const Sizes& sizes) {
  const std::int64_t rows = sizes.rows;
  const WeightPacking* packing = kernel_.packing;
  CHECK(std::ssize(parts) == 1 || (packing != nullptr && rows % packing->tile_rows == 0));
  const std::int64_t part_bytes = packing == nullptr ? rows * format_bytes(format_, in_) : packing->bytes(rows, in_);
  expert_bytes_ = part_bytes * std::ssize(parts);
  HostWeights* const host = sizes.may_be_on_host ? binder.host_weights() : nullptr;
  if (host == nullptr && packing == nullptr && parts[0].stacked != nullptr) {
    weight_ = binder.place_matrix(*parts[0].stacked, nullptr);
    return;
  }
  const auto fill = [=, in = in_](std::int64_t begin, std::int64_t end, std::byte* to) {
    std::vector<std::byte> scratch;
    for (std::int64_t i = begin; i < end; ++i, to += part_bytes) {
      const ExpertMatrices& part = parts[static_cast<std::size_t>(i % std::ssize(parts))];
      const std::byte* from = part.matrix(i / std::ssize(parts), scratch);
      if (packing == nullptr) {
        std::memcpy(to, from, static_cast<std::size_t>(part_bytes));
      } else {
        packing->pack(from, rows, in, 0, (rows + packing->tile_rows - 1) / packing->tile_rows, to);
      }
    }
  };
  if (host != nullptr) {
    host_offset_ = host->reserve(expert_count_ * expert_bytes_, part_bytes, fill);
  } else {
    weight_ = binder.reserve(expert_count_ * expert_bytes_, part_bytes, fill);
  }
}

void ExpertLinear::run(Stream& stream, MatmulInput& x, const ExpertGroups& groups, std::int64_t slot_count,
                       std::int64_t slots_per_row, float* y, std::int64_t y_stride, const HostExperts& host) const {
  if (!tensors_.empty()) x.show(tensors_, groups.experts, expert_count_, slots_per_row);
  MatmulArgs args{};
  x.fill(compute_, args);
  args.token_count = slot_count;
  args.n = out_;
  args.weights = host.weights == nullptr ? weight_.get() : host.weights + host_offset_;
  args.format = format_;
  args.bias = floats_.bias.get();
  args.scale = 1;
  args.y = y;
  args.y_stride = y_stride;
  args.workspace = workspace_.get();
  args.workspace_bytes = workspace_bytes_;
  if (host.is_read_in_place) {
    // Without it, kernels that read a weight once for all slots of an expert.
    args.workspace = nullptr;
    args.workspace_bytes = 0;
    const std::int64_t tiles = groups.is_single ? slot_count : expert_tiles_max(slot_count, expert_count_);
    gpu_stream(stream).note_host_reads(tiles * expert_bytes_);
  }
  kernel_.run(stream, {args, groups, floats_.scales.get(), expert_count_, expert_bytes_, slots_per_row});
}

Experts::Experts(Binder& binder, const ModelSpec& spec, std::int64_t layer, Format input)
    : spec_(experts_of(spec, layer)),
      width_(spec.width),
      row_width_(row_width(spec, layer)),
      handed_on_(binder.kernels().activation_format),
      conversions_(binder.conversions()),
      router_(binder, binder.name(Weight::kRouter, layer), spec.width, spec_.routing.expert_count,
              {.scale = FileScale::kNone, .input = input}),
      router_bias_(binder.floats(binder.name(Weight::kRouterBias, layer), spec_.routing.expert_count, false)),
      host_weights_(binder.host_weights()),
      host_group_(
          host_weights_ == nullptr ? 0 : host_weights_->begin_group(spec_.routing.expert_count, spec_.routing.used)),
      gate_up_(bind_gate_up(binder, spec, layer, row_format(spec, layer, input))),
      down_(bind_experts(binder, spec, {Weight::kExpertDown}, layer, spec_.width, row_width_, handed_on_)) {
  if (spec_.router_norm) bind_router_norm(binder, spec, layer);
  if (spec_.shared_width > 0) shared_.emplace(binder, spec, spec_.shared(), layer, input, kSharedWeights);
  if (spec_.shared_gate) {
    shared_router_.emplace(binder, binder.name(Weight::kSharedRouter, layer), spec.width, 1,
                           Linear::Options{.scale = FileScale::kNone, .input = input});
  }
  route_ = binder.kernel(binder.kernels().route, fmt::format("layer {} route", layer));
  group_ = binder.kernel(binder.kernels().group_experts, fmt::format("layer {} group_experts", layer));
  const std::string activation = fmt::format("layer {} activation", layer);
  if (spec_.gated) {
    gated_activation_ = binder.kernel(binder.kernels().gated_activation, activation);
  } else {
    activation_ = binder.kernel(binder.kernels().activation, activation);
  }
  sum_ = binder.kernel(binder.kernels().expert_sum, fmt::format("layer {} expert_sum", layer));
  spec_.routing.scale *= spec.layers[static_cast<std::size_t>(layer)].residual_scale;
  const std::int64_t tokens = binder.limits().tokens_max, slots = tokens * spec_.routing.used;
  const auto floats = [&](std::string_view name, std::int64_t count) {
    return binder.work_space().area<float>(name, count * std::int64_t{sizeof(float)});
  };
  products_ = floats("router", tokens * spec_.routing.expert_count);
  experts_ = floats("chosen experts", slots).as<std::int32_t>();
  weights_ = floats("experts' weights", slots);
  begin_ = floats("experts' slots begin", spec_.routing.expert_count + 1).as<std::int32_t>();
  slots_ = floats("experts' slots", slots).as<std::int32_t>();
  tiles_ = floats("experts' tiles", expert_tile_words(slots, spec_.routing.expert_count)).as<std::int32_t>();
  gate_up_rows_ = floats("gate and up", slots * 2 * spec_.width);
  hidden_ = binder.work_space().area<void>("hidden", format_bytes(handed_on_, slots * spec_.width));
  said_ = floats("what experts say", slots * row_width_);
  gates_ = floats("shared expert's gate", tokens);
  if (spec_.row_width > 0) bind_rows(binder, spec, layer, input);
}

void Experts::bind_rows(Binder& binder, const ModelSpec& spec, std::int64_t layer, Format input) {
  CHECK(!spec_.shared_gate);
  const auto scale = spec.ff_scales ? FileScale::kProductAndBias : FileScale::kNone;
  to_rows_.emplace(binder, binder.name(Weight::kExpertsInput, layer), width_, row_width_,
                   Linear::Options{.scale = scale, .input = input});
  of_rows_.emplace(binder, binder.name(Weight::kExpertsOutput, layer), row_width_, width_,
                   Linear::Options{.scale = scale, .input = Format::kF32});
  const std::int64_t tokens = binder.limits().tokens_max;
  rows_ = binder.work_space().area<float>("experts' rows", tokens * row_width_ * std::int64_t{sizeof(float)});
  if (!shared_) return;
  residual_add_ = binder.kernel(binder.kernels().residual_add, fmt::format("layer {} residual_add", layer));
  shared_rows_ =
      binder.work_space().area<float>("what the shared expert says", tokens * width_ * std::int64_t{sizeof(float)});
}

// Its weights are of the residual stream as a row of length 1.
void Experts::bind_router_norm(Binder& binder, const ModelSpec& spec, std::int64_t layer) {
  const std::string name = binder.name(Weight::kRouterNorm, layer);
  const float factor = 1 / std::sqrt(static_cast<float>(width_));
  router_norm_.emplace(binder, binder.floats(name, width_, true, factor), name, width_, spec.norm.epsilon);
  router_input_ =
      binder.work_space().area<void>("router input", format_bytes(handed_on_, binder.limits().tokens_max * width_));
}

void Experts::run_router(const StepContext& c, MatmulInput& x) const {
  const std::int64_t tokens = c.step.token_count, experts = spec_.routing.expert_count;
  if (!router_norm_) return router_.run(c.stream, x, tokens, products_.get(), experts);
  router_norm_->run(c.stream, c.x, tokens, nullptr, router_input_.get(), handed_on_);
  MatmulInput normed(c.stream, conversions_, router_input_.get(), handed_on_, tokens, width_);
  router_.run(c.stream, normed, tokens, products_.get(), experts);
}

void Experts::run_experts(const StepContext& c, MatmulInput& x) const {
  const std::int64_t tokens = c.step.token_count, slots = tokens * spec_.routing.used;
  run_router(c, x);
  route_(c.stream, {spec_.routing, products_.get(), router_bias_.get(), tokens, experts_.get(), weights_.get()});
  const ExpertGroups groups{experts_.get(), tokens == 1, begin_.get(), slots_.get(), tiles_.get()};
  group_(c.stream, {slots, spec_.routing.expert_count, groups});
  if (!to_rows_) return ask_experts(c, x, groups);
  to_rows_->run(c.stream, x, tokens, rows_.get(), row_width_);
  MatmulInput rows(c.stream, conversions_, rows_.get(), Format::kF32, tokens, row_width_);
  ask_experts(c, rows, groups);
}

void Experts::ask_experts(const StepContext& c, MatmulInput& x, const ExpertGroups& groups) const {
  const std::int64_t used = spec_.routing.used, slots = c.step.token_count * used, ff = spec_.width;
  HostExperts host;
  if (host_weights_ != nullptr) {
    host = {host_weights_->enter(gpu_stream(c.stream), host_group_),
            host_weights_->reads_in_place(host_group_, c.step.token_count)};
  }
  float* rows = gate_up_rows_.get();
  for (const ExpertLinear& linear : gate_up_) {
    linear.run(c.stream, x, groups, slots, used, rows, spec_.gated ? 2 * ff : ff, host);
    rows += linear.out();
  }
  float* const gate = gate_up_rows_.get();
  if (spec_.gated) {
    gated_activation_(c.stream,
                      {spec_.activation, gate, gate + ff, slots, ff, 2 * ff, hidden_.get(), handed_on_, spec_.gating});
  } else {
    activation_(c.stream, {spec_.activation, gate, slots * ff, hidden_.get(), handed_on_});
  }
  MatmulInput hidden(c.stream, conversions_, hidden_.get(), handed_on_, slots, ff);
  down_.run(c.stream, hidden, groups, slots, 1, said_.get(), row_width_, host);
  if (host_weights_ != nullptr) host_weights_->leave(gpu_stream(c.stream), host_group_);
}

void Experts::run(const StepContext& c, const Activations& input, float* out) const {
  const std::int64_t tokens = c.step.token_count;
  {
    MatmulInput x(c.stream, conversions_, input.data, input.format, tokens, width_);
    run_experts(c, x);
  }
  if (shared_router_) {
    MatmulInput x(c.stream, conversions_, input.data, input.format, tokens, width_);
    shared_router_->run(c.stream, x, tokens, gates_.get(), 1);
  }
  if (of_rows_) {
    sum_(c.stream,
         {said_.get(), weights_.get(), nullptr, nullptr, tokens, spec_.routing.used, row_width_, rows_.get()});
    MatmulInput rows(c.stream, conversions_, rows_.get(), Format::kF32, tokens, row_width_);
    of_rows_->run(c.stream, rows, tokens, out, width_);
    if (!shared_) return;
    shared_->run(c, input, shared_rows_.get());
    residual_add_(c.stream, {out, shared_rows_.get(), tokens * width_});
    return;
  }
  if (shared_) shared_->run(c, input, out);
  sum_(c.stream, {said_.get(), weights_.get(), shared_ ? out : nullptr, shared_router_ ? gates_.get() : nullptr, tokens,
                  spec_.routing.used, width_, out});
}

}  // namespace hearth
