// AMD's names for what gpu.h promises, without HIP's headers and device libraries: clang's builtins alone. RDNA runs in
// waves of 32 with WMMA, CDNA in waves of 64 with MFMA (AMD's ISA documents). tests/amd runs what is made of it.
#pragma once

#define HEARTH_DEVICE __attribute__((device)) inline __attribute__((always_inline))
#define HEARTH_UNROLL _Pragma("unroll")
#define HEARTH_SHARED(Type, name) static __attribute__((shared)) Type name

#include "device/gpu/gpu_fragments.h"

#define HEARTH_KERNEL(name, threads, Params) \
  extern "C" __attribute__((global, amdgpu_flat_work_group_size(threads, threads))) void name(const Params p)
#define HEARTH_KERNEL_BLOCKS(name, threads, blocks, Params) HEARTH_KERNEL(name, threads, Params)
#define HEARTH_KERNEL_EARLY(name, threads, blocks, Params) HEARTH_KERNEL(name, threads, Params)

namespace hearth::gpu {

#if defined(__GFX9__)
inline constexpr int kWaveSize = 64;
#else
inline constexpr int kWaveSize = 32;
#endif

HEARTH_DEVICE void wait_for_inputs() {}
HEARTH_DEVICE int thread_index() {
  return static_cast<int>(__builtin_amdgcn_workitem_id_x());
}
HEARTH_DEVICE int block_x() {
  return static_cast<int>(__builtin_amdgcn_workgroup_id_x());
}
HEARTH_DEVICE int block_y() {
  return static_cast<int>(__builtin_amdgcn_workgroup_id_y());
}
HEARTH_DEVICE int block_z() {
  return static_cast<int>(__builtin_amdgcn_workgroup_id_z());
}
HEARTH_DEVICE int grid_x() {
  return static_cast<int>(__builtin_amdgcn_grid_size_x() / __builtin_amdgcn_workgroup_size_x());
}
HEARTH_DEVICE void block_sync() {
  __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup");
  __builtin_amdgcn_s_barrier();
  __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup");
}
HEARTH_DEVICE void prefetch(const void*) {}
HEARTH_DEVICE void wave_sync() {
  __builtin_amdgcn_fence(__ATOMIC_RELEASE, "wavefront");
  __builtin_amdgcn_wave_barrier();
  __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "wavefront");
}
template <class T>
HEARTH_DEVICE T shuffle(T value, int lane) {
  static_assert(sizeof(T) == 4);
  return __builtin_bit_cast(T, __builtin_amdgcn_ds_bpermute(lane * 4, __builtin_bit_cast(int, value)));
}
template <class T>
HEARTH_DEVICE T shuffle_xor(T value, int mask) {
  const int lane = static_cast<int>(__builtin_amdgcn_mbcnt_hi(~0u, __builtin_amdgcn_mbcnt_lo(~0u, 0u)));
  return shuffle(value, lane ^ mask);
}
HEARTH_DEVICE std::uint64_t ballot(bool condition) {
#if defined(__GFX9__)
  return __builtin_amdgcn_ballot_w64(condition);
#else
  return __builtin_amdgcn_ballot_w32(condition);
#endif
}

// The same value, of which the compiler no longer knows where it came from: what is computed from it stays where it is.
HEARTH_DEVICE int opaque(int value) {
  asm volatile("" : "+v"(value));
  return value;
}

HEARTH_DEVICE std::uint32_t unmerged(std::uint32_t word) {
  asm("" : "+v"(word));
  return word;
}
HEARTH_DEVICE std::uint32_t exchange_halves(std::uint32_t word) {
#if defined(__GFX9__)
  return shuffle_xor(word, 16);
#else
  return __builtin_amdgcn_permlanex16(word, word, 0x76543210, 0xfedcba98, false, false);
#endif
}

template <class T>
HEARTH_DEVICE T atomic_add(T* shared, T value) {
  return __hip_atomic_fetch_add(shared, value, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_WORKGROUP);
}

