// The kernel table of one instruction set.
#include "kernels/cpu/cpu_ops.h"
#include "kernels/experts/experts_cpu.h"
#include "kernels/matmul/cpu/matmul_int8.h"

#define NAME(op) op ".cpu." HEARTH_ISA_NAME

namespace hearth::HEARTH_ISA {

extern const KernelTable kTable;

namespace {

template <class Tile>
constexpr WeightPacking kPanels{kPanelRows, packed_bytes<Tile>, pack<Tile>};
// Formats whose integers are looked up, kGroups scales for each 32 columns.
template <Format kFormat, int kGroups>
constexpr WeightPacking kCodePanels{
    kPanelRows, packed_bytes<TileCodes<kGroups>>,
    [](const std::byte* weights, std::int64_t n, std::int64_t k, std::int64_t panel_begin, std::int64_t panel_end,
       std::byte* out) { pack_codes<kGroups>(kFormat, weights, n, k, panel_begin, panel_end, out); }};
template <Format kFormat>
constexpr WeightPacking kRounded{kPanelRows, packed_bytes_bf16, pack_bf16<kFormat>};

// All quantized formats but mxfp6_e3m2 and fp8_e4m3, whose values span more than 8 bits.
#define HEARTH_CODES_32(KERNEL, format, name) \
  KERNEL(format, name, matmul_int8_codes_32, (&kCodePanels<Format::format, 1>))
#define HEARTH_CODES_16(KERNEL, format, name) \
  KERNEL(format, name, matmul_int8_codes_16, (&kCodePanels<Format::format, 2>))
#define HEARTH_INT8_KERNELS(KERNEL)                                      \
  KERNEL(kQ4_0, "q4_0", matmul_int8_q4_0, &kPanels<TileQ4_0>)            \
  KERNEL(kQ8_0, "q8_0", matmul_int8_q8_0, &kPanels<TileQ8_0>)            \
  KERNEL(kInt8, "int8", matmul_int8_int8, &kPanels<TileInt8>)            \
  KERNEL(kInt4, "int4", matmul_int8_int4, &kPanels<TileInt4>)            \
  KERNEL(kQ4K, "q4_k", matmul_int8_q4_k, &kPanels<TileQ4K>)              \
  KERNEL(kQ6K, "q6_k", matmul_int8_q6_k, &kPanels<TileQ6K>)              \
  KERNEL(kQ4_1, "q4_1", matmul_int8<Q4_1Block>, nullptr)                 \
  KERNEL(kQ5_0, "q5_0", matmul_int8<Q5_0Block>, nullptr)                 \
  KERNEL(kQ5_1, "q5_1", matmul_int8<Q5_1Block>, nullptr)                 \
  KERNEL(kQ2K, "q2_k", matmul_int8<Q2KBlock>, nullptr)                   \
  KERNEL(kQ5K, "q5_k", matmul_int8<Q5KBlock>, nullptr)                   \
  KERNEL(kMxfp6E2m3, "mxfp6_e2m3", matmul_int8<Mxfp6E2m3Block>, nullptr) \
  HEARTH_CODES_16(KERNEL, kQ3K, "q3_k")                                  \
  HEARTH_CODES_32(KERNEL, kIq4Nl, "iq4_nl")                              \
  HEARTH_CODES_32(KERNEL, kIq4Xs, "iq4_xs")                              \
  HEARTH_CODES_32(KERNEL, kMxfp4, "mxfp4")                               \
  HEARTH_CODES_32(KERNEL, kIq3Xxs, "iq3_xxs")                            \
  HEARTH_CODES_32(KERNEL, kIq3S, "iq3_s")                                \
  HEARTH_CODES_32(KERNEL, kIq2Xxs, "iq2_xxs")                            \
  HEARTH_CODES_16(KERNEL, kIq2Xs, "iq2_xs")                              \
  HEARTH_CODES_16(KERNEL, kIq2S, "iq2_s")                                \
  HEARTH_CODES_32(KERNEL, kIq1S, "iq1_s")                                \
  HEARTH_CODES_16(KERNEL, kIq1M, "iq1_m")                                \
  HEARTH_CODES_32(KERNEL, kTq1_0, "tq1_0")                               \
  HEARTH_CODES_32(KERNEL, kTq2_0, "tq2_0")                               \
  HEARTH_CODES_32(KERNEL, kQ1_0, "q1_0")                                 \
  HEARTH_CODES_32(KERNEL, kQ2_0, "q2_0")                                 \
  HEARTH_CODES_16(KERNEL, kNvfp4, "nvfp4")
#define HEARTH_MATMUL(format, name, function, packing) \
  {Format::format, {{NAME("matmul.int8." name), function}, packing}},
#define HEARTH_EXPERT_MATMUL(format, name, function, packing) \
  {Format::format, {{NAME("expert_matmul.int8." name), expert_matmul<function>}, packing}},

}  // namespace

constexpr KernelTable kTable{
    .embedding_gather =
        PerFormat<WeightKernel<EmbeddingGatherArgs>>::every({{NAME("embedding_gather"), embedding_gather}}),
    .position_add = PerFormat<WeightKernel<PositionAddArgs>>::every({{NAME("position_add"), position_add}}),
    .row_gather = {NAME("row_gather"), row_gather},
    .rope = {NAME("rope"), rope},
    .rms_norm = {NAME("rms_norm"), rms_norm},
    .layer_norm = {NAME("layer_norm"), layer_norm},
    .round_bf16 = {NAME("round_bf16"), round_bf16},
    .quantize_int8 = {NAME("quantize_int8"), quantize_int8},
    .matmul_f32 = PerFormat<MatmulKernel>::every({{NAME("matmul.f32"), matmul_f32}}),
    .matmul_bf16 = PerFormat<MatmulKernel>::every({{NAME("matmul.bf16"), matmul_bf16}})
                       .with(Format::kF16, {{NAME("matmul.bf16"), matmul_bf16}, &kRounded<Format::kF16>})
                       .with(Format::kFp8E4m3, {{NAME("matmul.bf16"), matmul_bf16}, &kRounded<Format::kFp8E4m3>}),
    .matmul_int8 = {{HEARTH_INT8_KERNELS(HEARTH_MATMUL)}},
    .expert_matmul_f32 = PerFormat<ExpertMatmulKernel>::every({{NAME("expert_matmul.f32"), expert_matmul<matmul_f32>}}),
    .expert_matmul_bf16 =
        PerFormat<ExpertMatmulKernel>::every({{NAME("expert_matmul.bf16"), expert_matmul<matmul_bf16>}})
            .with(Format::kF16, {{NAME("expert_matmul.bf16"), expert_matmul<matmul_bf16>}, &kRounded<Format::kF16>})
            .with(Format::kFp8E4m3,
                  {{NAME("expert_matmul.bf16"), expert_matmul<matmul_bf16>}, &kRounded<Format::kFp8E4m3>}),
    .expert_matmul_int8 = {{HEARTH_INT8_KERNELS(HEARTH_EXPERT_MATMUL)}},
    .route = {NAME("route"), route},
    .group_experts = {NAME("group_experts"), group_experts},
    .expert_sum = {NAME("expert_sum"), expert_sum},
    .kv_write = {NAME("kv_write"), kv_write},
    .attention = {NAME("attention"), attention},
    .attention_scores = {NAME("attention_scores"), attention_scores},
    .attention_scale = {NAME("attention_scale"), attention_scale},
    .attention_mask = {NAME("attention_mask"), attention_mask},
    .softmax = {NAME("softmax"), softmax},
    .attention_weighted_sum = {NAME("attention_weighted_sum"), attention_weighted_sum},
    .activation = {NAME("activation"), activation},
    .gated_activation = {NAME("gated_activation"), gated_activation},
    .split_rows = {NAME("split_rows"), split_rows},
    .residual_add = {NAME("residual_add"), residual_add},
    .clamp = {NAME("clamp"), clamp},
    .causal_conv = {NAME("causal_conv"), causal_conv},
    .gated_delta = {NAME("gated_delta"), gated_delta},
    .selective_scan = {NAME("selective_scan"), selective_scan},
    .gated_rms_norm = {NAME("gated_rms_norm"), gated_rms_norm},
    .gate_cutoff = {NAME("gate_cutoff"), gate_cutoff},
    .match_magnitude = {NAME("match_magnitude"), match_magnitude},
    .alt_up_predict = {NAME("alt_up_predict"), alt_up_predict},
    .alt_up_correct = {NAME("alt_up_correct"), alt_up_correct},
    .sample = kUnsupported,
};

}  // namespace hearth::HEARTH_ISA
