#include "model/forward_pass.h"

#include <algorithm>

#include "base/check.h"

namespace hearth {

void ForwardPass::load(Stream& stream, const std::function<void(std::int64_t)>& progress) {
  if (const HostWeights* host = binder_.host_weights()) host->require_memory();
  arena_ = Arena(backend_.device, plan_.total_bytes(), "memory (" + plan_.parts() + ")");
  std::byte* const weights = arena_.take(plan_.weight_bytes);
  std::byte* const work_space = arena_.take(plan_.workspace_bytes);
  std::byte* const slots = arena_.take(plan_.expert_slot_bytes);
  binder_.load(stream, weights, slots, work_space, progress);
  if (batch_) device_batch_ = DeviceBatch(batch_limits(), batch_.get());
}

float* ForwardPass::run(Stream& stream, const Batch& batch, const SequenceMemory& memory) {
  const auto logit_rows = static_cast<std::int64_t>(batch.logit_rows().size());
  CHECK(batch.token_count() <= options_.step_tokens_max && logit_rows <= options_.logit_rows_max);
  if (const std::int64_t padded_count = recorded_count(batch, memory); padded_count > 0) {
    const bool is_single = batch.token_count() == batch.sequence_count();
    if (!is_single) single_tokens_.assign_single_tokens(batch);
    device_batch_.set(stream, is_single ? batch : single_tokens_, padded_count,
                      {static_cast<std::int32_t>(memory_shape_.kv.block_count), memory_shape_.states.padding_slot()});
    recorded_.replay(gpu_stream(stream), padded_count, device_batch_.step().key_count_max);
    return logits_.get();
  }
  device_batch_.set(stream, batch);
  if (options_.attention == AttentionMode::kSteps) {
    sequences_ = batch.sequence_parts();
    for (const SequencePart& part : sequences_) CHECK(part.key_count <= options_.context);
  }
  launch_step(stream, device_batch_.step(), memory, logit_rows);
  return output_ ? logits_.get() : nullptr;
}

ForwardPass::States ForwardPass::output_states() const {
  const bool is_normed = spec_.has_logits && spec_.output_norm;
  const Format format = is_normed ? binder_.kernels().activation_format : Format::kF32;
  const std::byte* data =
      output_norm_ ? normed_logit_x_.as<const std::byte>().get() : logit_x_.as<const std::byte>().get();
  return {data, format, format_bytes(format, spec_.width)};
}

void ForwardPass::embed(const StepContext& c) {
  const std::int64_t tokens = c.step.token_count;
  const bool round_to_bf16 = !binder_.all_f32();
  float* const out = alt_up_ ? alt_up_->first() : c.x;
  float* const rows = embedding_projection_ ? token_rows_.get() : out;
  float* const x = spec_.projects_normed ? rows : out;
  embedding_gather_(c.stream, {device_batch_.tokens(), tokens, token_embedding_.placed(), round_to_bf16,
                               spec_.embedding_scale, rows});
  const auto project = [&] {
    MatmulInput narrow(c.stream, binder_.conversions(), rows, Format::kF32, tokens, spec_.token_width());
    embedding_projection_->run(c.stream, narrow, tokens, out, spec_.width);
  };
  if (embedding_projection_ && !spec_.projects_normed) project();
  if (position_add_) {
    position_add_(c.stream,
                  {c.step.positions, tokens, spec_.position_offset, position_embedding_.placed(), round_to_bf16, x});
  }
  if (token_type_add_) {
    const std::int32_t* types = one_type_ ? one_type_.get() : device_batch_.token_types();
    token_type_add_(c.stream, {types, tokens, 0, token_type_embedding_.placed(), round_to_bf16, x});
  }
  if (embedding_norm_) embedding_norm_->run(c.stream, x, tokens, nullptr, x, Format::kF32);
  if (embedding_projection_ && spec_.projects_normed) project();
  if (layer_inputs_) layer_inputs_->run(c.stream, device_batch_.tokens(), tokens, out);
  if (alt_up_) alt_up_->expand(c.stream, tokens);
  if (observer_) observer_(-1, out, nullptr);
}

LayerMemory ForwardPass::layer_memory(const SequenceMemory& memory, std::int64_t index) const {
  if (memory.shape().kv.layers.size() == 1) return memory.layer(0);
  LayerMemory result = memory.layer(index);
  const LayerSpec& layer = spec_.layers[static_cast<std::size_t>(index)];
  if (layer.has_attention() && !layer.attention().has_keys()) {
    result.kv = memory.layer(layer.attention().keys_of_layer).kv;
  }
  return result;
}

void ForwardPass::launch_step(Stream& stream, const StepView& step, const SequenceMemory& memory,
                              std::int64_t logit_rows) {
  const StepContext context{stream, step, sequences_, x_.get(), delta_.get()};
  const std::int64_t tokens = step.token_count;
  embed(context);
  HostWeights* const host = binder_.host_weights();
  if (host != nullptr && plan_.host_weight_bytes > 0) host->begin_step(gpu_stream(stream), tokens);
  bool has_delta = false;
  for (std::int64_t i = 0; i < std::ssize(layers_); ++i) {
    const TransformerLayer& layer = layers_[static_cast<std::size_t>(i)];
    layer.run(context, layer_memory(memory, i), has_delta);
    has_delta = layer.leaves_delta();
    if (observer_) observer_(i, context.x, has_delta ? context.delta : nullptr);
  }
  if (logit_rows == 0) return;
  if (has_delta) residual_add_(stream, {context.x, context.delta, tokens * spec_.width});
  if (alt_up_) {
    alt_up_->merge(stream, tokens, device_batch_.logit_rows(), logit_rows, logit_x_.get());
  } else {
    row_gather_(stream, {device_batch_.logit_rows(), logit_rows, context.x, spec_.width, logit_x_.get()});
  }
  const Format handed_on = output_states().format;
  if (output_norm_) output_norm_->run(stream, logit_x_.get(), logit_rows, nullptr, normed_logit_x_.get(), handed_on);
  if (output_) run_output(stream, logit_rows);
}

void ForwardPass::run_output(Stream& stream, std::int64_t logit_rows) {
  const States states = output_states();
  MatmulInput input(stream, binder_.conversions(), states.data, states.format, logit_rows, spec_.width);
  if (output_projection_) {
    output_projection_->run(stream, input, logit_rows, token_rows_.get(), spec_.token_width());
    MatmulInput narrow(stream, binder_.conversions(), token_rows_.get(), Format::kF32, logit_rows, spec_.token_width());
    output_->run(stream, narrow, logit_rows, logits_.get(), spec_.vocabulary);
  } else {
    output_->run(stream, input, logit_rows, logits_.get(), spec_.vocabulary);
  }
  if (logit_cap_) logit_cap_(stream, {logits_.get(), logit_rows * spec_.vocabulary, 1.0f, spec_.logit_softcap});
}

void ForwardPass::record_decode_steps(Stream& stream, const SequenceMemory& memory) {
  if (backend_.device.is_cpu() || options_.attention == AttentionMode::kSteps || !spec_.has_logits) return;
  const std::int64_t sequences_max = decode_tokens_max(options_);
  // Where the arrays stand depends on the numbers of tokens and sequences alone; what is in them, nothing reads now.
  recorded_.record(gpu_stream(stream), memory, sequences_max, options_.context,
                   [&](std::int64_t sequences, std::int64_t keys) {
                     StepView step = device_batch_.layout(sequences);
                     step.key_count_max = keys;
                     launch_step(stream, step, memory, sequences);
                   });
}

std::int64_t ForwardPass::recorded_count(const Batch& batch, const SequenceMemory& memory) const {
  const bool is_decode = batch.token_count() == static_cast<std::int64_t>(batch.logit_rows().size()) &&
                         (batch.token_count() == batch.sequence_count() || options_.draft_rows_max > 0);
  const bool is_observed = observer_ || binder_.conversions().observer;
  return is_decode && !is_observed ? recorded_.padded_count(memory, batch.token_count()) : 0;
}

}  // namespace hearth
