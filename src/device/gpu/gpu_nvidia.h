// NVIDIA's names for what gpu.h promises, and the matrix unit through mma.sync (PTX ISA, "Warp Level Matrix
// Instructions": m16n8k16).
#pragma once

#include <cuda_bf16.h>

#define HEARTH_DEVICE __device__ __forceinline__
#define HEARTH_UNROLL _Pragma("unroll")
#define HEARTH_SHARED(Type, name) __shared__ Type name

#include "device/gpu/gpu_fragments.h"

// A kernel lets the next one be started as soon as all its own blocks are, and waits itself for the end of the one
// before (programmatic dependent launch, from sm_90 on): launching, and what an EARLY kernel does before it calls
// wait_for_inputs(), are hidden.
#define HEARTH_KERNEL_EARLY(name, threads, blocks, Params)                                               \
  static __device__ __forceinline__ void name##_body(const Params& p);                                   \
  extern "C" __global__ void __launch_bounds__(threads, blocks) name(const __grid_constant__ Params p) { \
    hearth::gpu::allow_next();                                                                           \
    name##_body(p);                                                                                      \
  }                                                                                                      \
  static __device__ __forceinline__ void name##_body([[maybe_unused]] const Params& p)
// As many blocks at a time as `blocks` on a multiprocessor bound the registers.
#define HEARTH_KERNEL_BLOCKS(name, threads, blocks, Params)                                              \
  static __device__ __forceinline__ void name##_body(const Params& p);                                   \
  extern "C" __global__ void __launch_bounds__(threads, blocks) name(const __grid_constant__ Params p) { \
    hearth::gpu::allow_next();                                                                           \
    hearth::gpu::wait_for_inputs();                                                                      \
    name##_body(p);                                                                                      \
  }                                                                                                      \
  static __device__ __forceinline__ void name##_body([[maybe_unused]] const Params& p)
#define HEARTH_KERNEL(name, threads, Params) HEARTH_KERNEL_BLOCKS(name, threads, 0, Params)

namespace hearth::gpu {

inline constexpr int kWaveSize = 32;
HEARTH_DEVICE void allow_next() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;");
#endif
}
HEARTH_DEVICE void wait_for_inputs() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
HEARTH_DEVICE int thread_index() {
  return static_cast<int>(threadIdx.x);
}
HEARTH_DEVICE int block_x() {
  return static_cast<int>(blockIdx.x);
}
HEARTH_DEVICE int block_y() {
  return static_cast<int>(blockIdx.y);
}
HEARTH_DEVICE int block_z() {
  return static_cast<int>(blockIdx.z);
}
HEARTH_DEVICE int grid_x() {
  return static_cast<int>(gridDim.x);
}
HEARTH_DEVICE void block_sync() {
  __syncthreads();
}
HEARTH_DEVICE void prefetch(const void* address) {
  asm volatile("prefetch.global.L2 [%0];" ::"l"(address));
}
HEARTH_DEVICE void wave_sync() {
  __syncwarp();
}
template <class T>
HEARTH_DEVICE T shuffle(T value, int lane) {
  static_assert(sizeof(T) == 4);
  return __shfl_sync(~0u, value, lane);
}
HEARTH_DEVICE std::uint32_t shuffle_in_four(std::uint32_t value, int i) {
  return __shfl_sync(~0u, value, i, 4);
}
template <class T>
HEARTH_DEVICE T shuffle_xor(T value, int mask) {
  static_assert(sizeof(T) == 4);
  return __shfl_xor_sync(~0u, value, mask);
}
HEARTH_DEVICE std::uint32_t wave_max(std::uint32_t word) {
  return __reduce_max_sync(~0u, word);
}
HEARTH_DEVICE std::uint64_t ballot(bool condition) {
  return __ballot_sync(~0u, condition);
}

// The same value, of which the compiler no longer knows where it came from: what is computed from it stays where it is.
HEARTH_DEVICE int opaque(int value) {
  asm volatile("" : "+r"(value));
  return value;
}
HEARTH_DEVICE std::uint32_t unmerged(std::uint32_t word) {
  asm("" : "+r"(word));
  return word;
}
HEARTH_DEVICE std::uint32_t exchange_halves(std::uint32_t word) {
  return shuffle_xor(word, 16);
}

template <class T>
HEARTH_DEVICE T atomic_add(T* shared, T value) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8);
  if constexpr (sizeof(T) == 4) {
    return static_cast<T>(atomicAdd(reinterpret_cast<unsigned*>(shared), static_cast<unsigned>(value)));
  } else {
    return static_cast<T>(
        atomicAdd(reinterpret_cast<unsigned long long*>(shared), static_cast<unsigned long long>(value)));
  }
}

HEARTH_DEVICE float exp2_fast(float x) {
  return exp2f(x);
}
HEARTH_DEVICE void schedule_fence() {}
HEARTH_DEVICE float exp2_flush(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
HEARTH_DEVICE float max_number(float a, float b) {
  return fmaxf(a, b);
}
HEARTH_DEVICE float log2_fast(float x) {
  return log2f(x);
}
HEARTH_DEVICE float rsqrt_fast(float x) {
  return rsqrtf(x);
}
HEARTH_DEVICE float sqrt_exact(float x) {
  return __fsqrt_rn(x);
}
HEARTH_DEVICE float fma_exact(float a, float b, float c) {
  return __fmaf_rn(a, b, c);
}

// float32 to bf16, to the nearest, ties to even; a NaN stays one.
HEARTH_DEVICE std::uint16_t float_to_bf16(float value) {
  return __bfloat16_as_ushort(__float2bfloat16_rn(value));
}
HEARTH_DEVICE float half_to_float(std::uint16_t half) {
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(half));
  return value;
}

