#include "model/blocks/latent_attention.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace hearth {
namespace {

const AttentionSpec& attention_of(const LayerParts& parts, std::int64_t layer) {
  return parts.spec.layers[static_cast<std::size_t>(layer)].attention();
}
const LatentSpec& latent_of(const LayerParts& parts, std::int64_t layer) {
  return *attention_of(parts, layer).latent;
}

std::optional<Linear> bind_q_a(const LayerParts& parts, std::int64_t layer, Format input) {
  const std::int64_t rank = latent_of(parts, layer).q_rank;
  if (rank == 0) return std::nullopt;
  return Linear(parts.binder, parts.binder.name(Weight::kLatentQuery, layer), parts.spec.width, rank, {.input = input});
}

Linear bind_q(const LayerParts& parts, std::int64_t layer, Format input) {
  const LatentSpec& latent = latent_of(parts, layer);
  const std::int64_t out = attention_of(parts, layer).head_count * (latent.key_dim + latent.rope_dim);
  Binder& binder = parts.binder;
  if (latent.q_rank == 0) {
    return Linear(binder, binder.name(Weight::kQuery, layer), parts.spec.width, out,
                  {.scale = latent.plain_queries ? FileScale::kNone : FileScale::kProduct, .input = input});
  }
  return Linear(binder, binder.name(Weight::kLatentQueryUp, layer), latent.q_rank, out, {});
}

NormSpec norm_of(const LatentSpec& latent) {
  return {.kind = NormKind::kRms, .epsilon = latent.norm_epsilon};
}

std::optional<Norm> bind_q_norm(const LayerParts& parts, std::int64_t layer) {
  const LatentSpec& latent = latent_of(parts, layer);
  if (latent.q_rank == 0) return std::nullopt;
  return Norm(parts.binder, parts.binder.name(Weight::kLatentQueryNorm, layer), latent.q_rank, norm_of(latent));
}

// A matrix [in_rows, columns] with rows and columns exchanged, in another format.
void transpose(const std::byte* from, Format format, std::int64_t in_rows, std::int64_t columns, Format to_format,
               std::byte* to) {
  std::vector<float> rows(static_cast<std::size_t>(in_rows * columns)), result(rows.size());
  traits(format).decode_f32(from, rows.data(), in_rows * columns);
  for (std::int64_t r = 0; r < in_rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c) {
      result[static_cast<std::size_t>(c * in_rows + r)] = rows[static_cast<std::size_t>(r * columns + c)];
    }
  }
  traits(to_format).encode(result.data(), to, in_rows * columns);
}

// Of each head, [rows, in]: the file's own tensor, or made of what one tensor has for keys and values, head by head:
// [heads, key_dim + value_dim, rank].
enum class HeadPart : std::uint8_t { kKeys, kValues };

ExpertMatrices head_matrices(const LayerParts& parts, std::int64_t layer, HeadPart part) {
  Binder& binder = parts.binder;
  const AttentionSpec& spec = attention_of(parts, layer);
  const auto [rank, key_dim, value_dim] =
      std::array{latent_of(parts, layer).rank, latent_of(parts, layer).key_dim, latent_of(parts, layer).value_dim};
  const bool is_keys = part == HeadPart::kKeys;
  const Weight own = is_keys ? Weight::kLatentKeyUp : Weight::kLatentValueUp;
  const std::string name = binder.name(own, layer);
  if (!name.empty() && binder.find(name + ".weight") != nullptr) {
    return is_keys ? find_expert_matrices(binder, parts.spec, own, layer, spec.head_count, key_dim, rank)
                   : find_expert_matrices(binder, parts.spec, own, layer, spec.head_count, rank, value_dim);
  }
  const std::int64_t head_rows = key_dim + value_dim;
  const WeightEntry* joined = binder.require_matrix(binder.name(Weight::kLatentKeyValueUp, layer) + ".weight",
                                                    Shape{spec.head_count * head_rows, rank});
  if (joined == nullptr) return {};
  if (!is_keys) {
    return {.format = joined->format, .matrix = [=](std::int64_t head, std::vector<std::byte>& scratch) {
              return joined->rows(head * head_rows + key_dim, (head + 1) * head_rows, scratch);
            }};
  }
  // A row becomes a column, which a format with blocks cannot have.
  const Format format = compute_for(binder, joined->format) == Compute::kF32 ? Format::kF32 : Format::kBf16;
  return {.format = format, .matrix = [=](std::int64_t head, std::vector<std::byte>& scratch) -> const std::byte* {
            std::vector<std::byte> made;
            const std::byte* const rows = joined->rows(head * head_rows, head * head_rows + key_dim, made);
            scratch.resize(static_cast<std::size_t>(format_bytes(format, key_dim * rank)));
            transpose(rows, joined->format, key_dim, rank, format, scratch.data());
            return scratch.data();
          }};
}

