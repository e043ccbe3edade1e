#include "model/forward_pass.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "base/error.h"
#include "sampling/device_sampler.h"

namespace hearth {
namespace {

const Architecture& known_architecture(const Settings& settings) {
  return architecture_of(settings);
}

// Numbers of sequences whose decoding steps are recorded, and the least bound of keys; further ones are four times the
// one before. A step takes the smallest that holds it: what lies beyond its keys costs little.
constexpr std::int64_t kRecordedSequences[] = {1, 2, 4, 8, 16, 32, 64, 128, 256};
constexpr std::int64_t kRecordedKeysMin = 2048;
// Sequences whose attention in decoding steps shares the keys out over the GPU; more fill it by themselves.
constexpr std::int64_t kSharedAttentionSequences = 32;

}  // namespace

ForwardPass::ForwardPass(const ModelSource& source, const Backend& backend, const ForwardPassOptions& options)
    : architecture_(known_architecture(Settings(source))),
      spec_(architecture_.read_spec(Settings(source))),
      options_(options),
      backend_(backend),
      binder_(source, source.kind() == ModelSource::Kind::kGguf ? NameScheme::kGguf : architecture_.config_names,
              backend, options.compute) {
  if (options_.context <= 0) options_.context = spec_.context_max;
  if (options_.context > spec_.context_max) {
    throw InvalidInput(fmt::format("{}: a context of {} positions; the model was made for {}", source.path().string(),
                                   options_.context, spec_.context_max));
  }
  options_.step_tokens_max = std::min(options_.step_tokens_max, options_.context * options_.sequences_max);
  options_.logit_rows_max = std::min(options_.logit_rows_max, options_.step_tokens_max);
  bind_embeddings();
  plan_rope_tables();
  layers_.reserve(spec_.layers.size());
  for (std::int64_t i = 0; i < spec_.layer_count(); ++i) layers_.emplace_back(binder_, spec_, i, options_.attention);
  output_norm_.emplace(binder_, binder_.name(Weight::kOutputNorm), spec_.width, spec_.norm, spec_.norm_epsilon);
  // Tied models keep one matrix for both ends; which of the two names it has differs.
  const std::string output = binder_.name(Weight::kOutput);
  const bool own_output = binder_.find(output + ".weight") != nullptr;
  output_.emplace(binder_, own_output ? output : binder_.name(Weight::kTokenEmbedding), spec_.width, spec_.vocabulary,
                  Linear::Options{});
  if (!layers_.empty()) residual_add_ = binder_.kernel(binder_.kernels().residual_add, "residual_add");
  plan_workspace();
  binder_.finish();

  kv_shape_ = {spec_.layer_count(),
               spec_.kv_head_count,
               spec_.head_dim,
               options_.cache_tokens > 0 ? kv_block_count(std::max(options_.cache_tokens, options_.context))
                                         : options_.sequences_max * kv_block_count(options_.context),
               binder_.all_f32() ? Format::kF32 : Format::kBf16,
               binder_.kernels().v_by_dimension};
  const bool samples_here = options_.sampling && !backend_.device.shares_host_memory();
  plan_ = {binder_.mapped_bytes(), Arena::part_bytes(binder_.reserved_bytes()), Arena::part_bytes(kv_shape_.bytes()),
           Arena::part_bytes(layout_.bytes),
           Arena::part_bytes(samples_here ? SamplingStep::memory_bytes(options_.logit_rows_max, spec_.vocabulary) : 0)};
}

ForwardPass::~ForwardPass() = default;

std::string MemoryPlan::parts() const {
  return fmt::format("{} weights, {} key/value cache, {} work space, {} sampling", weight_bytes, kv_cache_bytes,
                     workspace_bytes, sampling_bytes);
}

void ForwardPass::bind_embeddings() {
  const KernelTable& kernels = binder_.kernels();
  row_gather_ = binder_.kernel(kernels.row_gather, "row_gather");
  std::string name = binder_.name(Weight::kTokenEmbedding);
  if (binder_.find(name + ".weight") == nullptr && binder_.find(binder_.name(Weight::kOutput) + ".weight") != nullptr) {
    name = binder_.name(Weight::kOutput);
  }
  const WeightEntry* entry = binder_.find(name + ".weight");
  if (entry == nullptr || entry->shape.rank() != 2 || entry->shape[1] != spec_.width || entry->shape[0] <= 0) {
    binder_.problem(entry == nullptr ? fmt::format("tensor '{}.weight' is missing", name)
                                     : fmt::format("tensor '{}.weight' has shape {}, not [vocabulary, {}]", name,
                                                   entry->shape.to_string(), spec_.width));
    binder_.finish();
  }
  spec_.vocabulary = entry->shape[0];
  embedding_gather_ = bind_table(kernels.embedding_gather, "embedding_gather", *entry, token_embedding_);
  if (!spec_.learned_positions) return;

  name = binder_.name(Weight::kPositionEmbedding) + ".weight";
  entry = binder_.find(name);
  if (entry == nullptr || entry->shape.rank() != 2 || entry->shape[1] != spec_.width ||
      entry->shape[0] < options_.context) {
    binder_.problem(entry == nullptr ? fmt::format("tensor '{}' is missing", name)
                                     : fmt::format("tensor '{}' has shape {}, not [at least {}, {}]", name,
                                                   entry->shape.to_string(), options_.context, spec_.width));
    return;
  }
  position_add_ = bind_table(kernels.position_add, "position_add", *entry, position_embedding_);
}

template <class Args>
Kernel<Args> ForwardPass::bind_table(const PerFormat<WeightKernel<Args>>& kernels, std::string_view name,
                                     const WeightEntry& entry, Table& table) {
  const WeightKernel<Args>& kernel = kernels[entry.format];
  const DeviceId device = backend_.device.id();
  if (!kernel) {
    binder_.problem(fmt::format("{} has no kernel for operator '{}' with {} weights", device.to_string(), name,
                                traits(entry.format).name));
    return {};
  }
  table = {{nullptr, entry.format, device, entry.shape}, binder_.place_matrix(entry, kernel.packing)};
  binder_.operation({std::string(name), std::string(kernel.run.name()), std::string(traits(entry.format).name),
                     format_bytes(entry.format, spec_.width)});
  return kernel.run;
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
    rope_tables_.push_back(binder_.reserve(positions * row_bytes, kPart * row_bytes, fill));
  }
}

