// A model bound to one device: from a step's tokens to logits. Straight-line code over blocks that resolved their
// kernels when they were built; it sees one backend, so there is nowhere to fall back to.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "device/arena.h"
#include "kv/sequence_memory.h"
#include "model/architecture.h"
#include "model/blocks/alt_up.h"
#include "model/blocks/layer_input.h"
#include "model/blocks/transformer_layer.h"
#include "model/blocks/weight_table.h"
#include "model/recorded_steps.h"
#include "step/device_batch.h"

namespace hearth {

struct ForwardPassOptions {
  ComputeMode compute = ComputeMode::kAuto;
  // In steps: to check the fused kernel. Slower, and no step is recorded.
  AttentionMode attention = AttentionMode::kFused;
  std::int64_t context = 0;        // positions per sequence; what rope scalings are chosen for
  std::int64_t sequences_max = 1;  // of one step
  std::int64_t cache_tokens = 0;   // positions of the cache, all sequences together; 0: `context` for each of them
  std::int64_t step_tokens_max = 512;
  std::int64_t logit_rows_max = 1;  // of one step
  // Further rows of logits, for tokens that are drafted: several of one sequence in a decoding step. 0 afterwards where
  // the model has states, which cannot be taken back.
  std::int64_t draft_rows_max = 0;
  bool sampling = false;  // whether tokens are to be chosen from the logits (StepSampler)
  // Whether states are kept for sequences to come, as an engine's prefix cache does; without states no matter.
  bool checkpoints = false;
  // Experts' weights in pinned host memory (HostWeights): for a GPU whose own is too small. The bits are the same.
  bool experts_on_host = false;
  bool states_only = false;  // no logits: output_states() is all that is wanted
};

// The parts of the device's arena, which is all that a run allocates there. Mapped weights are read where the file is
// mapped, and are no part of it.
struct MemoryPlan {
  std::int64_t mapped_weight_bytes = 0;
  std::int64_t weight_bytes = 0;
  std::int64_t kv_cache_bytes = 0;
  std::int64_t workspace_bytes = 0;
  std::int64_t sampling_bytes = 0;  // for choosing tokens on the device
  std::int64_t state_bytes = 0;     // of sequences that run, and checkpoints; 0: the model has no states
  // Of experts whose weights are in the host's memory: pinned there, no part of the arena; and the slots that they are
  // copied to here.
  std::int64_t host_weight_bytes = 0;
  std::int64_t expert_slot_bytes = 0;
  std::int64_t total_bytes() const {
    return weight_bytes + kv_cache_bytes + workspace_bytes + sampling_bytes + state_bytes + expert_slot_bytes;
  }
  std::int64_t loaded_bytes() const { return weight_bytes + host_weight_bytes; }
  // For messages: "1024 weights, 512 key/value cache, 256 work space, 0 sampling".
  std::string parts() const;
};

// Tokens of a step that only decodes, at most.
std::int64_t decode_tokens_max(const ForwardPassOptions& options);

class ForwardPass {
 public:
  // Binds every operator and plans every byte; allocates nothing. `source` and the backend's device outlive the pass.
  // Throws InvalidInput or Unsupported, with everything that is missing or wrong.
  ForwardPass(const ModelSource& source, const Backend& backend, const ForwardPassOptions& options);
  // The same where the settings say how the model is to be read; they are not needed afterwards, their source is.
  ForwardPass(const Settings& settings, const Backend& backend, const ForwardPassOptions& options);
  ~ForwardPass();

  const ModelSpec& spec() const { return spec_; }
  const MemoryPlan& memory_plan() const { return plan_; }
  const std::vector<OperatorPlan>& operators() const { return binder_.operators(); }
  const SequenceMemoryShape& sequence_memory_shape() const { return memory_shape_; }
  const ForwardPassOptions& options() const { return options_; }
  const Backend& backend() const { return backend_; }
  // Sentences for the user on what is odd in the files and works all the same.
  const std::vector<std::string>& notes() const { return notes_; }

  // Allocates the arena that the plan says and fills the weights; `progress` hears of bytes done, of
  // memory_plan().loaded_bytes() in all (less what aligns the parts). Throws OutOfMemory, naming the parts.
  void load(Stream& stream, const std::function<void(std::int64_t)>& progress = {});
  // Once loaded, with room for what the plan has besides: one SequenceMemory of
  // sequence_memory_shape(), and a StepSampler.
  Arena& arena() { return arena_; }

