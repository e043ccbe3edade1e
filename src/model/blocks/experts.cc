#include "model/blocks/experts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace hearth {

// Where each expert's matrix stands in the file, and how it is written; empty after a problem.
struct ExpertMatrices {
  std::vector<const std::byte*> data;
  Format format = Format::kF32;
  const WeightEntry* stacked = nullptr;
};

namespace {

constexpr MlpWeights kSharedWeights{Weight::kSharedGate, Weight::kSharedUp, Weight::kSharedDown, Weight::kSharedGateUp};

const ExpertsSpec& experts_of(const ModelSpec& spec, std::int64_t layer) {
  return spec.layers[static_cast<std::size_t>(layer)].experts();
}

ExpertMatrices find_matrices(Binder& binder, const std::vector<std::string>& names, std::int64_t expert_count,
                             std::int64_t in, std::int64_t out) {
  ExpertMatrices result;
  if (std::ssize(names) == 1) {
    result.stacked = binder.require(names[0] + ".weight", Shape{expert_count, out, in});
    if (result.stacked == nullptr) return {};
    result.format = result.stacked->format;
    for (std::int64_t e = 0; e < expert_count; ++e) {
      result.data.push_back(result.stacked->bytes.data() + e * out * format_bytes(result.format, in));
    }
    return result;
  }
  for (const std::string& name : names) {
    const WeightEntry* entry = binder.require(name + ".weight", Shape{out, in});
    if (entry == nullptr) return {};
    if (!result.data.empty() && entry->format != result.format) {
      binder.problem(fmt::format("tensor '{}.weight' is {}, other experts' are {}", name, traits(entry->format).name,
                                 traits(result.format).name));
      return {};
    }
    result.format = entry->format;
    result.data.push_back(entry->bytes.data());
  }
  return result;
}

// One name where the tensor is stacked.
std::vector<std::string> names_of(const Binder& binder, Weight weight, std::int64_t layer, std::int64_t expert_count) {
  std::vector<std::string> names;
  for (std::int64_t e = 0; e < expert_count; ++e) {
    names.push_back(binder.name(weight, layer, e));
    if (e == 1 && names[0] == names[1]) return {names[0]};
  }
  return names;
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

std::vector<ExpertLinear> bind_gate_up(Binder& binder, const ModelSpec& spec, std::int64_t layer, Format input) {
  const std::int64_t width = experts_of(spec, layer).width;
  std::vector<ExpertLinear> result;
  const auto has = [&](Weight weight) { return binder.find(binder.name(weight, layer) + ".weight") != nullptr; };
  if (!experts_of(spec, layer).gated) {
    result.emplace_back(binder, spec, std::vector{Weight::kExpertUp}, layer, spec.width, width, input);
  } else if (!has(Weight::kExpertGate) && has(Weight::kExpertGateUp)) {
    result.emplace_back(binder, spec, std::vector{Weight::kExpertGateUp}, layer, spec.width, 2 * width, input);
  } else if (can_join(binder, layer, width)) {
    result.emplace_back(binder, spec, std::vector{Weight::kExpertGate, Weight::kExpertUp}, layer, spec.width, width,
                        input);
  } else {
    for (const Weight weight : {Weight::kExpertGate, Weight::kExpertUp}) {
      result.emplace_back(binder, spec, std::vector{weight}, layer, spec.width, width, input);
    }
  }
  return result;
}

}  // namespace

ExpertLinear::ExpertLinear(Binder& binder, const ModelSpec& spec, const std::vector<Weight>& weights,
                           std::int64_t layer, std::int64_t in, std::int64_t rows, Format input)
    : in_(in), out_(rows * std::ssize(weights)), expert_count_(experts_of(spec, layer).routing.expert_count) {
  std::vector<std::vector<std::string>> names;
  std::vector<ExpertMatrices> parts;
  for (const Weight weight : weights) {
    names.push_back(names_of(binder, weight, layer, expert_count_));
    parts.push_back(find_matrices(binder, names.back(), expert_count_, in, rows));
    if (parts.back().data.empty()) return;
  }
  format_ = parts[0].format;
  CHECK(parts.back().format == format_);
  compute_ = compute_for(binder, format_);
  kernel_ = expert_matmuls(binder.kernels(), compute_)[format_];
  if (!kernel_) {
    binder.problem(
        fmt::format("{} has no kernel for operator 'expert_matmul' with {} weights in {} (tensor '{}.weight')",
                    binder.backend().device.id().to_string(), traits(format_).name, to_string(compute_), names[0][0]));
    return;
  }
  const std::int64_t used = experts_of(spec, layer).routing.used, slots = binder.limits().tokens_max * used;
  binder.need_matmul(compute_, input, slots, out_, in);
  workspace_bytes_ =
      binder.backend().device.is_cpu() ? expert_rows_bytes(slots, out_, in) : expert_rows_bytes_on_gpu(slots, in);
  workspace_ = binder.work_space().area<void>("expert rows", workspace_bytes_);
  place(binder, parts, rows);
  binder.operation(
      {names[0][0], std::string(kernel_.run.name()), std::string(traits(format_).name), used * expert_bytes_});
  if (spec.ff_scales) scales_ = bind_floats(binder, names, ".scale", 1);
  bias_ = bind_floats(binder, names, ".bias", rows);
}

// The matrices of an expert stand one below the other.
void ExpertLinear::place(Binder& binder, const std::vector<ExpertMatrices>& parts, std::int64_t rows) {
  const WeightPacking* packing = kernel_.packing;
  CHECK(std::ssize(parts) == 1 || (packing != nullptr && rows % packing->tile_rows == 0));
  const std::int64_t part_bytes = packing == nullptr ? rows * format_bytes(format_, in_) : packing->bytes(rows, in_);
  expert_bytes_ = part_bytes * std::ssize(parts);
  if (packing == nullptr && parts[0].stacked != nullptr) {
    weight_ = binder.place_matrix(*parts[0].stacked, nullptr);
    return;
  }
  std::vector<const std::byte*> matrices;
  for (std::int64_t e = 0; e < expert_count_; ++e) {
    for (const ExpertMatrices& part : parts) matrices.push_back(part.data[static_cast<std::size_t>(e)]);
  }
  const auto fill = [=, in = in_](std::int64_t begin, std::int64_t end, std::byte* to) {
    for (std::int64_t i = begin; i < end; ++i, to += part_bytes) {
      const std::byte* from = matrices[static_cast<std::size_t>(i)];
      if (packing == nullptr) {
        std::memcpy(to, from, static_cast<std::size_t>(part_bytes));
      } else {
        packing->pack(from, rows, in, 0, (rows + packing->tile_rows - 1) / packing->tile_rows, to);
      }
    }
  };
  weight_ = binder.reserve(expert_count_ * expert_bytes_, part_bytes, fill);
}

// `count` of each expert and part; nothing where the file has none.
Planned<const float> ExpertLinear::bind_floats(Binder& binder, const std::vector<std::vector<std::string>>& names,
                                               std::string_view suffix, std::int64_t count) const {
  const auto parts = std::ssize(names);
  std::vector<std::vector<const WeightEntry*>> entries;
  for (const auto& part : names) {
    entries.emplace_back();
    const bool is_stacked = std::ssize(part) == 1;
    for (const std::string& name : part) {
      const std::string tensor = name + std::string(suffix);
      if (binder.find(tensor) == nullptr) return {};
      const Shape all = count == 1 ? Shape{expert_count_} : Shape{expert_count_, count};
      entries.back().push_back(binder.require(tensor, is_stacked ? all : Shape{count}));
      if (entries.back().back() == nullptr) return {};
    }
  }
  const auto fill = [=, experts = expert_count_](std::byte* to) {
    auto* out = reinterpret_cast<float*>(to);
    std::vector<float> own(static_cast<std::size_t>(experts * count));
    for (std::int64_t p = 0; p < parts; ++p) {
      float* at = own.data();
      for (const WeightEntry* entry : entries[static_cast<std::size_t>(p)]) {
        traits(entry->format).decode_f32(entry->bytes.data(), at, entry->shape.element_count());
        at += entry->shape.element_count();
      }
      for (std::int64_t e = 0; e < experts; ++e) {
        std::copy_n(own.data() + e * count, count, out + (e * parts + p) * count);
      }
    }
  };
  return binder.reserve(expert_count_ * parts * count * std::int64_t{sizeof(float)}, fill).as<const float>();
}

void ExpertLinear::run(Stream& stream, MatmulInput& x, const ExpertGroups& groups, std::int64_t slot_count,
                       std::int64_t slots_per_row, float* y, std::int64_t y_stride) const {
  MatmulArgs args{};
  x.fill(compute_, args);
  args.token_count = slot_count;
  args.n = out_;
  args.weights = weight_.get();
  args.format = format_;
  args.bias = bias_.get();
  args.scale = 1;
  args.y = y;
  args.y_stride = y_stride;
  args.workspace = workspace_.get();
  args.workspace_bytes = workspace_bytes_;
  kernel_.run(stream, {args, groups, scales_.get(), expert_count_, expert_bytes_, slots_per_row});
}

Experts::Experts(Binder& binder, const ModelSpec& spec, std::int64_t layer, Format input)
    : spec_(experts_of(spec, layer)),
      width_(spec.width),
      handed_on_(binder.kernels().activation_format),
      conversions_(binder.conversions()),
      router_(binder, binder.name(Weight::kRouter, layer), spec.width, spec_.routing.expert_count,
              {.scale = FileScale::kNone, .input = input}),
      router_bias_(binder.floats(binder.name(Weight::kRouterBias, layer), spec_.routing.expert_count, false)),
      gate_up_(bind_gate_up(binder, spec, layer, input)),
      down_(binder, spec, {Weight::kExpertDown}, layer, spec_.width, spec.width, handed_on_) {
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
  said_ = floats("what experts say", slots * spec.width);
  gates_ = floats("shared expert's gate", tokens);
}

void Experts::run_experts(const StepContext& c, MatmulInput& x) const {
  const std::int64_t tokens = c.step.token_count, used = spec_.routing.used, ff = spec_.width;
  const std::int64_t slots = tokens * used;
  router_.run(c.stream, x, tokens, products_.get(), spec_.routing.expert_count);
  route_(c.stream, {spec_.routing, products_.get(), router_bias_.get(), tokens, experts_.get(), weights_.get()});
  const ExpertGroups groups{experts_.get(), tokens == 1, begin_.get(), slots_.get(), tiles_.get()};
  group_(c.stream, {slots, spec_.routing.expert_count, groups});
  float* rows = gate_up_rows_.get();
  for (const ExpertLinear& linear : gate_up_) {
    linear.run(c.stream, x, groups, slots, used, rows, spec_.gated ? 2 * ff : ff);
    rows += linear.out();
  }
  float* const gate = gate_up_rows_.get();
  if (spec_.gated) {
    gated_activation_(c.stream, {spec_.activation, gate, gate + ff, slots, ff, 2 * ff, hidden_.get(), handed_on_});
  } else {
    activation_(c.stream, {spec_.activation, gate, slots * ff, hidden_.get(), handed_on_});
  }
  MatmulInput hidden(c.stream, conversions_, hidden_.get(), handed_on_, slots, ff);
  down_.run(c.stream, hidden, groups, slots, 1, said_.get(), width_);
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
  if (shared_) shared_->run(c, input, out);
  sum_(c.stream, {said_.get(), weights_.get(), shared_ ? out : nullptr, shared_router_ ? gates_.get() : nullptr, tokens,
                  spec_.routing.used, width_, out});
}

}  // namespace hearth
