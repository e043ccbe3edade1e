// What only Hopper (sm_90a) has: asynchronous matrix products of a warpgroup, the bulk copy engine and the barriers
// that it signals (PTX ISA: wgmma, cp.async.bulk, mbarrier). For kernels that stand beside a portable one.
#pragma once

#include "device/gpu/gpu.h"

// HEARTH_KERNEL_EARLY for a kernel of which `cluster` blocks, neighbours in y, run at the same time and reach each
// other's shared memory.
#define HEARTH_KERNEL_CLUSTER(name, threads, blocks, cluster, Params)                           \
  static __device__ __forceinline__ void name##_body(const Params& p);                          \
  extern "C" __global__ void __cluster_dims__(1, cluster, 1) __launch_bounds__(threads, blocks) \
      name(const __grid_constant__ Params p) {                                                  \
    hearth::gpu::allow_next();                                                                  \
    name##_body(p);                                                                             \
  }                                                                                             \
  static __device__ __forceinline__ void name##_body(const Params& p)

namespace hearth::gpu {

// The block's place in its cluster.
HEARTH_DEVICE int cluster_rank() {
  int rank;
  asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return rank;
}
// All threads of all the cluster's blocks.
HEARTH_DEVICE void cluster_sync() {
  asm volatile("barrier.cluster.arrive.release.aligned;\nbarrier.cluster.wait.acquire.aligned;" ::: "memory");
}

// What the launch asked for beyond HEARTH_SHARED.
HEARTH_DEVICE std::byte* dynamic_shared() {
  extern __shared__ __align__(128) std::byte hearth_dynamic_shared[];
  return hearth_dynamic_shared;
}

HEARTH_DEVICE std::uint32_t shared_address(const void* shared) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(shared));
}

// A barrier in shared memory that counts arrivals and bytes that copies bring.
struct alignas(8) Barrier {
  std::uint64_t state;

  HEARTH_DEVICE void init(int arrivals) {
    asm volatile("mbarrier.init.shared.b64 [%0], %1;" ::"r"(shared_address(this)), "r"(arrivals) : "memory");
  }
  // One arrival, and `bytes` more to wait for.
  HEARTH_DEVICE void arrive_expecting(int bytes) {
    asm volatile("mbarrier.arrive.expect_tx.shared.b64 _, [%0], %1;" ::"r"(shared_address(this)), "r"(bytes)
                 : "memory");
  }
  HEARTH_DEVICE void arrive() {
    asm volatile("mbarrier.arrive.shared.b64 _, [%0];" ::"r"(shared_address(this)) : "memory");
  }
  // The same once the asynchronous copies that this thread has issued are done. It orders nothing else.
  HEARTH_DEVICE void arrive_when_copied() {
    asm volatile("cp.async.mbarrier.arrive.noinc.shared.b64 [%0];" ::"r"(shared_address(this)) : "memory");
  }
  // An arrival at the barrier that stands in this one's place in another block of the cluster. It orders nothing that
  // this thread has written.
  HEARTH_DEVICE void arrive_at(int rank) {
    asm volatile(
        "{\n.reg .b32 there;\nmapa.shared::cluster.u32 there, %0, %1;\n"
        "mbarrier.arrive.shared::cluster.b64 _, [there];\n}" ::"r"(shared_address(this)),
        "r"(rank)
        : "memory");
  }
  // Until the phase of the given parity is over.
  HEARTH_DEVICE void wait(int parity) {
    asm volatile("{\n.reg .pred p;\nagain:\nmbarrier.try_wait.parity.shared.b64 p, [%0], %1;\n@!p bra again;\n}" ::"r"(
                     shared_address(this)),
                 "r"(parity)
                 : "memory");
  }
};

// After the barriers are initialized, before others use them.
HEARTH_DEVICE void fence_barrier_init() {
  asm volatile("fence.mbarrier_init.release.cluster;\nfence.proxy.async;" ::: "memory");
}

// `bytes` (a multiple of 16) of memory to shared memory, signalled at `barrier`.
HEARTH_DEVICE void copy_bulk(void* to, const void* from, int bytes, Barrier& barrier) {
  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(
                   shared_address(to)),
               "l"(from), "r"(bytes), "r"(shared_address(&barrier))
               : "memory");
}

