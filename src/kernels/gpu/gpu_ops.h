// The launchers of the GPU's operators, for its kernel tables.
#pragma once

#include "kernels/kernel_table.h"

namespace hearth::gpu_ops {

void embedding_gather(Stream& stream, const EmbeddingGatherArgs& args);
void position_add(Stream& stream, const PositionAddArgs& args);
void row_gather(Stream& stream, const RowGatherArgs& args);
void matmul_f32(Stream& stream, const MatmulArgs& args);
void matmul_bf16(Stream& stream, const MatmulArgs& args);
void expert_matmul_f32(Stream& stream, const ExpertMatmulArgs& args);
void expert_matmul_bf16(Stream& stream, const ExpertMatmulArgs& args);
void route(Stream& stream, const RouteArgs& args);
void group_experts(Stream& stream, const GroupExpertsArgs& args);
void expert_sum(Stream& stream, const ExpertSumArgs& args);
void attention(Stream& stream, const AttentionArgs& args);
void activation(Stream& stream, const ActivationArgs& args);
void gated_activation(Stream& stream, const GatedActivationArgs& args);
void attention_scores(Stream& stream, const AttentionScoresArgs& args);
void attention_scale(Stream& stream, const AttentionScaleArgs& args);
void attention_mask(Stream& stream, const AttentionMaskArgs& args);
void softmax(Stream& stream, const SoftmaxArgs& args);
void attention_weighted_sum(Stream& stream, const AttentionWeightedSumArgs& args);
void kv_write(Stream& stream, const KvWriteArgs& args);
void layer_norm(Stream& stream, const LayerNormArgs& args);
void round_bf16(Stream& stream, const RoundBf16Args& args);
void rms_norm(Stream& stream, const RmsNormArgs& args);
void rope(Stream& stream, const RopeArgs& args);
void split_rows(Stream& stream, const SplitRowsArgs& args);
void residual_add(Stream& stream, const ResidualAddArgs& args);
void clamp(Stream& stream, const ClampArgs& args);
void causal_conv(Stream& stream, const CausalConvArgs& args);
void gated_delta(Stream& stream, const GatedDeltaArgs& args);
void selective_scan(Stream& stream, const SelectiveScanArgs& args);
void gated_rms_norm(Stream& stream, const GatedRmsNormArgs& args);
void gate_cutoff(Stream& stream, const GateCutoffArgs& args);
void match_magnitude(Stream& stream, const MatchMagnitudeArgs& args);
void alt_up_predict(Stream& stream, const AltUpPredictArgs& args);
void alt_up_correct(Stream& stream, const AltUpCorrectArgs& args);
void sample(Stream& stream, const SampleArgs& args);

}  // namespace hearth::gpu_ops
