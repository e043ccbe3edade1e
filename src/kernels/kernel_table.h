// The operators of Hearth, and where a device keeps its kernels for them. A table has an entry for each operator, and
// for those that read weights one per format (and compute mode): what is empty is not supported, and nothing else says
// what is.
#pragma once

#include "kernels/activation/activation.h"
#include "kernels/attention/attention.h"
#include "kernels/attention_steps/attention_steps.h"
#include "kernels/embedding_gather/embedding_gather.h"
#include "kernels/kernel.h"
#include "kernels/kv_write/kv_write.h"
#include "kernels/layer_norm/layer_norm.h"
#include "kernels/matmul/matmul.h"
#include "kernels/position_add/position_add.h"
#include "kernels/quantize/quantize.h"
#include "kernels/residual_add/residual_add.h"
#include "kernels/rms_norm/rms_norm.h"
#include "kernels/rope/rope.h"

namespace hearth {

// A matmul kernel and the layout that it wants its weights in.
struct MatmulKernel {
  Kernel<MatmulArgs> run;
  // Where these are null the kernel reads the format as files have it. Otherwise `packed_bytes` says how large a matrix
  // [n, k] becomes, and `pack` rewrites it once, at load; `packed` is aligned to kBufferAlignmentBytes.
  std::int64_t (*packed_bytes)(std::int64_t n, std::int64_t k) = nullptr;
  void (*pack)(Stream& stream, const std::byte* weights, std::int64_t n, std::int64_t k, std::byte* packed) = nullptr;

  constexpr explicit operator bool() const { return static_cast<bool>(run); }
};

struct KernelTable {
  PerFormat<Kernel<EmbeddingGatherArgs>> embedding_gather;
  PerFormat<Kernel<PositionAddArgs>> position_add;
  Required<RopeTableArgs> rope_table;
  Required<RopeArgs> rope;
  Required<RmsNormArgs> rms_norm;
  Required<LayerNormArgs> layer_norm;
  Required<RoundBf16Args> round_bf16;
  Required<QuantizeInt8Args> quantize_int8;
  PerFormat<MatmulKernel> matmul_f32;
  PerFormat<MatmulKernel> matmul_bf16;
  PerFormat<MatmulKernel> matmul_int8;
  Required<KvWriteArgs> kv_write;
  Required<AttentionArgs> attention;
  Required<AttentionScoresArgs> attention_scores;
  Required<AttentionScaleArgs> attention_scale;
  Required<AttentionMaskArgs> attention_mask;
  Required<SoftmaxArgs> softmax;
  Required<AttentionWeightedSumArgs> attention_weighted_sum;
  Required<ActivationArgs> activation;
  Required<GatedActivationArgs> gated_activation;
  Required<ResidualAddArgs> residual_add;
};

// A device and its kernels: what a model is bound to.
struct Backend {
  Device& device;
  const KernelTable& kernels;
};

}  // namespace hearth
