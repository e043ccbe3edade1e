// What a forward pass binds and plans; forward_pass.cc runs it.
#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "model/forward_pass.h"
#include "model/tied_embeddings.h"
#include "sampling/device_sampler.h"

namespace hearth {
namespace {

// The options with what the model and other options say of them.
ForwardPassOptions within_limits(ForwardPassOptions options, const Settings& settings, const ModelSpec& spec) {
  if (options.context <= 0) options.context = spec.context_max;
  if (options.context > spec.context_max) {
    throw InvalidInput(fmt::format("{}: a context of {} positions; the model was made for {}", settings.file_name(),
                                   options.context, spec.context_max));
  }
  options.step_tokens_max = std::min(options.step_tokens_max, options.context * options.sequences_max);
  if (!spec.has_logits || spec.has_states()) options.draft_rows_max = 0;
  options.draft_rows_max =
      std::clamp<std::int64_t>(options.step_tokens_max - options.logit_rows_max, 0, options.draft_rows_max);
  options.logit_rows_max = std::min(options.logit_rows_max + options.draft_rows_max, options.step_tokens_max);
  if (spec.looks_ahead() && options.step_tokens_max < options.context) {
    throw InvalidInput(
        fmt::format("{}: every token sees those after it, so that a text is computed whole; steps of {} "
                    "tokens are too small for a context of {}",
                    settings.file_name(), options.step_tokens_max, options.context));
  }
  return options;
}

ModelSpec spec_for(const ForwardPassOptions& options, const Settings& settings) {
  ModelSpec spec = read_model_spec(settings);
  if (options.states_only) spec.has_logits = false;
  return spec;
}

TensorNames tensor_names(const Settings& settings) {
  const Architecture& architecture = architecture_of(settings);
  TensorNames names(settings.is_gguf() ? NameScheme::kGguf : architecture.config_names, architecture.own_names);
  if (!settings.is_gguf()) names.place_within(settings.source().tensors());
  return names;
}

StepLimits step_limits(const ForwardPassOptions& options) {
  return {options.step_tokens_max, std::max(options.sequences_max, decode_tokens_max(options)), options.logit_rows_max,
          options.context};
}

}  // namespace

std::int64_t decode_tokens_max(const ForwardPassOptions& options) {
  return std::min({options.sequences_max + options.draft_rows_max, options.logit_rows_max, options.step_tokens_max});
}

ForwardPass::ForwardPass(const ModelSource& source, const Backend& backend, const ForwardPassOptions& options)
    : ForwardPass(Settings(source), backend, options) {}

ForwardPass::ForwardPass(const Settings& settings, const Backend& backend, const ForwardPassOptions& options)
    : spec_(spec_for(options, settings)),
      options_(within_limits(options, settings, spec_)),
      backend_(backend),
      binder_(settings.source(), tensor_names(settings), backend, options.compute, step_limits(options_)) {
  if (options_.experts_on_host) binder_.keep_experts_on_host();
  bind_embeddings();
  plan_rope_tables();
  bind_layers();
  bind_output(settings);
  bind_sampling();
  batch_ = backend_.device.is_cpu() ? Planned<std::byte>()
                                    : binder_.work_space().area<std::byte>("batch", DeviceBatch::bytes(batch_limits()));
  binder_.finish();
  plan_memory();
}

ForwardPass::~ForwardPass() = default;

std::string MemoryPlan::parts() const {
  return fmt::format("{} weights, {} key/value cache, {} work space, {} sampling{}{}", weight_bytes, kv_cache_bytes,
                     workspace_bytes, sampling_bytes, state_bytes > 0 ? fmt::format(", {} states", state_bytes) : "",
                     expert_slot_bytes > 0 ? fmt::format(", {} for experts on their way", expert_slot_bytes) : "");
}

void ForwardPass::bind_embeddings() {
  const KernelTable& kernels = binder_.kernels();
  row_gather_ = binder_.kernel(kernels.row_gather, "row_gather");
  std::string name = binder_.name(Weight::kTokenEmbedding);
  if (binder_.find(name + ".weight") == nullptr && binder_.find(binder_.name(Weight::kOutput) + ".weight") != nullptr) {
    name = binder_.name(Weight::kOutput);
  }
  const WeightEntry* entry = binder_.find(name + ".weight");
  if (entry == nullptr || entry->shape.rank() != 2 || entry->shape[1] != spec_.token_width() || entry->shape[0] <= 0) {
    binder_.problem(entry == nullptr ? fmt::format("tensor '{}.weight' is missing", name)
                                     : fmt::format("tensor '{}.weight' has shape {}, not [vocabulary, {}]", name,
                                                   entry->shape.to_string(), spec_.token_width()));
    binder_.finish();
  }
  spec_.vocabulary = entry->shape[0];
  embedding_gather_ = bind_table(binder_, kernels.embedding_gather, "embedding_gather", *entry, token_embedding_);
  if (spec_.projects_embeddings()) {
    embedding_projection_.emplace(binder_, binder_.name(Weight::kEmbeddingProjection), spec_.token_width(), spec_.width,
                                  Linear::Options{.input = Format::kF32});
    token_rows_ = binder_.work_space().area<float>(
        "embeddings", options_.step_tokens_max * spec_.token_width() * std::int64_t{sizeof(float)});
  }
  bind_positions();
  bind_token_types();
  if (spec_.embedding_norm) {
    embedding_norm_.emplace(binder_, binder_.name(Weight::kEmbeddingNorm), spec_.sum_width(),
                            spec_.own_embedding_norm.value_or(spec_.norm));
  }
  if (spec_.layer_input_width > 0) layer_inputs_.emplace(binder_, spec_);
  if (spec_.alt_up) alt_up_.emplace(binder_, spec_);
}

void ForwardPass::bind_positions() {
  if (!spec_.learned_positions) return;
  const std::string name = binder_.name(Weight::kPositionEmbedding) + ".weight";
  const WeightEntry* entry = binder_.find(name);
  const std::int64_t rows = options_.context + spec_.position_offset;
  if (entry == nullptr || entry->shape.rank() != 2 || entry->shape[1] != spec_.sum_width() || entry->shape[0] < rows) {
    binder_.problem(entry == nullptr ? fmt::format("tensor '{}' is missing", name)
                                     : fmt::format("tensor '{}' has shape {}, not [at least {}, {}]", name,
                                                   entry->shape.to_string(), rows, spec_.sum_width()));
    return;
  }
  position_add_ = bind_table(binder_, binder_.kernels().position_add, "position_add", *entry, position_embedding_);
}

void ForwardPass::bind_token_types() {
  if (!spec_.token_types) return;
  const std::string name = binder_.name(Weight::kTokenTypeEmbedding) + ".weight";
  const WeightEntry* entry = binder_.find(name);
  if (entry == nullptr || entry->shape.columns() != spec_.sum_width()) {
    binder_.problem(entry == nullptr ? fmt::format("tensor '{}' is missing", name)
                                     : fmt::format("tensor '{}' has shape {}, not [types, {}]", name,
                                                   entry->shape.to_string(), spec_.sum_width()));
    return;
  }
  token_type_add_ =
      bind_table(binder_, binder_.kernels().position_add, "token_type_add", *entry, token_type_embedding_);
  if (entry->shape.rows() > 1) return;
  const std::int64_t bytes = options_.step_tokens_max * std::int64_t{sizeof(std::int32_t)};
  one_type_ =
      binder_.reserve(bytes, [bytes](std::byte* to) { std::fill_n(to, bytes, std::byte{0}); }).as<const std::int32_t>();
}

void ForwardPass::plan_rope_tables() {
  for (const RopeSpec& rope : spec_.ropes) {
    const std::int64_t positions = options_.context, row_bytes = rope.rotary_dim * std::int64_t{sizeof(float)};
    constexpr std::int64_t kPart = 64;  // positions
    const auto fill = [frequencies = rope_frequencies(rope, positions), positions](std::int64_t begin, std::int64_t end,
                                                                                   std::byte* to) {
      const std::int64_t first = begin * kPart, last = std::min(positions, end * kPart);
      fill_rope_table(frequencies, first, last - first, reinterpret_cast<float*>(to));
    };
    rope_tables_.push_back(binder_.reserve(positions * row_bytes, kPart * row_bytes, fill).as<const float>());
  }
}

void ForwardPass::bind_layers() {
  const std::int64_t stream_bytes = options_.step_tokens_max * spec_.width * std::int64_t{sizeof(float)};
  x_ = binder_.work_space().area<float>("x", stream_bytes);
  delta_ = binder_.work_space().area<float>("delta", stream_bytes);
  const LayerParts parts{binder_, spec_, rope_tables_, options_.attention};
  layers_.reserve(spec_.layers.size());
  for (std::int64_t i = 0; i < spec_.layer_count(); ++i) layers_.emplace_back(parts, i);
  if (!layers_.empty()) residual_add_ = binder_.kernel(binder_.kernels().residual_add, "residual_add");
}

void ForwardPass::bind_output(const Settings& settings) {
  if (spec_.output_norm) {
    output_norm_.emplace(binder_, binder_.name(Weight::kOutputNorm), spec_.width,
                         spec_.own_output_norm.value_or(spec_.norm));
  }
  const std::int64_t rows = options_.logit_rows_max;
  WorkSpace& work_space = binder_.work_space();
  logit_x_ = work_space.area<float>("logit rows", rows * spec_.width * std::int64_t{sizeof(float)});
  normed_logit_x_ = work_space.area<void>("normed", format_bytes(output_states().format, rows * spec_.width));
  if (spec_.has_logits) notes_ = check_tied_embeddings(settings, binder_);
  if (const auto note = settings.larger_model_note()) notes_.push_back(*note);
  if (!spec_.has_logits) return;
  // Tied models keep one matrix for both ends; which of the two names it has differs.
  const std::string output = binder_.name(Weight::kOutput);
  const bool own_output = binder_.find(output + ".weight") != nullptr;
  Format input = output_states().format;
  if (spec_.projects_embeddings()) {
    output_projection_.emplace(binder_, binder_.name(Weight::kOutputProjection), spec_.width, spec_.token_width(),
                               Linear::Options{.input = input});
    input = Format::kF32;
  }
  output_.emplace(binder_, own_output ? output : binder_.name(Weight::kTokenEmbedding), spec_.token_width(),
                  spec_.vocabulary, Linear::Options{.factor = spec_.logit_scale, .input = input});
  if (spec_.logit_softcap > 0) logit_cap_ = binder_.kernel(binder_.kernels().attention_scale, "logit_cap");
  logits_ = work_space.area<float>("logits", rows * spec_.vocabulary * std::int64_t{sizeof(float)});
}

// On the CPU sampling is no kernel's (sampling/sampler.h).
void ForwardPass::bind_sampling() {
  if (!options_.sampling || !spec_.has_logits || backend_.device.is_cpu()) return;
  binder_.kernel(binder_.kernels().sample, "sample");
  if (spec_.vocabulary <= kSampleVocabMax) return;
  binder_.problem(fmt::format("{} chooses among at most {} tokens; the model has {}", backend_.device.id().to_string(),
                              kSampleVocabMax, spec_.vocabulary));
}

DeviceBatch::Limits ForwardPass::batch_limits() const {
  return {options_.step_tokens_max, std::max(options_.sequences_max, decode_tokens_max(options_)), options_.context,
          spec_.has_states(), spec_.token_types && !one_type_};
}

void ForwardPass::plan_memory() {
  const bool is_cpu = backend_.device.is_cpu();
  const std::int64_t padding_count = is_cpu ? 0 : 1;  // what fills up recorded steps
  KvCacheShape& kv = memory_shape_.kv;
  StateShape& states = memory_shape_.states;
  for (const LayerSpec& layer : spec_.layers) {
    const bool has_keys = layer.has_attention() && layer.attention().has_keys();
    const AttentionSpec attention = has_keys ? layer.attention() : AttentionSpec();
    kv.layers.push_back({attention.kv_head_count, attention.head_dim, attention.latent ? attention.latent->rank : 0});
    states.layer_floats.push_back(layer.state_floats());
  }
  // What is computed whole is read by no later step: one layer's memory serves all.
  const auto is_first = [&](const KvCacheShape::Layer& layer) { return layer == kv.layers.front(); };
  if (spec_.looks_ahead() && std::ranges::all_of(kv.layers, is_first)) {
    kv.layers.resize(1);
    states.layer_floats.resize(1);
  }
  kv.block_count = options_.cache_tokens > 0 ? kv_block_count(std::max(options_.cache_tokens, options_.context))
                                             : options_.sequences_max * kv_block_count(options_.context);
  kv.padding_count = padding_count;
  kv.format = binder_.all_f32() ? Format::kF32 : Format::kBf16;
  kv.v_by_dimension = binder_.kernels().v_by_dimension;
  if (spec_.has_states()) {
    states.slot_count = options_.sequences_max;
    states.padding_count = padding_count;
    if (options_.checkpoints) states.checkpoint_count = checkpoint_count(memory_shape_);
  }
  const bool samples_here = options_.sampling && spec_.has_logits && !is_cpu;
  plan_ = {binder_.mapped_bytes(),
           Arena::part_bytes(binder_.reserved_bytes()),
           Arena::part_bytes(kv.bytes()),
           Arena::part_bytes(binder_.work_space().bytes()),
           Arena::part_bytes(samples_here ? SamplingStep::memory_bytes(options_.logit_rows_max, spec_.vocabulary) : 0),
           Arena::part_bytes(states.bytes())};
  if (const HostWeights* host = binder_.host_weights()) {
    plan_.host_weight_bytes = host->bytes();
    plan_.expert_slot_bytes = host->slots_bytes();
    if (host->bytes() == 0) notes_.emplace_back("the model has no experts: '--experts host' changes nothing");
  }
}

}  // namespace hearth