void ForwardPass::plan_workspace() {
  const std::int64_t tokens = options_.step_tokens_max;
  std::int64_t end = 0;
  const auto place = [&end](std::int64_t bytes) { return std::exchange(end, end + align_bytes(bytes)); };
  const auto floats = [&](std::int64_t width) { return place(tokens * width * std::int64_t{sizeof(float)}); };

  std::vector<const Linear*> linears{&*output_};
  for (const TransformerLayer& layer : layers_) layer.collect_linears(linears);
  const auto any = [&](Compute compute) {
    return std::any_of(linears.begin(), linears.end(), [=](const Linear* l) { return l->compute() == compute; });
  };
  const std::int64_t k_max = std::max({spec_.width, spec_.q_width(), spec_.ff_width});

  const Format handed_on = binder_.kernels().activation_format;
  const auto activations = [&](std::int64_t width) { return place(format_bytes(handed_on, tokens * width)); };
  layout_.x = floats(spec_.width);
  layout_.delta = floats(spec_.width);
  layout_.normed = activations(spec_.width);
  layout_.qkv = floats(spec_.q_width() + 2 * spec_.kv_width());
  layout_.attended = activations(spec_.q_width());
  layout_.gate_up = floats((spec_.gated ? 2 : 1) * spec_.ff_width);
  layout_.hidden = activations(spec_.ff_width);
  if (any(Compute::kBf16) && handed_on == Format::kF32) {
    conversions_.round_bf16 = binder_.kernel(binder_.kernels().round_bf16, "round_bf16");
    layout_.rounded = floats(k_max);
  }
  if (any(Compute::kInt8)) {
    conversions_.quantize_int8 = binder_.kernel(binder_.kernels().quantize_int8, "quantize_int8");
    layout_.q = place(tokens * k_max);
    layout_.q_scale = floats(k_max / kActivationBlock);
    layout_.q_sum = floats(k_max / kActivationBlock);
    layout_.q_group_sum = floats(k_max / kActivationGroup);
  }
  layout_.logit_x = place(options_.logit_rows_max * spec_.width * std::int64_t{sizeof(float)});
  layout_.logits = place(options_.logit_rows_max * spec_.vocabulary * std::int64_t{sizeof(float)});
  if (!backend_.device.shares_host_memory()) {
    layout_.batch = place(DeviceBatch::bytes(batch_limits()));
    for (const Linear* linear : linears) {
      if (linear->compute() != Compute::kBf16) continue;
      conversions_.workspace_bytes =
          std::max(conversions_.workspace_bytes, matmul_workspace_reserve(tokens, linear->out(), linear->in()));
    }
    layout_.matmul = place(conversions_.workspace_bytes);
  }
  plan_attention(place);
  layout_.bytes = end;
}