// The box at (column, row) of a matrix that the driver has described in `map`.
HEARTH_DEVICE void copy_box(void* to, const void* map, int column, int row, Barrier& barrier) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], [%4];" ::"r"(
          shared_address(to)),
      "l"(map), "r"(column), "r"(row), "r"(shared_address(&barrier))
      : "memory");
}

// The same to this place in every block of the cluster that has a bit in `blocks`, signalled at the barriers in the
// place of this one.
HEARTH_DEVICE void copy_box_to(void* to, const void* map, int column, int row, Barrier& barrier, std::uint16_t blocks) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster [%0], [%1, {%2, "
      "%3}], [%4], %5;" ::"r"(shared_address(to)),
      "l"(map), "r"(column), "r"(row), "r"(shared_address(&barrier)), "h"(blocks)
      : "memory");
}

// Writes to shared memory that this thread has made, or has waited for at a barrier, become visible to what the matrix
// unit and the copy engine do afterwards.
HEARTH_DEVICE void fence_matrices() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

// copy_async() of 8 bytes, aligned to them, which goes through the first-level cache; `to` is a shared_address().
HEARTH_DEVICE void copy_async8(std::uint32_t to, const void* from, bool valid) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 8, %2;" ::"r"(to), "l"(from), "r"(valid ? 8 : 0) : "memory");
}

// block_sync() for `threads` threads of the block, whole warps, all of which name the same `id`, 1 to 15.
HEARTH_DEVICE void part_sync(int id, int threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

template <int kRegisters>
HEARTH_DEVICE void give_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kRegisters));
}
template <int kRegisters>
HEARTH_DEVICE void take_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(kRegisters));
}

// Describes a matrix in shared memory to the matrix unit: rows of 64 bf16, swizzled in units of 128 bytes as the copy
// engine leaves them; columns advance by 2 for every 16 of them.
HEARTH_DEVICE std::uint64_t swizzled_matrix(const void* shared) {
  return static_cast<std::uint64_t>((shared_address(shared) & 0x3ffffu) >> 4) | std::uint64_t{1} << 16 |
         std::uint64_t{1024 >> 4} << 32 | std::uint64_t{1} << 62;
}

HEARTH_DEVICE void warpgroup_fence() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
HEARTH_DEVICE void warpgroup_commit() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
template <int kPending>
HEARTH_DEVICE void warpgroup_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
}

// The matrix unit's products for the numbers of columns that kernels use: d [64 rows, 2 kValues columns] += a [64, 16]
// b [16, 2 kValues]; first() sets d instead. A warp has 16 rows, and of them and of each 8 columns what Mma::A and
// Mma::C say; b is described by swizzled_matrix(). Asynchronous: neither a nor d may be touched before the wait.
template <int kValues>
struct WarpgroupProduct;

#define HEARTH_ADDED(value) "+f"(value)
#define HEARTH_SET(value) "=f"(value)
#define HEARTH_D4(how, i) how(d[i]), how(d[i + 1]), how(d[i + 2]), how(d[i + 3])
#define HEARTH_D8(how, i) HEARTH_D4(how, i), HEARTH_D4(how, i + 4)
#define HEARTH_D32(how, i) HEARTH_D8(how, i), HEARTH_D8(how, i + 8), HEARTH_D8(how, i + 16), HEARTH_D8(how, i + 24)
#define HEARTH_VALUES_8(how) HEARTH_D8(how, 0)
#define HEARTH_VALUES_32(how) HEARTH_D32(how, 0)
#define HEARTH_VALUES_36(how) HEARTH_D32(how, 0), HEARTH_D4(how, 32)
#define HEARTH_VALUES_64(how) HEARTH_D32(how, 0), HEARTH_D32(how, 32)
#define HEARTH_VALUES_68(how) HEARTH_VALUES_64(how), HEARTH_D4(how, 64)
#define HEARTH_VALUES_96(how) HEARTH_VALUES_64(how), HEARTH_D32(how, 64)
#define HEARTH_VALUES_128(how) HEARTH_VALUES_96(how), HEARTH_D32(how, 96)
#define HEARTH_OUT8_NAMES "%0, %1, %2, %3, %4, %5, %6, %7"
#define HEARTH_OUT32_NAMES                                                                                         \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23, " \
  "%24, "                                                                                                          \
  "%25, %26, %27, %28, %29, %30, %31"