ExpertLinear bind_heads(const LayerParts& parts, std::int64_t layer, HeadPart part) {
  Binder& binder = parts.binder;
  const LatentSpec& latent = latent_of(parts, layer);
  const std::int64_t heads = attention_of(parts, layer).head_count;
  const bool is_keys = part == HeadPart::kKeys;
  const Weight own = is_keys ? Weight::kLatentKeyUp : Weight::kLatentValueUp;
  std::string name = binder.name(own, layer);
  if (name.empty()) name = fmt::format("{} ({})", binder.name(Weight::kLatentKeyValueUp, layer), is_keys ? "k" : "v");
  ExpertLinear::Sizes sizes{.expert_count = heads, .used = heads};
  sizes.in = is_keys ? latent.key_dim : latent.rank;
  sizes.rows = is_keys ? latent.rank : latent.value_dim;
  sizes.input = is_keys ? Format::kF32 : binder.kernels().activation_format;
  return {binder, name, {head_matrices(parts, layer, part)}, sizes};
}

}  // namespace

LatentAttention::LatentAttention(const LayerParts& parts, std::int64_t layer, Format input)
    : spec_(attention_of(parts, layer)),
      latent_(latent_of(parts, layer)),
      width_(parts.spec.width),
      handed_on_(parts.binder.kernels().activation_format),
      conversions_(parts.binder.conversions()),
      q_a_(bind_q_a(parts, layer, input)),
      q_norm_(bind_q_norm(parts, layer)),
      q_(bind_q(parts, layer, input)),
      kv_a_(parts.binder, parts.binder.name(Weight::kLatentKeyValue, layer), width_, spec_.head_dim, {.input = input}),
      kv_norm_(parts.binder, parts.binder.name(Weight::kLatentKeyValueNorm, layer), latent_.rank, norm_of(latent_)),
      k_b_(bind_heads(parts, layer, HeadPart::kKeys)),
      v_b_(bind_heads(parts, layer, HeadPart::kValues)),
      output_(parts.binder, parts.binder.name(Weight::kAttentionOutput, layer), spec_.head_count * latent_.value_dim,
              width_,
              {.factor = parts.spec.layers[static_cast<std::size_t>(layer)].residual_scale, .input = Format::kF32}) {
  Binder& binder = parts.binder;
  const KernelTable& kernels = binder.kernels();
  const auto name = [&](std::string_view op) { return fmt::format("layer {} {}", layer, op); };
  split_rows_ = binder.kernel(kernels.split_rows, name("split_rows"));
  kv_write_ = binder.kernel(kernels.kv_write, name("kv_write"));
  group_ = binder.kernel(kernels.group_experts, name("group_experts"));
  if (spec_.rope >= 0) {
    rope_ = binder.kernel(kernels.rope, name("rope"));
    rope_spec_ = parts.spec.ropes[static_cast<std::size_t>(spec_.rope)];
    rope_table_ = parts.rope_tables[static_cast<std::size_t>(spec_.rope)];
  }
  const std::int64_t slots = binder.limits().tokens_max * spec_.head_count;
  const auto fill = [slots, heads = spec_.head_count](std::byte* to) {
    auto* numbers = reinterpret_cast<std::int32_t*>(to);
    for (std::int64_t s = 0; s < slots; ++s) numbers[s] = static_cast<std::int32_t>(s % heads);
  };
  heads_ = binder.reserve(slots * std::int64_t{sizeof(std::int32_t)}, fill).as<const std::int32_t>();
  plan_memory(binder);
  if (parts.attention == AttentionMode::kSteps) {
    steps_.emplace(binder, spec_, layer);
  } else {
    attention_ = binder.kernel(kernels.attention, name("attention"));
  }
}

void LatentAttention::plan_memory(Binder& binder) {
  const std::int64_t tokens = binder.limits().tokens_max, slots = tokens * spec_.head_count;
  const auto floats = [&](std::string_view name, std::int64_t count) {
    return binder.work_space().area<float>(name, count * std::int64_t{sizeof(float)});
  };
  low_q_ = floats("queries of low rank", tokens * latent_.q_rank);
  normed_q_ =
      binder.work_space().area<void>("queries of low rank, normed", format_bytes(handed_on_, tokens * latent_.q_rank));
  q_rows_ = floats("qkv", slots * (latent_.key_dim + latent_.rope_dim));
  q_keys_ = floats("queries' keys", slots * latent_.key_dim);
  kv_rows_ = floats("latents", tokens * spec_.head_dim);
  queries_ = floats("queries of latents", slots * spec_.head_dim);
  seen_ = binder.work_space().area<void>("attended", format_bytes(handed_on_, slots * latent_.rank));
  values_ = floats("heads' values", slots * latent_.value_dim);
  begin_ = floats("experts' slots begin", spec_.head_count + 1).as<std::int32_t>();
  slots_ = floats("experts' slots", slots).as<std::int32_t>();
  tiles_ = floats("experts' tiles", expert_tile_words(slots, spec_.head_count)).as<std::int32_t>();
}

