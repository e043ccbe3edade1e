#include "model/forward_pass.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "base/error.h"

namespace hearth {
namespace {

const Architecture& known_architecture(const Settings& settings) {
  return architecture_of(settings);
}

Tensor tensor_of(const WeightEntry& entry, DeviceId device) {
  return {entry.bytes.data(), entry.format, device, entry.shape};
}

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
  for (const RopeSpec& rope : spec_.ropes) ropes_.push_back({rope_frequencies(rope, options_.context)});
  if (!ropes_.empty()) rope_table_ = binder_.kernel(binder_.kernels().rope_table, "rope_table");
  layers_.reserve(spec_.layers.size());
  for (std::int64_t i = 0; i < spec_.layer_count(); ++i) layers_.emplace_back(binder_, spec_, i);
  output_norm_.emplace(binder_, binder_.name(Weight::kOutputNorm), spec_.width, spec_.norm, spec_.norm_epsilon);
  // Tied models keep one matrix for both ends; which of the two names it has differs.
  const std::string output = binder_.name(Weight::kOutput);
  const bool own_output = binder_.find(output + ".weight") != nullptr;
  output_.emplace(binder_, own_output ? output : binder_.name(Weight::kTokenEmbedding), spec_.width, spec_.vocabulary,
                  Linear::Options{});
  plan_workspace();
  binder_.finish();

  kv_shape_ = {spec_.layer_count(), spec_.kv_head_count, spec_.head_dim,
               options_.sequences_max * kv_block_count(options_.context),
               binder_.all_f32() ? Format::kF32 : Format::kBf16};
  plan_ = {binder_.mapped_bytes(), binder_.reserved_bytes(), kv_shape_.bytes(), layout_.bytes};
}

ForwardPass::~ForwardPass() = default;

void ForwardPass::bind_embeddings() {
  const DeviceId device = backend_.device.id();
  const KernelTable& kernels = binder_.kernels();
  const auto gather_kernel = [&](Format format, std::string_view name) {
    const auto& kernel = kernels.embedding_gather[format];
    if (!kernel)
      binder_.problem(fmt::format("{} has no kernel for operator '{}' with {} weights", device.to_string(), name,
                                  traits(format).name));
    return kernel;
  };
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
  token_embedding_ = tensor_of(*entry, device);
  embedding_gather_ = gather_kernel(entry->format, "embedding_gather");
  row_gather_ = gather_kernel(Format::kF32, "row_gather");
  binder_.count_mapped(*entry);
  binder_.operation({"embedding_gather", std::string(embedding_gather_.name()), std::string(traits(entry->format).name),
                     format_bytes(entry->format, spec_.width)});
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
  position_embedding_ = tensor_of(*entry, device);
  position_add_ = kernels.position_add[entry->format];
  if (!position_add_) {
    binder_.problem(fmt::format("{} has no kernel for operator 'position_add' with {} weights", device.to_string(),
                                traits(entry->format).name));
  }
  binder_.count_mapped(*entry);
  binder_.operation({"position_add", std::string(position_add_.name()), std::string(traits(entry->format).name),
                     format_bytes(entry->format, spec_.width)});
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

  layout_.x = floats(spec_.width);
  layout_.normed = floats(spec_.width);
  layout_.qkv = floats(spec_.q_width() + 2 * spec_.kv_width());
  layout_.attended = floats(spec_.q_width());
  layout_.gate = floats(spec_.gated ? spec_.ff_width : 0);
  layout_.up = floats(spec_.ff_width);
  layout_.delta = floats(spec_.width);
  for (std::size_t i = 0; i < ropes_.size(); ++i) ropes_[i].table_offset = floats(spec_.ropes[i].rotary_dim);
  if (any(Compute::kBf16)) {
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
  layout_.bytes = end;
}

void ForwardPass::load(Stream& stream, const std::function<void(std::int64_t)>& progress) {
  weights_ = backend_.device.allocate(plan_.weight_bytes, "weights");
  workspace_ = backend_.device.allocate(plan_.workspace_bytes, "work space");
  binder_.fill(stream, weights_.data(), progress);
  for (TransformerLayer& layer : layers_) layer.locate(weights_.data());
  output_norm_->locate(weights_.data());
  output_->locate(weights_.data());
  conversions_.rounded = at<float>(layout_.rounded);
  conversions_.quantized = {at<std::int8_t>(layout_.q), at<float>(layout_.q_scale), at<std::int32_t>(layout_.q_sum),
                            at<float>(layout_.q_group_sum)};
}

StepContext ForwardPass::step_context(Stream& stream, const Batch& batch) {
  StepContext context{.stream = stream,
                      .step = batch.view(),
                      .rope_tables = {},
                      .conversions = conversions_,
                      .x = at<float>(layout_.x),
                      .normed = at<float>(layout_.normed),
                      .qkv = at<float>(layout_.qkv),
                      .attended = at<float>(layout_.attended),
                      .gate = at<float>(layout_.gate),
                      .up = at<float>(layout_.up),
                      .delta = at<float>(layout_.delta)};
  for (const Rope& rope : ropes_) context.rope_tables.push_back(at<float>(rope.table_offset));
  return context;
}

const float* ForwardPass::run(Stream& stream, const Batch& batch, const PagedKvCache& cache) {
  const std::int64_t tokens = batch.token_count();
  const auto logit_rows = static_cast<std::int64_t>(batch.logit_rows().size());
  CHECK(tokens <= options_.step_tokens_max && logit_rows <= options_.logit_rows_max);
  StepContext context = step_context(stream, batch);
  const bool round_to_bf16 = !binder_.all_f32();

  embedding_gather_(stream, {batch.tokens().data(), tokens, token_embedding_, round_to_bf16, 1.0f, context.x});
  if (position_add_) {
    position_add_(stream, {context.step.positions, tokens, 0, position_embedding_, round_to_bf16, context.x});
  }
  for (const Rope& rope : ropes_) {
    rope_table_(stream, {context.step.positions, tokens, rope.frequencies.inverse.data(),
                         static_cast<std::int64_t>(rope.frequencies.inverse.size()), rope.frequencies.scale,
                         at<float>(rope.table_offset)});
  }
  for (std::size_t i = 0; i < layers_.size(); ++i) layers_[i].run(context, cache.layer(static_cast<std::int64_t>(i)));

  float* logits = at<float>(layout_.logits);
  if (logit_rows == 0) return logits;
  const Tensor x{reinterpret_cast<const std::byte*>(context.x), Format::kF32, backend_.device.id(),
                 Shape{tokens, spec_.width}};
  float* rows = at<float>(layout_.logit_x);
  row_gather_(stream, {batch.logit_rows().data(), logit_rows, x, false, 1.0f, rows});
  output_norm_->run(stream, rows, logit_rows, rows);
  MatmulInput input(stream, conversions_, rows, logit_rows, spec_.width);
  output_->run(stream, input, logit_rows, logits, spec_.vocabulary);
  return logits;
}

}  // namespace hearth
