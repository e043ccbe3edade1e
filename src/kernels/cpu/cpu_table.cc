// The kernel table of one instruction set.
#include "kernels/cpu/cpu_ops.h"
#include "kernels/matmul/cpu/matmul_int8.h"

#define NAME(op) op ".cpu." HEARTH_ISA_NAME

namespace hearth::HEARTH_ISA {

extern const KernelTable kTable;

namespace {

template <class Block>
constexpr MatmulKernel int8_kernel(const char* name) {
  return {{name, matmul_int8<Block>}};
}

template <class Tile>
constexpr WeightPacking kPanels{kPanelRows, packed_bytes<Tile>, pack<Tile>};
constexpr WeightPacking kRoundedF16{kPanelRows, packed_bytes_bf16, pack_bf16_from_f16};

template <class Tile>
constexpr MatmulKernel panel_kernel(const char* name, Kernel<MatmulArgs>::Function function) {
  return {{name, function}, &kPanels<Tile>};
}

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
                       .with(Format::kF16, {{NAME("matmul.bf16"), matmul_bf16}, &kRoundedF16}),
    // All quantized formats but mxfp6_e3m2, whose values span more than 8 bits.
    .matmul_int8 = {{
        {Format::kQ4_0, panel_kernel<TileQ4_0>(NAME("matmul.int8.q4_0"), matmul_int8_q4_0)},
        {Format::kQ8_0, panel_kernel<TileQ8_0>(NAME("matmul.int8.q8_0"), matmul_int8_q8_0)},
        {Format::kQ4K, panel_kernel<TileQ4K>(NAME("matmul.int8.q4_k"), matmul_int8_q4_k)},
        {Format::kQ6K, panel_kernel<TileQ6K>(NAME("matmul.int8.q6_k"), matmul_int8_q6_k)},
        {Format::kQ4_1, int8_kernel<Q4_1Block>(NAME("matmul.int8.q4_1"))},
        {Format::kQ5_0, int8_kernel<Q5_0Block>(NAME("matmul.int8.q5_0"))},
        {Format::kQ5_1, int8_kernel<Q5_1Block>(NAME("matmul.int8.q5_1"))},
        {Format::kQ2K, int8_kernel<Q2KBlock>(NAME("matmul.int8.q2_k"))},
        {Format::kQ3K, int8_kernel<Q3KBlock>(NAME("matmul.int8.q3_k"))},
        {Format::kQ5K, int8_kernel<Q5KBlock>(NAME("matmul.int8.q5_k"))},
        {Format::kIq4Nl, int8_kernel<Iq4NlBlock>(NAME("matmul.int8.iq4_nl"))},
        {Format::kIq4Xs, int8_kernel<Iq4XsBlock>(NAME("matmul.int8.iq4_xs"))},
        {Format::kMxfp4, int8_kernel<Mxfp4Block>(NAME("matmul.int8.mxfp4"))},
        {Format::kMxfp6E2m3, int8_kernel<Mxfp6E2m3Block>(NAME("matmul.int8.mxfp6_e2m3"))},
    }},
    .kv_write = {NAME("kv_write"), kv_write},
    .attention = {NAME("attention"), attention},
    .attention_scores = {NAME("attention_scores"), attention_scores},
    .attention_scale = {NAME("attention_scale"), attention_scale},
    .attention_mask = {NAME("attention_mask"), attention_mask},
    .softmax = {NAME("softmax"), softmax},
    .attention_weighted_sum = {NAME("attention_weighted_sum"), attention_weighted_sum},
    .activation = {NAME("activation"), activation},
    .gated_activation = {NAME("gated_activation"), gated_activation},
    .residual_add = {NAME("residual_add"), residual_add},
    .sample = kUnsupported,
};

}  // namespace hearth::HEARTH_ISA