void LatentAttention::rotate(const StepContext& c, float* x, std::int64_t head_count, std::int64_t row) const {
  if (!rope_) return;
  rope_(c.stream, {rope_table_.get(),
                   c.step.positions,
                   c.step.token_count,
                   rope_spec_.rotary_dim / 2,
                   rope_spec_.pairs,
                   spec_.head_dim,
                   head_count,
                   0,
                   x,
                   row,
                   c.step,
                   {}});
}

ExpertGroups LatentAttention::heads_of(const StepContext& c) const {
  return {heads_.get(), c.step.token_count == 1, begin_.get(), slots_.get(), tiles_.get()};
}

// Leaves in queries_ what each head compares with the cache's rows.
void LatentAttention::run_queries(const StepContext& c, MatmulInput& x) const {
  const std::int64_t tokens = c.step.token_count, heads = spec_.head_count, row = latent_.key_dim + latent_.rope_dim;
  if (q_a_) {
    q_a_->run(c.stream, x, tokens, low_q_.get(), latent_.q_rank);
    q_norm_->run(c.stream, low_q_.get(), tokens, nullptr, normed_q_.get(), handed_on_);
    MatmulInput low(c.stream, conversions_, normed_q_.get(), handed_on_, tokens, latent_.q_rank);
    q_.run(c.stream, low, tokens, q_rows_.get(), heads * row);
  } else {
    q_.run(c.stream, x, tokens, q_rows_.get(), heads * row);
  }
  float* const rotated = queries_.get() + latent_.rank;
  split_rows_(c.stream, {q_rows_.get(), tokens * heads, latent_.key_dim, latent_.rope_dim, q_keys_.get(),
                         latent_.key_dim, rotated, spec_.head_dim, spec_.query_scale, c.step.positions, heads});
  rotate(c, rotated, heads, heads * spec_.head_dim);
  group_(c.stream, {tokens * heads, heads, heads_of(c)});
  MatmulInput keys(c.stream, conversions_, q_keys_.get(), Format::kF32, tokens * heads, latent_.key_dim);
  k_b_.run(c.stream, keys, heads_of(c), tokens * heads, 1, queries_.get(), spec_.head_dim);
}

// Writes the tokens' rows to the cache.
void LatentAttention::run_keys(const StepContext& c, MatmulInput& x, const PagedKv& cache) const {
  const std::int64_t tokens = c.step.token_count, row = spec_.head_dim;
  float* const rows = kv_rows_.get();
  kv_a_.run(c.stream, x, tokens, rows, row);
  kv_norm_.run_heads(c.stream, rows, tokens, row, 1);
  rotate(c, rows + latent_.rank, 1, row);
  kv_write_(c.stream, {rows, nullptr, row, c.step, cache});
}

void LatentAttention::run(const StepContext& c, const Activations& input, const LayerMemory& memory, float* out) const {
  const PagedKv& cache = memory.kv;
  const std::int64_t tokens = c.step.token_count, heads = spec_.head_count, queries_row = heads * spec_.head_dim;
  {
    // Its conversion does not outlive the next product of another input.
    MatmulInput x(c.stream, conversions_, input.data, input.format, tokens, width_);
    run_keys(c, x, cache);
    run_queries(c, x);
  }
  if (steps_) {
    steps_->run(c, queries_.get(), queries_row, cache, {}, seen_.get());
  } else {
    attention_(c.stream, {queries_.get(), queries_row, heads, c.step, cache, spec_.mask, spec_.scale, spec_.softcap,
                          seen_.get(), handed_on_});
  }
  MatmulInput seen(c.stream, conversions_, seen_.get(), handed_on_, tokens * heads, latent_.rank);
  v_b_.run(c.stream, seen, heads_of(c), tokens * heads, 1, values_.get(), latent_.value_dim);
  MatmulInput values(c.stream, conversions_, values_.get(), Format::kF32, tokens, heads * latent_.value_dim);
  output_.run(c.stream, values, tokens, out, width_);
}

}  // namespace hearth