DeviceBatch::Limits ForwardPass::batch_limits() const {
  return {options_.step_tokens_max, options_.sequences_max, options_.context};
}

void ForwardPass::plan_attention(const std::function<std::int64_t(std::int64_t)>& place) {
  if (options_.attention == AttentionMode::kSteps) {
    const std::int64_t tokens = options_.step_tokens_max;
    layout_.scores = place(4 * AttentionInSteps::score_count(spec_, tokens, options_.context));
    if (binder_.kernels().activation_format != Format::kF32) layout_.weighted_sum = place(4 * tokens * spec_.q_width());
    return;
  }
  if (backend_.device.shares_host_memory()) return;
  layout_.attention_bytes = attention_workspace_bytes(std::min(options_.sequences_max, kSharedAttentionSequences),
                                                      options_.context, spec_.head_count, spec_.head_dim);
  // One prompt at a time has its keys gathered, where there may be kernels that want it.
  if (backend_.device.id().kind == DeviceKind::kCuda) {
    layout_.attention_bytes =
        std::max(layout_.attention_bytes,
                 attention_prompt_workspace_bytes(1, options_.context, spec_.kv_head_count, spec_.head_dim));
  }
  layout_.attention = place(layout_.attention_bytes);
}

void ForwardPass::load(Stream& stream, const std::function<void(std::int64_t)>& progress) {
  arena_ = Arena(backend_.device, plan_.total_bytes(), fmt::format("memory ({})", plan_.parts()));
  weights_ = arena_.take(plan_.weight_bytes);
  workspace_ = arena_.take(plan_.workspace_bytes);
  binder_.fill(stream, weights_, progress);
  for (Table* table : {&token_embedding_, &position_embedding_}) {
    table->tensor.data = table->place.resolve(weights_);
  }
  for (TransformerLayer& layer : layers_) layer.locate(weights_);
  output_norm_->locate(weights_);
  output_->locate(weights_);
  conversions_.rounded = at<float>(layout_.rounded);
  conversions_.workspace = at<void>(layout_.matmul);
  conversions_.quantized = {at<std::int8_t>(layout_.q), at<float>(layout_.q_scale), at<std::int32_t>(layout_.q_sum),
                            at<float>(layout_.q_group_sum)};
  if (!backend_.device.shares_host_memory()) {
    device_batch_ = DeviceBatch(batch_limits(), at<std::byte>(layout_.batch));
  }
}

StepContext ForwardPass::step_context(Stream& stream) {
  StepContext context{.stream = stream,
                      .step = device_batch_.step(),
                      .sequences = sequences_,
                      .rope_tables = {},
                      .conversions = conversions_,
                      .activation_format = binder_.kernels().activation_format,
                      .attention_workspace = at<void>(layout_.attention),
                      .attention_workspace_bytes = layout_.attention_bytes,
                      .x = at<float>(layout_.x),
                      .delta = at<float>(layout_.delta),
                      .normed = at<void>(layout_.normed),
                      .qkv = at<float>(layout_.qkv),
                      .attended = at<void>(layout_.attended),
                      .gate_up = at<float>(layout_.gate_up),
                      .hidden = at<void>(layout_.hidden),
                      .scores = at<float>(layout_.scores),
                      .weighted_sum = at<float>(layout_.weighted_sum)};
  for (const WeightPlace& table : rope_tables_) {
    context.rope_tables.push_back(reinterpret_cast<const float*>(table.resolve(weights_)));
  }
  return context;
}

