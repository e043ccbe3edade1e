// Every GPU kernel of the program: the file that defines it, and its name. Launchers name a kernel by the enumeration;
// a device resolves all of them when it is opened, and a test looks for each in every embedded code object.
#pragma once

#define HEARTH_GPU_KERNELS(X)                     \
  X(gather_gpu, gather_w4)                        \
  X(gather_gpu, gather_w4_min)                    \
  X(gather_gpu, gather_w4_fine)                   \
  X(gather_gpu, gather_w4_table)                  \
  X(gather_gpu, gather_w6)                        \
  X(gather_gpu, gather_w6_min)                    \
  X(gather_gpu, gather_w8)                        \
  X(gather_gpu, gather_w16)                       \
  X(gather_gpu, gather_f32)                       \
  X(matmul_stream_gpu, matmul_stream_w4_1)        \
  X(matmul_stream_gpu, matmul_stream_w4_8)        \
  X(matmul_stream_gpu, matmul_stream_w4_16)       \
  X(matmul_stream_gpu, expert_matmul_w4)          \
  X(matmul_stream_gpu, matmul_stream_w4_min_1)    \
  X(matmul_stream_gpu, matmul_stream_w4_min_8)    \
  X(matmul_stream_gpu, matmul_stream_w4_min_16)   \
  X(matmul_stream_gpu, expert_matmul_w4_min)      \
  X(matmul_stream_gpu, matmul_stream_w4_fine_1)   \
  X(matmul_stream_gpu, matmul_stream_w4_fine_8)   \
  X(matmul_stream_gpu, matmul_stream_w4_fine_16)  \
  X(matmul_stream_gpu, expert_matmul_w4_fine)     \
  X(matmul_stream_gpu, matmul_stream_w4_table_1)  \
  X(matmul_stream_gpu, matmul_stream_w4_table_8)  \
  X(matmul_stream_gpu, matmul_stream_w4_table_16) \
  X(matmul_stream_gpu, expert_matmul_w4_table)    \
  X(matmul_stream_gpu, matmul_stream_w6_1)        \
  X(matmul_stream_gpu, matmul_stream_w6_8)        \
  X(matmul_stream_gpu, matmul_stream_w6_16)       \
  X(matmul_stream_gpu, expert_matmul_w6)          \
  X(matmul_stream_gpu, matmul_stream_w6_min_1)    \
  X(matmul_stream_gpu, matmul_stream_w6_min_8)    \
  X(matmul_stream_gpu, matmul_stream_w6_min_16)   \
  X(matmul_stream_gpu, expert_matmul_w6_min)      \
  X(matmul_stream_gpu, matmul_stream_w8_1)        \
  X(matmul_stream_gpu, matmul_stream_w8_8)        \
  X(matmul_stream_gpu, matmul_stream_w8_16)       \
  X(matmul_stream_gpu, expert_matmul_w8)          \
  X(matmul_stream_gpu, matmul_stream_w16_1)       \
  X(matmul_stream_gpu, matmul_stream_w16_8)       \
  X(matmul_stream_gpu, matmul_stream_w16_16)      \
  X(matmul_stream_gpu, expert_matmul_w16)         \
  X(matmul_tile_gpu, matmul_tile_w4_32)           \
  X(matmul_tile_gpu, matmul_tile_w4_64)           \
  X(matmul_tile_gpu, matmul_tile_w4_128)          \
  X(matmul_tile_gpu, matmul_tile_w4_min_32)       \
  X(matmul_tile_gpu, matmul_tile_w4_min_64)       \
  X(matmul_tile_gpu, matmul_tile_w4_min_128)      \
  X(matmul_tile_gpu, matmul_tile_w4_fine_32)      \
  X(matmul_tile_gpu, matmul_tile_w4_fine_64)      \
  X(matmul_tile_gpu, matmul_tile_w4_fine_128)     \
  X(matmul_tile_gpu, matmul_tile_w4_table_32)     \
  X(matmul_tile_gpu, matmul_tile_w4_table_64)     \
  X(matmul_tile_gpu, matmul_tile_w4_table_128)    \
  X(matmul_tile_gpu, matmul_tile_w6_32)           \
  X(matmul_tile_gpu, matmul_tile_w6_64)           \
  X(matmul_tile_gpu, matmul_tile_w6_128)          \
  X(matmul_tile_gpu, matmul_tile_w6_min_32)       \
  X(matmul_tile_gpu, matmul_tile_w6_min_64)       \
  X(matmul_tile_gpu, matmul_tile_w6_min_128)      \
  X(matmul_tile_gpu, matmul_tile_w8_32)           \
  X(matmul_tile_gpu, matmul_tile_w8_64)           \
  X(matmul_tile_gpu, matmul_tile_w8_128)          \
  X(matmul_tile_gpu, matmul_tile_w16_32)          \
  X(matmul_tile_gpu, matmul_tile_w16_64)          \
  X(matmul_tile_gpu, matmul_tile_w16_128)         \
  X(matmul_sum_gpu, matmul_sum)                   \
  X(matmul_f32_gpu, matmul_f32)                   \
  X(experts_gpu, route)                           \
  X(experts_gpu, group_experts)                   \
  X(experts_gpu, expert_matmul_f32)               \
  X(experts_gpu, expert_sum)                      \
  X(activation_gpu, activation)                   \
  X(activation_gpu, gated_activation)             \
  X(attention_steps_gpu, attention_scores)        \
  X(attention_steps_gpu, attention_scale)         \
  X(attention_steps_gpu, attention_mask)          \
  X(attention_steps_gpu, softmax)                 \
  X(attention_steps_gpu, attention_weighted_sum)  \
  X(attention_gpu, attention_tile_16)             \
  X(attention_gpu, attention_tile_32)             \
  X(attention_gpu, attention_tile_64)             \
  X(attention_gpu, attention_tile_80)             \
  X(attention_gpu, attention_tile_96)             \
  X(attention_gpu, attention_tile_128)            \
  X(attention_gpu, attention_tile_192)            \
  X(attention_gpu, attention_tile_256)            \
  X(attention_split_gpu, attention_split_16)      \
  X(attention_split_gpu, attention_split_32)      \
  X(attention_split_gpu, attention_split_64)      \
  X(attention_split_gpu, attention_split_80)      \
  X(attention_split_gpu, attention_split_96)      \
  X(attention_split_gpu, attention_split_128)     \
  X(attention_split_gpu, attention_split_192)     \
  X(attention_split_gpu, attention_split_256)     \
  X(attention_split_gpu, attention_merge)         \
  X(attention_f32_gpu, attention_f32)             \
  X(kv_write_gpu, kv_write)                       \
  X(layer_norm_gpu, layer_norm_row)               \
  X(layer_norm_gpu, layer_norm_wide)              \
  X(layer_norm_gpu, layer_norm_long)              \
  X(quantize_gpu, round_bf16)                     \
  X(rms_norm_gpu, rms_norm_head)                  \
  X(rms_norm_gpu, rms_norm_row)                   \
  X(rms_norm_gpu, rms_norm_middle)                \
  X(rms_norm_gpu, rms_norm_wide)                  \
  X(rms_norm_gpu, rms_norm_long)                  \
  X(rope_gpu, rope)                               \
  X(probe_gpu, probe_read)                        \
  X(probe_gpu, probe_matrix)                      \
  X(residual_add_gpu, residual_add)               \
  X(sample_gpu, sample_select)                    \
  X(sample_gpu, sample_finish)                    \
  X(sample_narrow_gpu, sample_narrow)

