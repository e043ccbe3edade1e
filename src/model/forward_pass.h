// A model bound to one device: from a step's tokens to logits. Straight-line code over blocks that resolved their
// kernels when they were built; it sees one backend, so there is nowhere to fall back to.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "kv/batch.h"
#include "kv/paged_kv_cache.h"
#include "model/architecture.h"
#include "model/transformer_layer.h"

namespace hearth {

struct ForwardPassOptions {
  ComputeMode compute = ComputeMode::kAuto;
  std::int64_t context = 0;        // positions per sequence; what rope scalings are chosen for
  std::int64_t sequences_max = 1;  // whose caches are held at once, each of `context` positions
  std::int64_t step_tokens_max = 512;
  std::int64_t logit_rows_max = 1;  // of one step
};

// Bytes that the run will allocate on the device, and keeps to. Mapped weights are read where the file is mapped.
struct MemoryPlan {
  std::int64_t mapped_weight_bytes = 0;
  std::int64_t weight_bytes = 0;
  std::int64_t kv_cache_bytes = 0;
  std::int64_t workspace_bytes = 0;
  std::int64_t total_bytes() const { return weight_bytes + kv_cache_bytes + workspace_bytes; }
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

  // Allocates what the plan says and fills the weights; `progress` hears of bytes done, of plan().weight_bytes in all.
  void load(Stream& stream, const std::function<void(std::int64_t)>& progress = {});

  // Writes the batch's keys and values to the cache and returns the logits of its logit_rows(), [rows, vocabulary],
  // valid until the next call. Token ids must be in [0, vocabulary).
  const float* run(Stream& stream, const Batch& batch, const PagedKvCache& cache);

 private:
  struct Rope {
    RopeFrequencies frequencies;
    std::int64_t table_offset = 0;  // in the work space
  };
  // Offsets in the work space.
  struct WorkspaceLayout {
    std::int64_t x, normed, qkv, attended, gate, up, delta, rounded, q, q_scale, q_sum, q_group_sum, logit_x, logits;
    std::int64_t bytes;
  };

  void bind_embeddings();
  void plan_workspace();
  StepContext step_context(Stream& stream, const Batch& batch);
  template <class T>
  T* at(std::int64_t offset) const {
    return reinterpret_cast<T*>(workspace_.data() + offset);
  }

  const Architecture& architecture_;
  ModelSpec spec_;
  ForwardPassOptions options_;
  Backend backend_;
  Binder binder_;

  Tensor token_embedding_, position_embedding_;
  Kernel<EmbeddingGatherArgs> embedding_gather_, row_gather_;
  Kernel<PositionAddArgs> position_add_;
  Kernel<RopeTableArgs> rope_table_;
  std::vector<Rope> ropes_;
  std::vector<TransformerLayer> layers_;
  std::optional<Norm> output_norm_;
  std::optional<Linear> output_;
  MatmulInput::Conversions conversions_;

  KvCacheShape kv_shape_;
  WorkspaceLayout layout_{};
  MemoryPlan plan_;
  Buffer weights_, workspace_;
};

}  // namespace hearth