const float* ForwardPass::run(Stream& stream, const Batch& batch, const PagedKvCache& cache) {
  const auto logit_rows = static_cast<std::int64_t>(batch.logit_rows().size());
  CHECK(batch.token_count() <= options_.step_tokens_max && logit_rows <= options_.logit_rows_max);
  device_batch_.set(stream, batch);
  if (options_.attention == AttentionMode::kSteps) {
    sequences_ = batch.sequence_parts();
    for (const SequencePart& part : sequences_) CHECK(part.key_count <= options_.context);
  }
  if (!replay_decode_step(stream, cache, logit_rows)) launch_step(stream, step_context(stream), cache, logit_rows);
  return at<float>(layout_.logits);
}

ForwardPass::States ForwardPass::output_states() const {
  const Format format = binder_.kernels().activation_format;
  return {at<std::byte>(layout_.normed), format, format_bytes(format, spec_.width)};
}

void ForwardPass::launch_step(Stream& stream, StepContext context, const PagedKvCache& cache, std::int64_t logit_rows) {
  const std::int64_t tokens = context.step.token_count;
  const bool round_to_bf16 = !binder_.all_f32();
  embedding_gather_(stream, {device_batch_.tokens(), tokens, token_embedding_.tensor, round_to_bf16, 1.0f, context.x});
  if (position_add_) {
    position_add_(stream, {context.step.positions, tokens, 0, position_embedding_.tensor, round_to_bf16, context.x});
  }
  if (observer_) observer_(-1, context.x, nullptr);
  for (std::int64_t i = 0; i < std::ssize(layers_); ++i) {
    layers_[static_cast<std::size_t>(i)].run(context, cache.layer(i), i > 0);
    if (observer_) observer_(i, context.x, context.delta);
  }
  if (logit_rows == 0) return;
  if (!layers_.empty()) residual_add_(stream, {context.x, context.delta, tokens * spec_.width});
  float* rows = at<float>(layout_.logit_x);
  row_gather_(stream, {device_batch_.logit_rows(), logit_rows, context.x, spec_.width, rows});
  output_norm_->run(stream, rows, logit_rows, nullptr, context.normed, context.activation_format);
  MatmulInput input(stream, conversions_, context.normed, context.activation_format, logit_rows, spec_.width);
  output_->run(stream, input, logit_rows, at<float>(layout_.logits), spec_.vocabulary);
}

void ForwardPass::record_decode_steps(Stream& stream, const PagedKvCache& cache) {
  if (backend_.device.shares_host_memory() || options_.attention == AttentionMode::kSteps) return;
  GpuStream& gpu = gpu_stream(stream);
  decode_steps_.clear();
  decode_cache_ = &cache;
  for (const std::int64_t sequences : kRecordedSequences) {
    if (sequences > std::min({options_.sequences_max, options_.logit_rows_max, options_.step_tokens_max})) break;
    for (std::int64_t keys = std::min(kRecordedKeysMin, options_.context);;
         keys = std::min(4 * keys, options_.context)) {
      // Where the arrays stand depends on the numbers of tokens and sequences alone; what is in them, nothing reads
      // now.
      Batch batch;
      const std::int32_t token = 0, block = 0;
      for (std::int64_t s = 0; s < sequences; ++s) batch.add({&token, 1}, 0, {&block, 1}, 0, Batch::Logits::kLast);
      device_batch_.set(stream, batch);
      StepContext context = step_context(stream);
      context.step.key_count_max = keys;
      gpu.begin_capture();
      launch_step(stream, std::move(context), cache, sequences);
      decode_steps_.insert_or_assign({sequences, keys}, gpu.end_capture());
      if (keys == options_.context) break;
    }
  }
}

bool ForwardPass::replay_decode_step(Stream& stream, const PagedKvCache& cache, std::int64_t logit_rows) {
  const StepView& step = device_batch_.step();
  const bool is_decode = step.token_count == step.sequence_count && step.token_count == logit_rows;
  if (!is_decode || observer_ || decode_steps_.empty() || decode_cache_ != &cache) return false;
  const auto found = decode_steps_.lower_bound({step.sequence_count, step.key_count_max});
  if (found == decode_steps_.end() || found->first.first != step.sequence_count) return false;
  gpu_stream(stream).replay(found->second);
  return true;
}

}  // namespace hearth
