#include "model/blocks/attention.h"

#include <fmt/format.h>

#include <algorithm>

namespace hearth {
namespace {

// Sequences whose attention in decoding steps shares the keys out over the GPU; more fill it by themselves.
constexpr std::int64_t kSharedAttentionSequences = 32;

// Of a matrix whose rows are head by head those of queries (half 0) and of their gates (half 1).
Linear::Part rows_of_heads(const std::string& name, const AttentionSpec& spec, std::int64_t half) {
  Linear::Part part{name, spec.q_width()};
  part.file_rows = 2 * spec.q_width();
  for (std::int64_t head = 0; head < spec.head_count; ++head) {
    for (std::int64_t i = 0; i < spec.head_dim; ++i) part.rows.push_back((2 * head + half) * spec.head_dim + i);
  }
  return part;
}

// Of a matrix in shards that each have [queries, values, keys] of as many heads: part `place` of every shard.
Linear::Part rows_of_shards(const std::string& name, const AttentionSpec& spec, std::int64_t shards,
                            std::int64_t place) {
  Linear::Part part{name, spec.q_width()};
  part.file_rows = 3 * spec.q_width();
  const std::int64_t rows = spec.q_width() / shards;
  for (std::int64_t shard = 0; shard < shards; ++shard) {
    for (std::int64_t i = 0; i < rows; ++i) part.rows.push_back((3 * shard + place) * rows + i);
  }
  return part;
}

// A head's values with zeros behind them up to head_dim; in the file they are shorter, and from row `first` of
// `file_rows` on.
Linear::Part padded_values(const std::string& name, const AttentionSpec& spec, std::int64_t first,
                           std::int64_t file_rows) {
  Linear::Part part{name, spec.kv_width()};
  part.file_rows = file_rows;
  for (std::int64_t head = 0; head < spec.kv_head_count; ++head) {
    for (std::int64_t i = 0; i < spec.head_dim; ++i) {
      part.rows.push_back(i < spec.value_dim ? first + head * spec.value_dim + i : Linear::Part::kZeros);
    }
  }
  return part;
}

// Queries, keys and values of a tensor that has them one below the other.
std::vector<Linear::Part> parts_of_fused(const std::string& name, const AttentionSpec& spec) {
  const std::int64_t q = spec.q_width(), qk = q + spec.kv_width();
  const std::int64_t rows = qk + spec.kv_head_count * (spec.value_dim > 0 ? spec.value_dim : spec.head_dim);
  return {Linear::rows_of(name, 0, q, rows), Linear::rows_of(name, q, qk, rows),
          spec.value_dim > 0 ? padded_values(name, spec, qk, rows) : Linear::rows_of(name, qk, rows, rows)};
}

// Whether the rows of queries, keys and values are all that there are, as they are.
bool is_plain(const AttentionSpec& spec) {
  return !spec.gated && spec.value_dim == 0 && spec.key_factor == 1 && spec.value_factor == 1;
}

// Fused where the file has one tensor for queries, keys and values, else three that write side by side.
std::vector<Linear> bind_projections(const LayerParts& parts, std::int64_t layer, Format input) {
  Binder& binder = parts.binder;
  const ModelSpec& model = parts.spec;
  const AttentionSpec& spec = model.layers[static_cast<std::size_t>(layer)].attention();
  std::vector<Linear> result;
  const std::string fused = binder.name(Weight::kQueryKeyValue, layer);
  const bool is_fused = !fused.empty() && binder.find(fused + ".weight") != nullptr;
  if (!spec.has_keys()) {
    const std::int64_t q_width = spec.q_width(), rows = q_width + 2 * spec.kv_head_count * spec.head_dim;
    const std::string name = binder.name(Weight::kQuery, layer);
    return Linear::bind_side_by_side(
        binder, std::array{is_fused ? Linear::rows_of(fused, 0, q_width, rows) : Linear::Part{name, q_width}},
        model.width, {.input = input});
  }
  if (is_fused && model.qvk_shards > 0) {
    const auto part = [&](std::int64_t place) { return rows_of_shards(fused, spec, model.qvk_shards, place); };
    return Linear::bind_side_by_side(binder, std::array{part(0), part(2), part(1)}, model.width, {.input = input});
  }
  if (is_fused && is_plain(spec)) {
    const Linear::Options options{.transposed = model.transposed_linears,
                                  .interleaved_groups = model.interleaved_qkv_heads ? spec.kv_head_count : 0,
                                  .interleaved_queries = spec.head_count / spec.kv_head_count,
                                  .input = input};
    result.emplace_back(binder, fused, model.width, spec.q_width() + 2 * spec.kv_width(), options);
    return result;
  }
  // A checkpoint that only knows the fused tensor is told that this one is missing.
  const auto name = [&](Weight weight) {
    const std::string own = binder.name(weight, layer);
    return own.empty() ? fused : own;
  };
  std::vector<Linear::Part> pieces{{name(Weight::kQuery), spec.q_width()},
                                   {name(Weight::kKey), spec.kv_width()},
                                   {name(Weight::kValue), spec.kv_width()}};
  if (spec.value_dim > 0) {
    pieces[2] = padded_values(pieces[2].name, spec, 0, spec.kv_head_count * spec.value_dim);
  }
  if (is_fused) pieces = parts_of_fused(fused, spec);
  pieces[1].factor = spec.key_factor;
  pieces[2].factor = spec.value_factor;
  if (spec.values_of_keys) pieces[2].name = pieces[1].name;
  if (spec.gated && spec.own_gate) {
    pieces.push_back({name(Weight::kAttentionGate), spec.gate_width()});
  } else if (spec.gated) {
    pieces.push_back(rows_of_heads(pieces[0].name, spec, 1));
    pieces[0] = rows_of_heads(pieces[0].name, spec, 0);
  }
  return Linear::bind_side_by_side(
      binder, pieces, model.width,
      {.transposed = model.transposed_linears, .input_factor = spec.input_factor, .input = input});
}

// A norm of queries or keys with so many heads.
std::optional<Norm> bind_head_norm(const LayerParts& parts, Weight weight, std::int64_t layer, std::int64_t heads) {
  const AttentionSpec& spec = parts.spec.layers[static_cast<std::size_t>(layer)].attention();
  if (spec.query_key_norm == QueryKeyNorm::kNone) return std::nullopt;
  NormSpec norm = parts.spec.norm;
  norm.kind = spec.query_key_norm_kind;
  if (spec.plain_query_key_norm) norm.has_weights = false;
  const bool of_heads = spec.query_key_norm == QueryKeyNorm::kHead;
  return Norm(parts.binder, parts.binder.name(weight, layer), of_heads ? spec.head_dim : heads * spec.head_dim, norm,
              spec.query_key_norm_by_head ? heads : 1);
}

// Of the keys that the layer makes, if it does.
std::optional<Norm> bind_key_norm(const LayerParts& parts, std::int64_t layer) {
  const AttentionSpec& spec = parts.spec.layers[static_cast<std::size_t>(layer)].attention();
  if (!spec.has_keys()) return std::nullopt;
  return bind_head_norm(parts, Weight::kKeyNorm, layer, spec.kv_head_count);
}

// Without weights of the file.
std::optional<Norm> bind_value_norm(const LayerParts& parts, std::int64_t layer) {
  const AttentionSpec& spec = parts.spec.layers[static_cast<std::size_t>(layer)].attention();
  if (!spec.value_norm || !spec.has_keys()) return std::nullopt;
  return Norm(parts.binder, fmt::format("layer {} value norm", layer), spec.head_dim,
              {.epsilon = parts.spec.norm.epsilon, .has_weights = false});
}

// Made of the spec, not of the file.
Planned<const float> bind_slopes(Binder& binder, const std::vector<float>& slopes) {
  if (slopes.empty()) return {};
  const std::int64_t bytes = std::ssize(slopes) * std::int64_t{sizeof(float)};
  const auto fill = [slopes](std::byte* to) { std::ranges::copy(slopes, reinterpret_cast<float*>(to)); };
  return binder.reserve(bytes, fill).as<const float>();
}

// The file's table [rows, heads], spread over distances.
Planned<const float> bind_biases(Binder& binder, const AttentionSpec& spec) {
  if (spec.bias_rows.empty()) return {};
  const std::string name = binder.name(Weight::kDistanceBiases);
  const std::int64_t rows = *std::ranges::max_element(spec.bias_rows) + 1, heads = spec.head_count;
  const WeightEntry* entry = binder.require(name, Shape{rows, heads});
  if (entry == nullptr) return {};
  const auto fill = [=, of_distance = spec.bias_rows](std::byte* to) {
    std::vector<float> table(static_cast<std::size_t>(rows * heads));
    traits(entry->format).decode_f32(entry->bytes.data(), table.data(), rows * heads);
    auto* out = reinterpret_cast<float*>(to);
    for (std::int64_t head = 0; head < heads; ++head) {
      for (const std::int32_t row : of_distance) *out++ = table[static_cast<std::size_t>(row * heads + head)];
    }
  };
  return binder.reserve(heads * std::ssize(spec.bias_rows) * std::int64_t{sizeof(float)}, fill).as<const float>();
}

// Whether what heads see leaves attention in float32, to be cut, gated or normalized.
bool is_worked_on(const AttentionSpec& spec) {
  return spec.gated || spec.value_dim > 0 || spec.norm_of_seen;
}

std::optional<Norm> bind_seen_norm(const LayerParts& parts, std::int64_t layer) {
  const AttentionSpec& spec = parts.spec.layers[static_cast<std::size_t>(layer)].attention();
  if (!spec.norm_of_seen) return std::nullopt;
  return Norm(parts.binder, parts.binder.name(Weight::kAttentionSeenNorm, layer), spec.q_width(), parts.spec.norm);
}

// What is cut stays in float32.
Format output_input(const LayerParts& parts, const AttentionSpec& spec) {
  return spec.value_dim > 0 ? Format::kF32 : parts.binder.kernels().activation_format;
}

}  // namespace

Attention::Attention(const LayerParts& parts, std::int64_t layer, Format input)
    : spec_(parts.spec.layers[static_cast<std::size_t>(layer)].attention()),
      width_(parts.spec.width),
      handed_on_(output_input(parts, spec_)),
      conversions_(parts.binder.conversions()),
      projections_(bind_projections(parts, layer, input)),
      q_norm_(bind_head_norm(parts, Weight::kQueryNorm, layer, spec_.head_count)),
      k_norm_(bind_key_norm(parts, layer)),
      v_norm_(bind_value_norm(parts, layer)),
      seen_norm_(bind_seen_norm(parts, layer)),
      sinks_(spec_.sinks
                 ? parts.binder.floats(parts.binder.name(Weight::kAttentionSinks, layer), spec_.head_count, true)
                 : Planned<const float>()),
      slopes_(bind_slopes(parts.binder, spec_.slopes)),
      biases_(bind_biases(parts.binder, spec_)),
      output_(parts.binder, parts.binder.name(Weight::kAttentionOutput, layer), spec_.seen_width(), width_,
              {.transposed = parts.spec.transposed_linears,
               .factor = spec_.output_factor * parts.spec.layers[static_cast<std::size_t>(layer)].residual_scale,
               .input = output_input(parts, spec_)}) {
  Binder& binder = parts.binder;
  const KernelTable& kernels = binder.kernels();
  const auto name = [&](std::string_view op) { return fmt::format("layer {} {}", layer, op); };
  if (spec_.qkv_limit > 0) clamp_ = binder.kernel(kernels.clamp, name("clamp"));
  // The rotation writes to the cache as well, unless a norm comes between the two.
  if (spec_.rope >= 0) {
    rope_ = binder.kernel(kernels.rope, name("rope"));
    rope_spec_ = parts.spec.ropes[static_cast<std::size_t>(spec_.rope)];
    rope_table_ = parts.rope_tables[static_cast<std::size_t>(spec_.rope)];
  }
  const bool rope_writes = spec_.rope >= 0 && !spec_.query_key_norm_rotated;
  if (spec_.has_keys() && !rope_writes) kv_write_ = binder.kernel(kernels.kv_write, name("kv_write"));
  const StepLimits& limits = binder.limits();
  qkv_ = binder.work_space().area<float>("qkv", limits.tokens_max * row_width() * std::int64_t{sizeof(float)});
  if (spec_.gated) gate_ = binder.kernel(kernels.gated_rms_norm, name("gate"));
  if (spec_.value_dim > 0) split_rows_ = binder.kernel(kernels.split_rows, name("split_rows"));
  CHECK((spec_.gated ? 1 : 0) + (spec_.value_dim > 0 ? 1 : 0) + (spec_.norm_of_seen ? 1 : 0) <= 1);
  if (is_worked_on(spec_)) {
    seen_ = binder.work_space().area<float>("attended, as it is",
                                            limits.tokens_max * spec_.q_width() * std::int64_t{sizeof(float)});
  }
  attended_ = binder.work_space().area<void>("attended", format_bytes(handed_on_, limits.tokens_max * spec_.q_width()));
  if (parts.attention == AttentionMode::kSteps) {
    steps_.emplace(binder, spec_, layer);
    return;
  }
  attention_ = binder.kernel(kernels.attention, name("attention"));
  if (binder.backend().device.is_cpu()) return;
  workspace_bytes_ = attention_workspace_bytes(std::min(limits.sequences_max, kSharedAttentionSequences),
                                               limits.context, spec_.head_count, spec_.head_dim);
  // One prompt at a time has its keys gathered, where there may be kernels that want it.
  if (binder.backend().device.id().kind == DeviceKind::kCuda && spec_.head_dim <= kAttentionTileDimMax && !slopes_ &&
      !biases_) {
    workspace_bytes_ = std::max(
        workspace_bytes_, attention_prompt_workspace_bytes(1, limits.context, spec_.kv_head_count, spec_.head_dim));
  }
  workspace_ = binder.work_space().area<void>("attention", workspace_bytes_);
}

// Whether the kernel that rotates heads normalizes them before.
bool Attention::rope_normalizes() const {
  return spec_.query_key_norm == QueryKeyNorm::kHead && spec_.query_key_norm_kind == NormKind::kRms &&
         !spec_.query_key_norm_by_head && !spec_.query_key_norm_rotated && !spec_.limit_of_normed && spec_.rope >= 0;
}

void Attention::normalize(const StepContext& c) const {
  const std::int64_t tokens = c.step.token_count, row = row_width();
  float* const q = qkv_.get();
  const bool of_heads = spec_.query_key_norm == QueryKeyNorm::kHead;
  if (q_norm_) q_norm_->run_heads(c.stream, q, tokens, row, of_heads ? spec_.head_count : 1);
  if (k_norm_) k_norm_->run_heads(c.stream, q + spec_.q_width(), tokens, row, of_heads ? spec_.kv_head_count : 1);
}

void Attention::rotate_and_write(const StepContext& c, const PagedKv& cache) const {
  const std::int64_t row = row_width();
  float* const q = qkv_.get();
  float* const k = q + spec_.q_width();
  float* const v = k + spec_.kv_width();
  const bool has_keys = spec_.has_keys();
  if (v_norm_) v_norm_->run_heads(c.stream, v, c.step.token_count, row, spec_.kv_head_count);
  HeadNorms norms;
  if (rope_normalizes()) {
    norms = {q_norm_->weight(), k_norm_ ? k_norm_->weight() : nullptr, q_norm_->epsilon()};
  } else if (!spec_.query_key_norm_rotated) {
    normalize(c);
  }
  if (clamp_ && spec_.limit_of_normed) clamp_(c.stream, {q, c.step.token_count * row, spec_.qkv_limit});
  if (rope_) {
    rope_(c.stream, {rope_table_.get(), c.step.positions, c.step.token_count, rope_spec_.rotary_dim / 2,
                     rope_spec_.pairs, spec_.head_dim, spec_.head_count, has_keys ? spec_.kv_head_count : 0, q, row,
                     c.step, has_keys && !kv_write_ ? cache : PagedKv{}, norms, spec_.query_scale});
  }
  if (spec_.query_key_norm_rotated) normalize(c);
  if (kv_write_) kv_write_(c.stream, {k, v, row, c.step, cache});
}

void Attention::apply_gate(const StepContext& c, const float* gate) const {
  gate_(c.stream, {.x = seen_.get(),
                   .x_stride = spec_.q_width(),
                   .gate = gate,
                   .gate_stride = row_width(),
                   .row_count = c.step.token_count,
                   .group_count = spec_.gate_of_heads ? spec_.head_count : 1,
                   .width = spec_.gate_of_heads ? spec_.head_dim : spec_.q_width(),
                   .weight = nullptr,
                   .group_weights = false,
                   .epsilon = 0,
                   .activation = spec_.gate,
                   .gate_first = false,
                   .gate_of_groups = spec_.gate_of_heads,
                   .out = attended_.get(),
                   .out_format = handed_on_});
}

// Leaves out what stands behind a head's values, to a place that nothing reads.
void Attention::cut_values(const StepContext& c) const {
  const std::int64_t rows = c.step.token_count * spec_.head_count, cut = spec_.head_dim - spec_.value_dim;
  auto* const values = static_cast<float*>(attended_.get());
  split_rows_(c.stream,
              {seen_.get(), rows, spec_.value_dim, cut, values, spec_.value_dim, values + rows * spec_.value_dim, cut});
}

void Attention::run(const StepContext& c, const Activations& input, const LayerMemory& memory, float* out) const {
  const PagedKv& cache = memory.kv;
  const std::int64_t tokens = c.step.token_count;
  const std::int64_t row = row_width();
  float* const q = qkv_.get();
  MatmulInput x(c.stream, conversions_, input.data, input.format, tokens, width_);
  run_side_by_side(projections_, c.stream, x, tokens, q, row);
  if (clamp_ && !spec_.limit_of_normed) clamp_(c.stream, {q, tokens * row, spec_.qkv_limit});
  rotate_and_write(c, cache);
  // Gates read float32.
  void* const sums = is_worked_on(spec_) ? seen_.get() : attended_.get();
  const DistanceBiases biases{biases_.get(), static_cast<std::int32_t>(spec_.bias_rows.size() / 2)};
  if (steps_) {
    steps_->run(c, q, row, cache, {sinks_.get(), slopes_.get(), biases}, sums);
  } else {
    attention_(c.stream, {q, row, spec_.head_count, c.step, cache, spec_.mask, spec_.scale, spec_.softcap, sums,
                          is_worked_on(spec_) ? Format::kF32 : handed_on_, workspace_.get(), workspace_bytes_,
                          sinks_.get(), slopes_.get(), biases});
  }
  if (spec_.gated) apply_gate(c, q + spec_.q_width() + 2 * spec_.kv_width());
  if (split_rows_) cut_values(c);
  if (seen_norm_) seen_norm_->run(c.stream, seen_.get(), tokens, nullptr, attended_.get(), handed_on_);
  MatmulInput attended(c.stream, conversions_, attended_.get(), handed_on_, tokens, spec_.seen_width());
  output_.run(c.stream, attended, tokens, out, width_);
}

}  // namespace hearth