  // Writes the batch's keys, values and states to the memory and returns the logits of its logit_rows(), [rows,
  // vocabulary], in the device's memory, valid until the next call; null where the model has none. Token ids must be in
  // [0, vocabulary). Where the model looks ahead, the batch has its sequences whole.
  float* run(Stream& stream, const Batch& batch, const SequenceMemory& memory);

  // The states from which the last run() computed its logits, or would have, after the output norm: [rows, width] in
  // the device's memory, in the kernels' activation format (without logits or that norm: float32), valid until the next
  // call.
  struct States {
    const std::byte* data;
    Format format;
    std::int64_t row_bytes;
  };
  States output_states() const;

  // What a step computes on its way, for comparing devices: hears of the residual stream after the embedding (layer -1)
  // and after each layer, x plus, from layer 0 on, delta: both [tokens, width] in the device's memory. While there is
  // an observer nothing is replayed.
  using Observer = std::function<void(std::int64_t layer, const float* x, const float* delta)>;
  void observe(Observer observer) { observer_ = std::move(observer); }

  // What matrices are multiplied with, for measuring it: hears of every product before it is computed, in the order of
  // the step. While there is an observer nothing is replayed.
  void observe_inputs(InputObserver observer) { binder_.observe_inputs(std::move(observer)); }

  // On a GPU: records the decoding steps (one token for each sequence, logits for all), so that run() replays them:
  // those of any number of sequences, filled up with rows that are no sequence's. With drafted tokens as well, each as
  // if it were a sequence. `memory` outlives the pass's use. On the CPU there is nothing to record.
  void record_decode_steps(Stream& stream, const SequenceMemory& memory);

 private:
  void bind_embeddings();
  void bind_positions();
  void bind_token_types();
  void plan_rope_tables();
  void bind_layers();
  void bind_output(const Settings& settings);
  void bind_sampling();
  void plan_memory();
  DeviceBatch::Limits batch_limits() const;
  // The step's tokens as the layers begin with them.
  void embed(const StepContext& context);
  // The logits of the rows that output_states() has.
  void run_output(Stream& stream, std::int64_t logit_rows);
  void launch_step(Stream& stream, const StepView& step, const SequenceMemory& memory, std::int64_t logit_rows);
  // What layer `index` is given: keys and values are those of the layer whose it sees.
  LayerMemory layer_memory(const SequenceMemory& memory, std::int64_t index) const;
  // How many tokens the recorded step has that takes the place of this one; 0: there is none.
  std::int64_t recorded_count(const Batch& batch, const SequenceMemory& memory) const;

  ModelSpec spec_;
  ForwardPassOptions options_;
  Backend backend_;
  Binder binder_;

  WeightTable token_embedding_, position_embedding_, token_type_embedding_;
  Kernel<EmbeddingGatherArgs> embedding_gather_;
  Kernel<PositionAddArgs> position_add_, token_type_add_;
  Planned<const std::int32_t> one_type_;                            // of all tokens, where there is but one
  std::optional<Linear> embedding_projection_, output_projection_;  // where embeddings are of a width of their own
  std::optional<Norm> embedding_norm_;
  std::optional<LayerInputs> layer_inputs_;
  std::optional<AltUpEnds> alt_up_;
  Kernel<RowGatherArgs> row_gather_;
  Kernel<ResidualAddArgs> residual_add_;
  std::vector<Planned<const float>> rope_tables_;  // of all positions; one for each ModelSpec::ropes
  std::vector<TransformerLayer> layers_;
  std::optional<Norm> output_norm_;
  std::optional<Linear> output_;
  Kernel<AttentionScaleArgs> logit_cap_;
  // Work space:
  Planned<float> x_, delta_;      // [tokens, width]
  Planned<float> logit_x_;        // [logit rows, width]: the rows of x whose logits are wanted
  Planned<void> normed_logit_x_;  // [logit rows, width]
  Planned<float> logits_;         // [logit rows, vocabulary]
  Planned<float> token_rows_;     // [tokens, token_width], where that is not width
  Planned<std::byte> batch_;

  SequenceMemoryShape memory_shape_;
  MemoryPlan plan_;
  Arena arena_;
  DeviceBatch device_batch_;
  std::vector<SequencePart> sequences_;  // of the step, for attention in steps

  RecordedSteps recorded_;
  Batch single_tokens_;  // of a step with drafted tokens, for replaying
  Observer observer_;
  std::vector<std::string> notes_;
};

}  // namespace hearth