HEARTH_DEVICE float exp2_fast(float x) {
  return __builtin_amdgcn_exp2f(x);
}
HEARTH_DEVICE void schedule_fence() {
  __builtin_amdgcn_sched_barrier(0);
}
HEARTH_DEVICE float exp2_flush(float x) {
  return __builtin_amdgcn_exp2f(x);
}
HEARTH_DEVICE float max_number(float a, float b) {
  return __builtin_fmaxf(a, b);
}
HEARTH_DEVICE float log2_fast(float x) {
  return __builtin_amdgcn_logf(x);
}
HEARTH_DEVICE float rsqrt_fast(float x) {
  return __builtin_amdgcn_rsqf(x);
}
HEARTH_DEVICE float sqrt_exact(float x) {
  return __builtin_sqrtf(x);
}
HEARTH_DEVICE float fma_exact(float a, float b, float c) {
  return __builtin_fmaf(a, b, c);
}

HEARTH_DEVICE std::uint16_t float_to_bf16(float value) {
  const std::uint32_t bits = __builtin_bit_cast(std::uint32_t, value);
  const std::uint32_t rounded = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
  return static_cast<std::uint16_t>(value != value ? bits >> 16 | 0x40u : rounded);
}
HEARTH_DEVICE float half_to_float(std::uint16_t half) {
  return static_cast<float>(__builtin_bit_cast(_Float16, half));
}

using Bf16Pair = std::uint32_t;
HEARTH_DEVICE Bf16Pair pair_of_floats(float low, float high) {
  return float_to_bf16(low) | static_cast<std::uint32_t>(float_to_bf16(high)) << 16;
}
// bf16(a * b + c) with one rounding, for a product that float32 holds exactly. The float32 sum is rounded again to
// bf16, which goes wrong only where it looks like a tie and is none: there its exact error (Knuth's TwoSum) decides.
HEARTH_DEVICE std::uint16_t fma_to_bf16(float a, float b, float c) {
  const float product = a * b;
  const float sum = product + c;
  std::uint32_t bits = __builtin_bit_cast(std::uint32_t, sum);
  if ((bits & 0xffffu) == 0x8000u) {
    const float c_part = sum - product;
    const float error = (product - (sum - c_part)) + (c - c_part);
    if (error != 0.0f && error == error) bits += (error > 0.0f) == (sum > 0.0f) ? 1u : ~0u;
  }
  return float_to_bf16(__builtin_bit_cast(float, bits));
}
HEARTH_DEVICE Bf16Pair pair_fma(Bf16Pair a, Bf16Pair b, Bf16Pair c) {
  const auto low = [](Bf16Pair p) { return __builtin_bit_cast(float, p << 16); };
  const auto high = [](Bf16Pair p) { return __builtin_bit_cast(float, p & 0xffff0000u); };
  return fma_to_bf16(low(a), low(b), low(c)) | static_cast<std::uint32_t>(fma_to_bf16(high(a), high(b), high(c))) << 16;
}

HEARTH_DEVICE Bf16Pair pair_multiply(Bf16Pair a, Bf16Pair b) {
  // The products are exact in float32.
  return pair_of_floats(__builtin_bit_cast(float, a << 16) * __builtin_bit_cast(float, b << 16),
                        __builtin_bit_cast(float, a & 0xffff0000u) * __builtin_bit_cast(float, b & 0xffff0000u));
}
inline constexpr bool kFastSubnormals = false;
// Two integers of 0 to 127 in the halves, less `offset`.
HEARTH_DEVICE Bf16Pair pair_of_codes(std::uint32_t codes, int offset) {
  const float low = static_cast<float>(static_cast<int>(codes & 0xffffu) - offset);
  const float high = static_cast<float>(static_cast<int>(codes >> 16) - offset);
  return __builtin_bit_cast(std::uint32_t, low) >> 16 | (__builtin_bit_cast(std::uint32_t, high) & 0xffff0000u);
}
// Two signed bytes, in the low bytes of the halves; what is above them does not matter.
HEARTH_DEVICE Bf16Pair pair_of_bytes(std::uint32_t bytes) {
  const float low = static_cast<float>(static_cast<signed char>(bytes & 0xffu));
  const float high = static_cast<float>(static_cast<signed char>(bytes >> 16 & 0xffu));
  return __builtin_bit_cast(std::uint32_t, low) >> 16 | (__builtin_bit_cast(std::uint32_t, high) & 0xffff0000u);
}

