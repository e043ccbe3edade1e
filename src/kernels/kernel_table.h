// The operators of Hearth, and where a device keeps its kernels for them. A table has an entry for each operator, and
// for those that read weights one per format (and compute mode): what is empty is not supported, and nothing else says
// what is.
#pragma once

#include "kernels/activation/activation.h"
#include "kernels/alt_up/alt_up.h"
#include "kernels/attention/attention.h"
#include "kernels/attention_steps/attention_steps.h"
#include "kernels/causal_conv/causal_conv.h"
#include "kernels/clamp/clamp.h"
#include "kernels/embedding_gather/embedding_gather.h"
#include "kernels/experts/experts.h"
#include "kernels/gate_cutoff/gate_cutoff.h"
#include "kernels/gated_delta/gated_delta.h"
#include "kernels/gated_rms_norm/gated_rms_norm.h"
#include "kernels/kernel.h"
#include "kernels/kv_write/kv_write.h"
#include "kernels/layer_norm/layer_norm.h"
#include "kernels/match_magnitude/match_magnitude.h"
#include "kernels/matmul/matmul.h"
#include "kernels/position_add/position_add.h"
#include "kernels/quantize/quantize.h"
#include "kernels/residual_add/residual_add.h"
#include "kernels/rms_norm/rms_norm.h"
#include "kernels/rope/rope.h"
#include "kernels/sample/sample.h"
#include "kernels/selective_scan/selective_scan.h"
#include "kernels/split_rows/split_rows.h"

namespace hearth {

// How a kernel wants a weight matrix [n, k] where it does not read what files have: packed once, at load, in tiles of
// rows that do not depend on each other.
struct WeightPacking {
  std::int64_t tile_rows;
  std::int64_t (*bytes)(std::int64_t n, std::int64_t k);  // of the packed matrix
  // Packs the tiles [tile_begin, tile_end) to `out`, which is where the first of them goes.
  void (*pack)(const std::byte* weights, std::int64_t n, std::int64_t k, std::int64_t tile_begin, std::int64_t tile_end,
               std::byte* out);
};

// A kernel that reads weights of one format.
template <class Args>
struct WeightKernel {
  Kernel<Args> run;
  const WeightPacking* packing = nullptr;  // null: as files have them

  constexpr explicit operator bool() const { return static_cast<bool>(run); }
};
using MatmulKernel = WeightKernel<MatmulArgs>;
using ExpertMatmulKernel = WeightKernel<ExpertMatmulArgs>;  // the packing: of one expert

struct KernelTable {
  PerFormat<WeightKernel<EmbeddingGatherArgs>> embedding_gather;
  PerFormat<WeightKernel<PositionAddArgs>> position_add;
  Required<RowGatherArgs> row_gather;
  Required<RopeArgs> rope;
  Required<RmsNormArgs> rms_norm;
  Required<LayerNormArgs> layer_norm;
  Required<RoundBf16Args> round_bf16;
  Required<QuantizeInt8Args> quantize_int8;
  PerFormat<MatmulKernel> matmul_f32;
  PerFormat<MatmulKernel> matmul_bf16;
  PerFormat<MatmulKernel> matmul_int8;
  PerFormat<ExpertMatmulKernel> expert_matmul_f32;
  PerFormat<ExpertMatmulKernel> expert_matmul_bf16;
  PerFormat<ExpertMatmulKernel> expert_matmul_int8;
  Required<RouteArgs> route;
  Required<GroupExpertsArgs> group_experts;
  Required<ExpertSumArgs> expert_sum;
  Required<KvWriteArgs> kv_write;
  Required<AttentionArgs> attention;
  Required<AttentionScoresArgs> attention_scores;
  Required<AttentionScaleArgs> attention_scale;
  Required<AttentionMaskArgs> attention_mask;
  Required<SoftmaxArgs> softmax;
  Required<AttentionWeightedSumArgs> attention_weighted_sum;
  Required<ActivationArgs> activation;
  Required<GatedActivationArgs> gated_activation;
  Required<SplitRowsArgs> split_rows;
  Required<ResidualAddArgs> residual_add;
  Required<ClampArgs> clamp;
  Required<CausalConvArgs> causal_conv;
  Required<GatedDeltaArgs> gated_delta;
  Required<SelectiveScanArgs> selective_scan;
  Required<GatedRmsNormArgs> gated_rms_norm;
  Required<GateCutoffArgs> gate_cutoff;
  Required<MatchMagnitudeArgs> match_magnitude;
  Required<AltUpPredictArgs> alt_up_predict;
  Required<AltUpCorrectArgs> alt_up_correct;
  Required<SampleArgs> sample;  // unsupported on the CPU, where sampling/sampler.h does it

  // The form in which the operators hand activations to the next matmul: float32, rounded where it is computed in bf16
  // (round_bf16), or bf16 itself.
  Format activation_format = Format::kF32;
  bool v_by_dimension = false;  // the layout of the cache's values (PagedKv)
};

// The table's matmuls of one compute mode.
inline const PerFormat<MatmulKernel>& matmuls(const KernelTable& kernels, Compute compute) {
  return compute == Compute::kF32    ? kernels.matmul_f32
         : compute == Compute::kBf16 ? kernels.matmul_bf16
                                     : kernels.matmul_int8;
}
inline const PerFormat<ExpertMatmulKernel>& expert_matmuls(const KernelTable& kernels, Compute compute) {
  return compute == Compute::kF32    ? kernels.expert_matmul_f32
         : compute == Compute::kBf16 ? kernels.expert_matmul_bf16
                                     : kernels.expert_matmul_int8;
}

// A device and its kernels: what a model is bound to.
struct Backend {
  Device& device;
  const KernelTable& kernels;
};

}  // namespace hearth
