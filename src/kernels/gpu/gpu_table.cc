// The GPU's kernel tables. In bf16, weights are packed for the matrix unit (matmul/gpu_layout.h), and norms,
// activations and attention hand bf16 on; in float32, weights are unpacked to float32 and nothing is ever rounded to
// fewer bits.
#include "kernels/gpu/gpu_table.h"

#include "kernels/gpu/gpu_ops.h"
#include "kernels/matmul/gpu/pack_gpu.h"

#define NAME(op) op ".gpu"

namespace hearth {
namespace {

using namespace gpu_ops;

template <Format kFormat, Compute kCompute>
constexpr WeightPacking kPacking{
    16,
    [](std::int64_t n, std::int64_t k) {
      return gpu_packed_bytes(kCompute == Compute::kF32 ? GpuLayoutKind::kF32 : gpu_layout_of(kFormat), n, k);
    },
    [](const std::byte* weights, std::int64_t n, std::int64_t k, std::int64_t tile_begin, std::int64_t tile_end,
       std::byte* out) {
      gpu_pack(kFormat, kCompute == Compute::kF32 ? GpuLayoutKind::kF32 : gpu_layout_of(kFormat), weights, n, k,
               tile_begin, tile_end, out);
    }};

// The same kernel for every format, each packed in its way.
template <Compute kCompute, class Args>
constexpr PerFormat<WeightKernel<Args>> every_format(const char* name, void (*run)(Stream&, const Args&)) {
  const auto entries = [&]<std::size_t... kIndex>(std::index_sequence<kIndex...>) {
    using Item = typename PerFormat<WeightKernel<Args>>::Item;
    const Item items[]{
        {static_cast<Format>(kIndex), {{name, run}, &kPacking<static_cast<Format>(kIndex), kCompute>}}...};
    return PerFormat<WeightKernel<Args>>(items);
  };
  return entries(std::make_index_sequence<kFormatCount>());
}

template <Compute kCompute>
constexpr KernelTable make_table() {
  constexpr bool kIsF32 = kCompute == Compute::kF32;
  return {
      .embedding_gather = every_format<kCompute>(NAME("embedding_gather"), embedding_gather),
      .position_add = every_format<kCompute>(NAME("position_add"), position_add),
      .row_gather = {NAME("row_gather"), row_gather},
      .rope = {NAME("rope"), rope},
      .rms_norm = {NAME("rms_norm"), rms_norm},
      .layer_norm = {NAME("layer_norm"), layer_norm},
      .round_bf16 = {NAME("round_bf16"), round_bf16},
      .quantize_int8 = kUnsupported,
      .matmul_f32 = kIsF32 ? every_format<kCompute>(NAME("matmul.f32"), matmul_f32) : kUnsupported,
      .matmul_bf16 = kIsF32 ? kUnsupported : every_format<kCompute>(NAME("matmul.bf16"), matmul_bf16),
      .matmul_int8 = kUnsupported,
      .expert_matmul_f32 = kIsF32 ? every_format<kCompute>(NAME("expert_matmul.f32"), expert_matmul_f32) : kUnsupported,
      .expert_matmul_bf16 =
          kIsF32 ? kUnsupported : every_format<kCompute>(NAME("expert_matmul.bf16"), expert_matmul_bf16),
      .expert_matmul_int8 = kUnsupported,
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
      .sample = {NAME("sample"), sample},
      .activation_format = kIsF32 ? Format::kF32 : Format::kBf16,
      .v_by_dimension = true,
  };
}

constexpr KernelTable kF32Table = make_table<Compute::kF32>();
constexpr KernelTable kBf16Table = make_table<Compute::kBf16>();

}  // namespace

const KernelTable& gpu_kernels_f32() {
  return kF32Table;
}

const KernelTable& gpu_kernels_bf16() {
  return kBf16Table;
}

}  // namespace hearth