// byte i of the result is byte `selector >> 4 i & 7` of (high:low).
HEARTH_DEVICE std::uint32_t permute_bytes(std::uint32_t low, std::uint32_t high, std::uint32_t selector) {
  // The instruction keeps a selector in each byte.
  const std::uint32_t bytes =
      (selector & 7u) | (selector & 0x70u) << 4 | (selector & 0x700u) << 8 | (selector & 0x7000u) << 12;
  return __builtin_amdgcn_perm(high, low, bytes);
}
HEARTH_DEVICE std::uint32_t select_bytes(std::uint32_t low, std::uint32_t high, std::uint32_t selector) {
  return __builtin_amdgcn_perm(high, low, selector);
}

struct alignas(16) Bytes16 {
  std::uint32_t word[4];
};
struct alignas(8) Bytes8 {
  std::uint32_t word[2];
};
HEARTH_DEVICE Bytes16 load_streaming(const Bytes16* from) {
  return *from;
}
HEARTH_DEVICE Bytes8 load_streaming(const Bytes8* from) {
  return *from;
}
HEARTH_DEVICE std::uint32_t load_streaming(const std::uint32_t* from) {
  return *from;
}

// There is no copy behind the thread's back that all targets have: the copy is made at once.
HEARTH_DEVICE void copy_async(void* shared, const void* from, bool valid) {
  typedef std::uint32_t Words __attribute__((ext_vector_type(4)));
  using Local = __attribute__((address_space(3))) Words;
  Words words{};
  if (valid) words = *static_cast<const Words*>(from);
  *(Local*)shared = words;
}
HEARTH_DEVICE void copy_commit() {}
template <int kPending>
HEARTH_DEVICE void copy_wait() {}

#if defined(__GFX11__)
using Fragments = Gfx11Fragments;
#elif defined(__GFX12__)
using Fragments = Gfx12Fragments;
#else
using Fragments = Gfx9Fragments;
#endif

struct Mma : Fragments {
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
    typedef short Halves __attribute__((ext_vector_type(4 * kQuadsPerLane)));
    typedef float Floats __attribute__((ext_vector_type(kValues)));
    const Halves av = __builtin_bit_cast(Halves, a), bv = __builtin_bit_cast(Halves, b);
    const Floats cv = __builtin_bit_cast(Floats, c);
#if defined(__GFX11__)
    c = __builtin_bit_cast(C, __builtin_amdgcn_wmma_f32_16x16x16_bf16_w32(av, bv, cv));
#elif defined(__GFX12__)
    c = __builtin_bit_cast(C, __builtin_amdgcn_wmma_f32_16x16x16_bf16_w32_gfx12(av, bv, cv));
#elif defined(__GFX9__)
    c = __builtin_bit_cast(C, __builtin_amdgcn_mfma_f32_16x16x16bf16_1k(av, bv, cv, 0, 0, 0));
#endif
  }
};

HEARTH_DEVICE void pin(Mma::C& c) {
  typedef float Floats __attribute__((ext_vector_type(Mma::kValues)));
  Floats values = __builtin_bit_cast(Floats, c);
  asm volatile("" : "+v"(values));
  c = __builtin_bit_cast(Mma::C, values);
}

}  // namespace hearth::gpu

#include "device/gpu/gpu_without_instruction.h"