// Kernels that only sm_90a has, beside portable ones.
#define HEARTH_HOPPER_KERNELS(X)                             \
  X(probe_hopper_gpu, probe_matrix_hopper)                   \
  X(matmul_stream_hopper_gpu, matmul_stream_hopper_w4)       \
  X(matmul_hopper_gpu, matmul_hopper_w4_16)                  \
  X(matmul_hopper_gpu, matmul_hopper_w4_64)                  \
  X(matmul_hopper_gpu, matmul_hopper_w4_128)                 \
  X(matmul_hopper_gpu, matmul_hopper_w4_192)                 \
  X(matmul_stream_hopper_gpu, matmul_stream_hopper_w4_min)   \
  X(matmul_hopper_gpu, matmul_hopper_w4_min_16)              \
  X(matmul_hopper_gpu, matmul_hopper_w4_min_64)              \
  X(matmul_hopper_gpu, matmul_hopper_w4_min_128)             \
  X(matmul_hopper_gpu, matmul_hopper_w4_min_192)             \
  X(matmul_stream_hopper_gpu, matmul_stream_hopper_w4_fine)  \
  X(matmul_hopper_gpu, matmul_hopper_w4_fine_16)             \
  X(matmul_hopper_gpu, matmul_hopper_w4_fine_64)             \
  X(matmul_hopper_gpu, matmul_hopper_w4_fine_128)            \
  X(matmul_hopper_gpu, matmul_hopper_w4_fine_192)            \
  X(matmul_stream_hopper_gpu, matmul_stream_hopper_w4_table) \
  X(matmul_hopper_gpu, matmul_hopper_w4_table_16)            \
  X(matmul_hopper_gpu, matmul_hopper_w4_table_64)            \
  X(matmul_hopper_gpu, matmul_hopper_w4_table_128)           \
  X(matmul_hopper_gpu, matmul_hopper_w4_table_192)           \
  X(matmul_stream_hopper_gpu, matmul_stream_hopper_w6)       \
  X(matmul_hopper_gpu, matmul_hopper_w6_16)                  \
  X(matmul_hopper_gpu, matmul_hopper_w6_64)                  \
  X(matmul_hopper_gpu, matmul_hopper_w6_128)                 \
  X(matmul_hopper_gpu, matmul_hopper_w6_192)                 \
  X(matmul_stream_hopper_gpu, matmul_stream_hopper_w6_min)   \
  X(matmul_hopper_gpu, matmul_hopper_w6_min_16)              \
  X(matmul_hopper_gpu, matmul_hopper_w6_min_64)              \
  X(matmul_hopper_gpu, matmul_hopper_w6_min_128)             \
  X(matmul_hopper_gpu, matmul_hopper_w6_min_192)             \
  X(matmul_stream_hopper_gpu, matmul_stream_hopper_w8)       \
  X(matmul_hopper_gpu, matmul_hopper_w8_16)                  \
  X(matmul_hopper_gpu, matmul_hopper_w8_64)                  \
  X(matmul_hopper_gpu, matmul_hopper_w8_128)                 \
  X(matmul_hopper_gpu, matmul_hopper_w8_192)                 \
  X(matmul_stream_hopper_gpu, matmul_stream_hopper_w16)      \
  X(matmul_hopper_gpu, matmul_hopper_w16_16)                 \
  X(matmul_hopper_gpu, matmul_hopper_w16_64)                 \
  X(matmul_hopper_gpu, matmul_hopper_w16_128)                \
  X(matmul_hopper_gpu, matmul_hopper_w16_192)                \
  X(attention_hopper_gpu, attention_hopper_64)               \
  X(attention_hopper_gpu, attention_hopper_128)              \
  X(attention_hopper_gpu, attention_hopper_packed_64)        \
  X(attention_hopper_gpu, attention_hopper_packed_128)       \
  X(attention_hopper_gpu, attention_pack_64)                 \
  X(attention_hopper_gpu, attention_pack_128)

namespace hearth {

enum class GpuKernel : int {
#define HEARTH_ENUMERATOR(module, name) name,
  HEARTH_GPU_KERNELS(HEARTH_ENUMERATOR) HEARTH_HOPPER_KERNELS(HEARTH_ENUMERATOR)
#undef HEARTH_ENUMERATOR
};

}  // namespace hearth
