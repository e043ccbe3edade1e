// A model bound to one device: from a step's tokens to logits. Straight-line code over blocks that resolved their
// kernels when they were built; it sees one backend, so there is nowhere to fall back to.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "device/arena.h"
#include "device/gpu/gpu_device.h"
#include "kv/paged_kv_cache.h"
#include "model/architecture.h"
#include "model/transformer_layer.h"
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
  bool sampling = false;            // whether tokens are to be chosen from the logits (StepSampler)
};

// The parts of the device's arena, which is all that a run allocates there. Mapped weights are read where the file is
// mapped, and are no part of it.
struct MemoryPlan {
  std::int64_t mapped_weight_bytes = 0;
  std::int64_t weight_bytes = 0;
  std::int64_t kv_cache_bytes = 0;
  std::int64_t workspace_bytes = 0;
  std::int64_t sampling_bytes = 0;  // for choosing tokens on the device
  std::int64_t total_bytes() const { return weight_bytes + kv_cache_bytes + workspace_bytes + sampling_bytes; }
  // For messages: "1024 weights, 512 key/value cache, 256 work space, 0 sampling".
  std::string parts() const;
};

class ForwardPass {
 public:
  // Binds every operator and plans every byte; allocates nothing. `source` and the backend's device outlive the pass.
  // Throws InvalidInput or Unsupported, with everything that is missing or wrong.
  ForwardPass(const ModelSource& source, const Backend& backend, const ForwardPassOptions& options);
  ~ForwardPass();

  const ModelSpec& spec() const { return spec_; }
  const MemoryPlan& memory_plan() const { return plan_; }
  const std::vector<OperatorPlan>& operators() const { return binder_.operators(); }
  const KvCacheShape& kv_cache_shape() const { return kv_shape_; }
  const ForwardPassOptions& options() const { return options_; }
  const Backend& backend() const { return backend_; }

  // Allocates the arena that the plan says and fills the weights; `progress` hears of bytes done, of
  // memory_plan().weight_bytes in all (less what aligns the parts). Throws OutOfMemory, naming the parts.
  void load(Stream& stream, const std::function<void(std::int64_t)>& progress = {});
  // Once loaded, with room for what the plan has besides: one PagedKvCache of kv_cache_shape(), and a StepSampler.
  Arena& arena() { return arena_; }

  // Writes the batch's keys and values to the cache and returns the logits of its logit_rows(), [rows, vocabulary], in
  // the device's memory, valid until the next call. Token ids must be in [0, vocabulary).
  const float* run(Stream& stream, const Batch& batch, const PagedKvCache& cache);

  // The states from which the last run() computed its logits, after the output norm: [rows, width] in the device's
  // memory, in the kernels' activation format, valid until the next call.
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

  // On a GPU: records the decoding steps (one token for each sequence, logits for all) of the usual numbers of
  // sequences, so that run() replays them. `cache` outlives the pass's use. On the CPU there is nothing to record.
  void record_decode_steps(Stream& stream, const PagedKvCache& cache);

 private:
  // Offsets in the work space.
  struct WorkspaceLayout {
    std::int64_t x, delta, normed, qkv, attended, gate_up, hidden, rounded, q, q_scale, q_sum, q_group_sum, logit_x,
        logits, batch, attention, scores, weighted_sum, matmul;
    std::int64_t attention_bytes, bytes;
  };

  // A table of rows, and where it is.
  struct Table {
    Tensor tensor;
    WeightPlace place;
  };

  void bind_embeddings();
  template <class Args>
  Kernel<Args> bind_table(const PerFormat<WeightKernel<Args>>& kernels, std::string_view name, const WeightEntry& entry,
                          Table& table);
  void plan_rope_tables();
  void plan_workspace();
  void plan_attention(const std::function<std::int64_t(std::int64_t)>& place);
  StepContext step_context(Stream& stream);
  DeviceBatch::Limits batch_limits() const;
  void launch_step(Stream& stream, StepContext context, const PagedKvCache& cache, std::int64_t logit_rows);
  bool replay_decode_step(Stream& stream, const PagedKvCache& cache, std::int64_t logit_rows);
  template <class T>
  T* at(std::int64_t offset) const {
    return reinterpret_cast<T*>(workspace_ + offset);
  }

  const Architecture& architecture_;
  ModelSpec spec_;
  ForwardPassOptions options_;
  Backend backend_;
  Binder binder_;

  Table token_embedding_, position_embedding_;
  Kernel<EmbeddingGatherArgs> embedding_gather_;
  Kernel<PositionAddArgs> position_add_;
  Kernel<RowGatherArgs> row_gather_;
  Kernel<ResidualAddArgs> residual_add_;
  std::vector<WeightPlace> rope_tables_;  // of all positions; one for each ModelSpec::ropes
  std::vector<TransformerLayer> layers_;
  std::optional<Norm> output_norm_;
  std::optional<Linear> output_;
  MatmulInput::Conversions conversions_;

  KvCacheShape kv_shape_;
  WorkspaceLayout layout_{};
  MemoryPlan plan_;
  Arena arena_;
  std::byte *weights_ = nullptr, *workspace_ = nullptr;
  DeviceBatch device_batch_;
  std::vector<SequencePart> sequences_;  // of the step, for attention in steps

  // Recorded decoding steps, by number of sequences and upper bound of their keys.
  std::map<std::pair<std::int64_t, std::int64_t>, GpuGraph> decode_steps_;
  const PagedKvCache* decode_cache_ = nullptr;
  Observer observer_;
};

}  // namespace hearth