using Bf16Pair = std::uint32_t;
HEARTH_DEVICE Bf16Pair pair_of_floats(float low, float high) {
  Bf16Pair pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}
// a * b + c, one rounding each.
HEARTH_DEVICE Bf16Pair pair_fma(Bf16Pair a, Bf16Pair b, Bf16Pair c) {
  Bf16Pair d;
  asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(c));
  return d;
}
HEARTH_DEVICE Bf16Pair pair_multiply(Bf16Pair a, Bf16Pair b) {
  return pair_fma(a, b, 0x80008000u);
}
// pair_fma takes subnormal numbers at full speed.
inline constexpr bool kFastSubnormals = true;
// Two integers of 0 to 127 in the halves, less `offset`. With 0x4300 above it, a code is the bf16 128 + code.
HEARTH_DEVICE Bf16Pair pair_of_codes(std::uint32_t codes, int offset) {
  const std::uint32_t base = 0x4300u + static_cast<std::uint32_t>(offset);
  return pair_fma(base | base << 16, 0xbf80bf80u, codes | 0x43004300u);
}
// Two signed bytes, in the low bytes of the halves; what is above them does not matter. 128 + the low seven bits, less
// 128, or 256 where the sign is set.
HEARTH_DEVICE Bf16Pair pair_of_bytes(std::uint32_t bytes) {
  return pair_fma((bytes & 0x00800080u) | 0x43004300u, 0xbf80bf80u, (bytes & 0x007f007fu) | 0x43004300u);
}

// byte i of the result is byte `selector >> 4 i & 7` of (high:low).
HEARTH_DEVICE std::uint32_t permute_bytes(std::uint32_t low, std::uint32_t high, std::uint32_t selector) {
  return __byte_perm(low, high, selector);
}
HEARTH_DEVICE std::uint32_t nibbles_below_eight(std::uint32_t nibbles) {
  std::uint32_t bytes;  // a selector's fourth bit takes the byte's sign, 0 here, for all of its bits
  asm("prmt.b32 %0, %1, %1, %2;" : "=r"(bytes) : "r"(0x7f7f7f7fu), "r"(nibbles));
  return bytes;
}
HEARTH_DEVICE std::uint32_t select_bytes(std::uint32_t low, std::uint32_t high, std::uint32_t selector) {
  return __byte_perm(low, high,
                     (selector & 7u) | (selector >> 4 & 0x70u) | (selector >> 8 & 0x700u) | (selector >> 12 & 0x7000u));
}

// Loads that are read once and pass the first-level cache by.
struct alignas(16) Bytes16 {
  std::uint32_t word[4];
};
struct alignas(8) Bytes8 {
  std::uint32_t word[2];
};
HEARTH_DEVICE Bytes16 load_streaming(const Bytes16* from) {
  Bytes16 v;
  asm("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
      : "=r"(v.word[0]), "=r"(v.word[1]), "=r"(v.word[2]), "=r"(v.word[3])
      : "l"(from));
  return v;
}
HEARTH_DEVICE Bytes8 load_streaming(const Bytes8* from) {
  Bytes8 v;
  asm("ld.global.nc.L1::no_allocate.v2.u32 {%0, %1}, [%2];" : "=r"(v.word[0]), "=r"(v.word[1]) : "l"(from));
  return v;
}
HEARTH_DEVICE std::uint32_t load_streaming(const std::uint32_t* from) {
  std::uint32_t v;
  asm("ld.global.nc.L1::no_allocate.u32 %0, [%1];" : "=r"(v) : "l"(from));
  return v;
}

// Memory to shared memory behind the thread's back: 16 bytes, both sides aligned to them; zeros where `valid` is false.
// copy_commit() closes a group; copy_wait<n>() waits until at most n of this thread's groups are under way.
HEARTH_DEVICE void copy_async(void* shared, const void* from, bool valid) {
  const auto to = static_cast<std::uint32_t>(__cvta_generic_to_shared(shared));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(valid ? 16 : 0) : "memory");
}
HEARTH_DEVICE void copy_commit() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
template <int kPending>
HEARTH_DEVICE void copy_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
}

struct Mma : NvidiaFragments {
  struct A {
    Bytes8 quad[kRowsPerLane][kQuadsPerLane];
  };
  struct B {
    Bytes8 quad[kQuadsPerLane];
  };
  struct C {
    float value[kValues];
  };
  HEARTH_DEVICE static void multiply(C& c, const A& a, const B& b) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(c.value[0]), "+f"(c.value[1]), "+f"(c.value[2]), "+f"(c.value[3])
        : "r"(a.quad[0][0].word[0]), "r"(a.quad[1][0].word[0]), "r"(a.quad[0][0].word[1]), "r"(a.quad[1][0].word[1]),
          "r"(b.quad[0].word[0]), "r"(b.quad[0].word[1]));
  }
};

HEARTH_DEVICE void pin(Mma::C&) {}

}  // namespace hearth::gpu
