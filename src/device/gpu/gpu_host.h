// The host's names for what gpu.h promises: kernels as functions of the executor in tests/simt, which gives every
// thread of a block a fiber. HEARTH_SIMT_NVIDIA or HEARTH_SIMT_GFX9 says whose wave size and matrix fragments are
// imitated; a kernel is compiled once for each.
#pragma once

#include <bit>
#include <cmath>
#include <cstring>

#include "formats/float16.h"

#if defined(HEARTH_SIMT_NVIDIA)
#define HEARTH_SIMT_NAME nvidia
#else
#define HEARTH_SIMT_NAME gfx9
#endif
#define HEARTH_SIMT_CONCAT_(a, b) a##_##b
#define HEARTH_SIMT_CONCAT(a, b) HEARTH_SIMT_CONCAT_(a, b)
#define HEARTH_SIMT_STRING_(a) #a
#define HEARTH_SIMT_STRING(a) HEARTH_SIMT_STRING_(a)

// What a kernel calls is compiled once for each imitated GPU as well: a name of its own keeps the copies apart.
#define gpu HEARTH_SIMT_CONCAT(gpu, HEARTH_SIMT_NAME)

namespace hearth::simt {

// Provided by the executor; each is called by the running thread of the running block.
int thread_index();
int block_index(int axis);
int grid_size(int axis);
void block_barrier();
// Deposits `bytes` and waits for the other lanes of the wave; lane i's deposit is at i * bytes of what comes back,
// which holds until the lane's next call. Calls of one wave must agree on `bytes`.
const std::byte* wave_share(const void* mine, int bytes);
// The block's memory for the variable that `key` stands for; filled with a pattern before the block starts.
void* shared_memory(const void* key, std::size_t bytes);
// Adds a kernel to the executor's list of the imitated GPU `gpu_name`.
struct Registration {
  Registration(const char* gpu_name, const char* kernel, int threads, std::size_t params_bytes,
               void (*run)(const void* params));
};

}  // namespace hearth::simt