#define HEARTH_OUT36_NAMES HEARTH_OUT32_NAMES ", %32, %33, %34, %35"
#define HEARTH_OUT64_NAMES                                                                                           \
  HEARTH_OUT32_NAMES                                                                                                 \
  ", %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, %53, " \
  "%54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
#define HEARTH_OUT68_NAMES HEARTH_OUT64_NAMES ", %64, %65, %66, %67"
#define HEARTH_OUT96_NAMES                                                                                           \
  HEARTH_OUT64_NAMES                                                                                                 \
  ", %64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, %80, %81, %82, %83, %84, %85, " \
  "%86, %87, %88, %89, %90, %91, %92, %93, %94, %95"
#define HEARTH_OUT128_NAMES                                                                                          \
  HEARTH_OUT96_NAMES                                                                                                 \
  ", %96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, %112, %113, %114, " \
  "%115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127"
// The operands after d are a's four registers and b.
#define HEARTH_WARPGROUP_ISSUE(values, columns, names, a_and_b, add, how)                                     \
  asm volatile("wgmma.mma_async.sync.aligned.m64n" columns "k16.f32.bf16.bf16 {" names "}, " a_and_b ", " add \
               ", 1, 1, 0;"                                                                                   \
               : HEARTH_VALUES_##values(how)                                                                  \
               : "r"(a.quad[0][0].word[0]), "r"(a.quad[1][0].word[0]), "r"(a.quad[0][0].word[1]),             \
                 "r"(a.quad[1][0].word[1]), "l"(b))
#define HEARTH_WARPGROUP_PRODUCT(values, columns, names, a_and_b)                              \
  template <>                                                                                  \
  struct WarpgroupProduct<values> {                                                            \
    HEARTH_DEVICE static void multiply(float (&d)[values], const Mma::A& a, std::uint64_t b) { \
      HEARTH_WARPGROUP_ISSUE(values, columns, names, a_and_b, "1", HEARTH_ADDED);              \
    }                                                                                          \
    HEARTH_DEVICE static void first(float (&d)[values], const Mma::A& a, std::uint64_t b) {    \
      HEARTH_WARPGROUP_ISSUE(values, columns, names, a_and_b, "0", HEARTH_SET);                \
    }                                                                                          \
  };
HEARTH_WARPGROUP_PRODUCT(8, "16", HEARTH_OUT8_NAMES, "{%8, %9, %10, %11}, %12")
HEARTH_WARPGROUP_PRODUCT(32, "64", HEARTH_OUT32_NAMES, "{%32, %33, %34, %35}, %36")
HEARTH_WARPGROUP_PRODUCT(36, "72", HEARTH_OUT36_NAMES, "{%36, %37, %38, %39}, %40")
HEARTH_WARPGROUP_PRODUCT(64, "128", HEARTH_OUT64_NAMES, "{%64, %65, %66, %67}, %68")
HEARTH_WARPGROUP_PRODUCT(68, "136", HEARTH_OUT68_NAMES, "{%68, %69, %70, %71}, %72")
HEARTH_WARPGROUP_PRODUCT(96, "192", HEARTH_OUT96_NAMES, "{%96, %97, %98, %99}, %100")
HEARTH_WARPGROUP_PRODUCT(128, "256", HEARTH_OUT128_NAMES, "{%128, %129, %130, %131}, %132")

template <int kValues>
HEARTH_DEVICE void warpgroup_multiply(float (&d)[kValues], const Mma::A& a, std::uint64_t b) {
  WarpgroupProduct<kValues>::multiply(d, a, b);
}
// d = a b.
template <int kValues>
HEARTH_DEVICE void warpgroup_multiply_first(float (&d)[kValues], const Mma::A& a, std::uint64_t b) {
  WarpgroupProduct<kValues>::first(d, a, b);
}

// Keeps what is computed from d after the wait for its products, and what d is computed from before the next.
template <int kValues>
HEARTH_DEVICE void warpgroup_done(float (&d)[kValues]) {
  HEARTH_UNROLL
  for (int i = 0; i < kValues; ++i) asm volatile("" : "+f"(d[i])::"memory");
}

}  // namespace hearth::gpu
