// Matrix product in float32: the reference mode, never rounded to fewer bits. A block computes 64 rows by 64 tokens, a
// thread four by four of them; k is summed in ascending order by fused multiply-adds, in the segments of the bf16
// kernels.
#include "device/gpu/gpu.h"
#include "kernels/matmul/gpu/matmul_gpu.h"

namespace hearth::gpu {
namespace {

constexpr int kChunk = 16;
constexpr int kPerThread = 4;
constexpr int kThreadsAcross = kMatmulF32Tile / kPerThread;
static_assert(kThreadsAcross * kThreadsAcross == kMatmulThreads);

struct F32Shared {
  float x[kChunk][kMatmulF32Tile + 1];
  float w[kChunk][kMatmulF32Tile + 1];
};

// [64 rows][16 columns] of a row-major matrix, transposed, zeros outside of it.
HEARTH_DEVICE void load_chunk(const float* from, int rows, int k, int first_row, int first_k,
                              float (&to)[kChunk][kMatmulF32Tile + 1]) {
  HEARTH_UNROLL
  for (int i = 0; i < kMatmulF32Tile * kChunk / kMatmulThreads; ++i) {
    const int at = thread_index() + i * kMatmulThreads, row = at / kChunk, column = at % kChunk;
    const bool valid = first_row + row < rows && first_k + column < k;
    to[column][row] = valid ? from[static_cast<std::int64_t>(first_row + row) * k + first_k + column] : 0.0f;
  }
}

}  // namespace

HEARTH_KERNEL(matmul_f32, kMatmulThreads, MatmulF32Params) {
  HEARTH_SHARED(F32Shared, shared);
  const int first_row = block_y() * kMatmulF32Tile, first_token = block_x() * kMatmulF32Tile;
  const int row = thread_index() % kThreadsAcross, token = thread_index() / kThreadsAcross;  // strided by 16
  float total[kPerThread][kPerThread] = {}, sum[kPerThread][kPerThread] = {};

  for (int k = 0; k < p.k; k += kChunk) {
    load_chunk(p.x, p.token_count, p.k, first_token, k, shared.x);
    load_chunk(p.weights, p.n, p.k, first_row, k, shared.w);
    block_sync();
    const int columns = p.k - k < kChunk ? p.k - k : kChunk;
    for (int c = 0; c < columns; ++c) {
      HEARTH_UNROLL
      for (int i = 0; i < kPerThread; ++i) {
        HEARTH_UNROLL
        for (int j = 0; j < kPerThread; ++j) {
          sum[i][j] =
              fma_exact(shared.x[c][token + i * kThreadsAcross], shared.w[c][row + j * kThreadsAcross], sum[i][j]);
        }
      }
    }
    block_sync();
    if ((k + kChunk) % kGpuMatmulSegment != 0 && k + kChunk < p.k) continue;
    HEARTH_UNROLL
    for (int i = 0; i < kPerThread; ++i) {
      HEARTH_UNROLL
      for (int j = 0; j < kPerThread; ++j) {
        total[i][j] += sum[i][j];
        sum[i][j] = 0.0f;
      }
    }
  }
  HEARTH_UNROLL
  for (int i = 0; i < kPerThread; ++i) {
    HEARTH_UNROLL
    for (int j = 0; j < kPerThread; ++j) {
      const int t = first_token + token + i * kThreadsAcross, n = first_row + row + j * kThreadsAcross;
      if (t >= p.token_count || n >= p.n) continue;
      p.y[t * p.y_stride + n] = p.scale * total[i][j] + (p.bias == nullptr ? 0.0f : p.bias[n]);
    }
  }
}

}  // namespace hearth::gpu