#define HEARTH_DEVICE inline
#define HEARTH_UNROLL
#define HEARTH_SHARED(Type, name)   \
  static const char name##_key = 0; \
  Type& name = *static_cast<Type*>(::hearth::simt::shared_memory(&name##_key, sizeof(Type)))

#include "device/gpu/gpu_fragments.h"

#define HEARTH_KERNEL(name, threads, Params)                                         \
  static void name##_body(const Params& p);                                          \
  static const ::hearth::simt::Registration name##_registration(                     \
      HEARTH_SIMT_STRING(HEARTH_SIMT_NAME), #name, threads, sizeof(Params),          \
      [](const void* params) { name##_body(*static_cast<const Params*>(params)); }); \
  static void name##_body([[maybe_unused]] const Params& p)
#define HEARTH_KERNEL_BLOCKS(name, threads, blocks, Params) HEARTH_KERNEL(name, threads, Params)
#define HEARTH_KERNEL_EARLY(name, threads, blocks, Params) HEARTH_KERNEL(name, threads, Params)

namespace hearth::gpu {

#if defined(HEARTH_SIMT_GFX9)
inline constexpr int kWaveSize = 64;
#else
inline constexpr int kWaveSize = 32;
#endif

HEARTH_DEVICE void wait_for_inputs() {}
HEARTH_DEVICE int thread_index() {
  return simt::thread_index();
}
HEARTH_DEVICE int block_x() {
  return simt::block_index(0);
}
HEARTH_DEVICE int block_y() {
  return simt::block_index(1);
}
HEARTH_DEVICE int block_z() {
  return simt::block_index(2);
}
HEARTH_DEVICE int grid_x() {
  return simt::grid_size(0);
}
HEARTH_DEVICE void block_sync() {
  simt::block_barrier();
}
HEARTH_DEVICE void prefetch(const void*) {}
HEARTH_DEVICE void wave_sync() {
  const char nothing = 0;
  simt::wave_share(&nothing, 1);
}
template <class T>
HEARTH_DEVICE T shuffle(T value, int lane) {
  static_assert(sizeof(T) == 4);
  T result;
  std::memcpy(&result, simt::wave_share(&value, 4) + 4 * (lane % kWaveSize), 4);
  return result;
}
template <class T>
HEARTH_DEVICE T shuffle_xor(T value, int mask) {
  return shuffle(value, (simt::thread_index() % kWaveSize) ^ mask);
}
HEARTH_DEVICE std::uint64_t ballot(bool condition) {
  const std::byte* conditions = simt::wave_share(&condition, 1);
  std::uint64_t bits = 0;
  for (int i = 0; i < kWaveSize; ++i) bits |= std::uint64_t{conditions[i] != std::byte{0}} << i;
  return bits;
}

HEARTH_DEVICE int opaque(int value) {
  return value;
}
HEARTH_DEVICE std::uint32_t unmerged(std::uint32_t word) {
  return word;
}
HEARTH_DEVICE std::uint32_t exchange_halves(std::uint32_t word) {
  return shuffle_xor(word, 16);
}

template <class T>
HEARTH_DEVICE T atomic_add(T* shared, T value) {
  const T before = *shared;
  *shared += value;
  return before;
}

HEARTH_DEVICE float exp2_fast(float x) {
  return std::exp2(x);
}
HEARTH_DEVICE void schedule_fence() {}
HEARTH_DEVICE float exp2_flush(float x) {
  return std::exp2(x);
}
HEARTH_DEVICE float max_number(float a, float b) {
  return std::fmax(a, b);
}
HEARTH_DEVICE float log2_fast(float x) {
  return std::log2(x);
}
HEARTH_DEVICE float rsqrt_fast(float x) {
  return 1.0f / std::sqrt(x);
}
HEARTH_DEVICE float sqrt_exact(float x) {
  return std::sqrt(x);
}
HEARTH_DEVICE float fma_exact(float a, float b, float c) {
  return std::fma(a, b, c);
}

HEARTH_DEVICE std::uint16_t float_to_bf16(float value) {
  return f32_to_bf16(value);
}
HEARTH_DEVICE float half_to_float(std::uint16_t half) {
  return f16_to_f32(half);
}

using Bf16Pair = std::uint32_t;
HEARTH_DEVICE Bf16Pair pair_of_floats(float low, float high) {
  return f32_to_bf16(low) | static_cast<std::uint32_t>(f32_to_bf16(high)) << 16;
}
HEARTH_DEVICE std::uint16_t fma_to_bf16(float a, float b, float c) {
  return difference_to_bf16(a * b, -c);
}
HEARTH_DEVICE Bf16Pair pair_fma(Bf16Pair a, Bf16Pair b, Bf16Pair c) {
  const auto half = [](Bf16Pair p, int i) { return bf16_to_f32(static_cast<std::uint16_t>(p >> (16 * i))); };
  return fma_to_bf16(half(a, 0), half(b, 0), half(c, 0)) |
         static_cast<std::uint32_t>(fma_to_bf16(half(a, 1), half(b, 1), half(c, 1))) << 16;
}

HEARTH_DEVICE Bf16Pair pair_multiply(Bf16Pair a, Bf16Pair b) {
  const auto half = [](Bf16Pair p, int i) { return bf16_to_f32(static_cast<std::uint16_t>(p >> (16 * i))); };
  return pair_of_floats(half(a, 0) * half(b, 0), half(a, 1) * half(b, 1));
}
#if defined(HEARTH_SIMT_NVIDIA)
inline constexpr bool kFastSubnormals = true;
#else
inline constexpr bool kFastSubnormals = false;
#endif
HEARTH_DEVICE Bf16Pair pair_of_codes(std::uint32_t codes, int offset) {
  return pair_of_floats(static_cast<float>(static_cast<int>(codes & 0xffffu) - offset),
                        static_cast<float>(static_cast<int>(codes >> 16) - offset));
}
HEARTH_DEVICE Bf16Pair pair_of_bytes(std::uint32_t bytes) {
  return pair_of_floats(static_cast<float>(static_cast<std::int8_t>(bytes & 0xffu)),
                        static_cast<float>(static_cast<std::int8_t>(bytes >> 16 & 0xffu)));
}

HEARTH_DEVICE std::uint32_t permute_bytes(std::uint32_t low, std::uint32_t high, std::uint32_t selector) {
  const std::uint64_t bytes = std::uint64_t{high} << 32 | low;
  std::uint32_t result = 0;
  for (int i = 0; i < 4; ++i) {
    result |= static_cast<std::uint32_t>(bytes >> (8 * (selector >> 4 * i & 7)) & 0xff) << 8 * i;
  }
  return result;
}
HEARTH_DEVICE std::uint32_t select_bytes(std::uint32_t low, std::uint32_t high, std::uint32_t selector) {
  const std::uint32_t nibbles =
      (selector & 7u) | (selector >> 4 & 0x70u) | (selector >> 8 & 0x700u) | (selector >> 12 & 0x7000u);
  return permute_bytes(low, high, nibbles);
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

HEARTH_DEVICE void copy_async(void* shared, const void* from, bool valid) {
  if (valid) {
    std::memcpy(shared, from, 16);
  } else {
    std::memset(shared, 0, 16);
  }
}
HEARTH_DEVICE void copy_commit() {}
template <int kPending>
HEARTH_DEVICE void copy_wait() {}

#if defined(HEARTH_SIMT_NVIDIA)
using Fragments = NvidiaFragments;
#else
using Fragments = Gfx9Fragments;
#endif

struct Mma : Fragments {
  // The lane that has a row's (or column's) quad.
  static int holder(int row, int quad) {
#if defined(HEARTH_SIMT_NVIDIA)
    return row % 8 * 4 + quad;
#else
    return row + 16 * quad;
#endif
  }
  struct A {
    Bytes8 quad[kRowsPerLane][kQuadsPerLane];
  };
  struct B {
    Bytes8 quad[kQuadsPerLane];
  };
  struct C {
    float value[kValues];
  };
  // k ascending, in float32: not the hardware's order, but one.
  static void multiply(C& c, const A& a, const B& b) {
    struct Both {
      float a[kRowsPerLane][kQuadsPerLane][4];
      float b[kQuadsPerLane][4];
    };
    Both mine;
    for (int j = 0; j < kQuadsPerLane; ++j) {
      for (int i = 0; i < 4; ++i) {
        const auto value = [&](const Bytes8& q) {
          return bf16_to_f32(static_cast<std::uint16_t>(q.word[i / 2] >> (16 * (i % 2))));
        };
        for (int r = 0; r < kRowsPerLane; ++r) mine.a[r][j][i] = value(a.quad[r][j]);
        mine.b[j][i] = value(b.quad[j]);
      }
    }
    const auto* all = reinterpret_cast<const Both*>(simt::wave_share(&mine, sizeof mine));
    const int lane = simt::thread_index() % kWaveSize;
    for (int e = 0; e < kValues; ++e) {
      const int row = c_row(lane, e), column = c_column(lane, e);
      for (int q = 0; q < 4; ++q) {
        const float* rows = all[holder(row, q)].a[row / 8 % kRowsPerLane][q % kQuadsPerLane];
        const float* columns = all[holder(column, q)].b[q % kQuadsPerLane];
        for (int i = 0; i < 4; ++i) c.value[e] += rows[i] * columns[i];
      }
    }
  }
};

HEARTH_DEVICE void pin(Mma::C&) {}

}  // namespace hearth::gpu

#include "device/gpu/gpu_without_instruction.h"
